"""Rows to tasks: which column is what, how the prompt is made and the gold answer cut, and what is wrong with a row."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import jinja2
import jinja2.sandbox

from guerdon.errors import DataError, RecipeError
from guerdon.ops.answers import extract_answer
from guerdon.records import Task
from guerdon.tasks._rows import read_rows

KEYS = ("prompt", "gold", "demonstration", "id", "domain")
_LAST_NUMBER = re.compile(r"\d+")  # of a place: the line or row


class Layout(Protocol):
    """The part of a recipe that says how rows become tasks; see :class:`guerdon.tasks.dataset.Dataset`."""

    @property
    def format(self) -> str | None: ...
    @property
    def subset(self) -> str | None: ...
    @property
    def fields(self) -> Mapping[str, str]: ...
    @property
    def template(self) -> str | None: ...
    @property
    def gold_format(self) -> str | None: ...
    @property
    def gold_pattern(self) -> str | None: ...
    @property
    def bad_rows(self) -> str: ...


class Reader:
    """Rows to tasks by the recipe of one data set."""

    def __init__(self, recipe: Layout):
        self.recipe = recipe
        self.pattern = _pattern(recipe.gold_pattern)
        self.template = _template(recipe.template)
        self.extra = {k: c for k, c in recipe.fields.items() if k not in KEYS}

    def tasks(self, path: str, split: str | None) -> tuple[list[Task], list[str]]:
        """All tasks of a source, and notes on what was left out."""
        found: list[Task] = []
        problems: list[DataError] = []
        places: dict[str, str] = {}
        for where, row in read_rows(path, self.recipe.format, split, self.recipe.subset):
            try:
                if isinstance(row, DataError):
                    raise row
                task = self.task(row, where, path, split)
                if task.id in places:
                    raise DataError(
                        "two rows have the same id", where=where, seen=f"{task.id} (first at {places[task.id]})",
                        fix="make the ids unique, or map no id",
                    )  # fmt: skip
                places[task.id] = where
                found.append(task)
            except DataError as error:
                problems.append(error)
        if problems and (self.recipe.bad_rows == "stop" or not found):
            raise _with_count(problems)
        if not found:
            raise DataError("the file is empty", where=path, seen="no row", fix="write at least one row")
        return found, [f"bad row left out: {p.where}: {p.what}" for p in problems]

    def task(self, row: dict[str, Any], where: str, path: str, split: str | None) -> Task:
        """One row as a task."""
        messages = ()
        if self.template is not None:
            prompt = _render(self.template, row, where)
        else:
            prompt = self._column(row, "prompt", where, needed=True)
            if isinstance(prompt, list):
                messages = _messages(prompt, where, self._name("prompt"))
                prompt = "\n".join(m["content"] for m in messages)
        prompt = _text(prompt, where, "template" if self.template is not None else self._name("prompt"))
        demonstration = self._column(row, "demonstration", where)
        key = self._column(row, "id", where)
        domain = self._column(row, "domain", where)
        number = _LAST_NUMBER.findall(where)[-1]
        own = f"{Path(path).name}{'/' if split else ''}{split or ''}:{number}"
        return Task(
            id=own if key is None else _label(key, where, self._name("id")),
            prompt=prompt,
            gold=self._gold(self._column(row, "gold", where), where),
            demonstration=None if demonstration is None else _text(demonstration, where, self._name("demonstration")),
            domain="" if domain is None else _label(domain, where, self._name("domain")),
            messages=messages,
            fields={name: self._pick(row, column, where) for name, column in self.extra.items()},
        )

    def _name(self, part: str) -> str:
        return self.recipe.fields.get(part, part)

    def _column(self, row: dict[str, Any], part: str, where: str, *, needed: bool = False) -> Any:
        if part in self.recipe.fields or needed:
            return self._pick(row, self._name(part), where, part)
        return row.get(part)

    def _pick(self, row: dict[str, Any], column: str, where: str, part: str = "") -> Any:
        if column not in row:
            raise DataError(
                f"field {column!r} is missing", where=where, seen=sorted(map(str, row)),
                fix=f"map the right column, fields: {{{part or column}: …}}, or complete the row",
            )  # fmt: skip
        return row[column]

    def _gold(self, value: Any, where: str) -> Any:
        name = self._name("gold")
        if value is None and "gold" not in self.recipe.fields:
            return None
        if isinstance(value, bool) or value is None:
            raise DataError(
                f"field {name!r} is no answer", where=where, seen=value, allowed="text, number, list or object",
                fix="write the answer as text",
            )  # fmt: skip
        if isinstance(value, (int, float)):
            if not math.isfinite(value):
                raise DataError(f"field {name!r} is not finite", where=where, seen=value, fix="correct or drop the row")
            value = str(value)
        if isinstance(value, Mapping):
            return value
        if isinstance(value, list):
            return tuple(_text(str(v) if isinstance(v, (int, float)) else v, where, name) for v in value)
        return self._cut(_text(value, where, name), where, name)

    def _cut(self, text: str, where: str, name: str) -> str:
        if self.pattern is not None:
            cut = ""
            for match in self.pattern.finditer(text):
                cut = match.group(1) or ""
            wanted = f"the pattern {self.recipe.gold_pattern!r}"
        elif self.recipe.gold_format is not None:
            cut, wanted = (
                extract_answer(text, self.recipe.gold_format),
                f"an answer of format {self.recipe.gold_format}",
            )
        else:
            return text
        if not cut.strip():
            raise DataError(
                f"field {name!r} does not hold {wanted}",
                where=where,
                seen=text[-80:],
                fix="correct the row or the format",
            )
        return cut.strip()


def _text(value: Any, where: str, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(
            f"field {name!r} is {type(value).__name__}, not text", where=where, seen=repr(value)[:80], allowed="text",
            fix="put it in double quotes",
        )  # fmt: skip
    if not value.strip():
        raise DataError(f"field {name!r} is empty", where=where, seen=repr(value[:20]), fix="fill it or drop the row")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"field {name!r} holds half of a surrogate pair", where=where, seen=repr(value[error.start]),
            fix="write the character itself or both halves",
        ) from None  # fmt: skip
    return value


def _label(value: Any, where: str, name: str) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value, where, name)


def _messages(value: list[Any], where: str, name: str) -> tuple[Mapping[str, str], ...]:
    for number, message in enumerate(value):
        if not (isinstance(message, Mapping) and isinstance(message.get("role"), str)):
            raise DataError(
                f"field {name!r} is a list, but not of chat messages", where=where, seen=f"[{number}] {message!r}"[:80],
                allowed='{"role": "user", "content": "…"}', fix="write messages, or the prompt as text",
            )  # fmt: skip
        _text(message.get("content"), where, f"{name}[{number}].content")
    if not value:
        raise DataError(f"field {name!r} is empty", where=where, seen="[]", fix="fill it or drop the row")
    return tuple({"role": m["role"], "content": m["content"]} for m in value)


def _with_count(problems: list[DataError]) -> DataError:
    first, rest = problems[0], problems[1:]
    if not rest:
        return first
    shown = ", ".join(p.where.rpartition("/")[2] for p in rest[:5]) + (", …" if len(rest) > 5 else "")
    more = f"{first.what} ({len(rest)} more bad {'row' if len(rest) == 1 else 'rows'}: {shown})"
    return DataError(more, where=first.where, seen=first.seen, allowed=first.allowed, fix=first.fix)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise RecipeError(f"not a regular expression: {error}", where="task.gold_pattern", seen=text) from error
    if pattern.groups != 1:
        raise RecipeError(
            "gold_pattern needs exactly one group, the answer", where="task.gold_pattern", seen=text,
            fix=r"for instance '#### (-?[\d,.]+)'",
        )  # fmt: skip
    return pattern


def _template(text: str | None) -> jinja2.Template | None:
    if text is None:
        return None
    sandbox = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        return sandbox.from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise RecipeError(
            f"the template cannot be read: {error.message}", where=f"task.template line {error.lineno}", seen=text
        ) from error


def _render(template: jinja2.Template, row: dict[str, Any], where: str) -> str:
    try:
        return template.render(row)
    except Exception as error:  # a template runs any expression of its author: whatever it raises is about this row
        raise DataError(
            f"the template fails here: {type(error).__name__}: {error}", where=where, seen=sorted(map(str, row)),
            fix="use the names of the columns in the template",
        ) from error  # fmt: skip
