"""Rewards bound to columns: rows in, one graded item per row out, in order, and never a row more or less."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.grading.batch import Graded, Item, Plan, Row, grade_rows
from guerdon.grading.cells import COMPUTED, Cell, cut_gold, pick, reader
from guerdon.grading.request import Part, make, parse, settle
from guerdon.ops.answers import FORMATS
from guerdon.records import Status
from guerdon.signals import signal

_MADE = ("group_id", "rng", "task")  # signals made here, whatever the columns are
_GLOBAL = ("completion", "gold", "prompt", "group_id")


class Grader:
    """Rewards by name, ready to be bound to columns.

    Args:
        asks: rewards as written behind ``--with``.
        columns: signals read from columns of another name, for all rewards: ``{"gold": "answer"}``.
        id_column, group_column: where the id of a row and its group stand.
        gold_format: how the answer is cut out of a gold text that holds a whole solution; empty for as it stands.
        allow_code: whether a dotted path to code of the user may be imported.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.

    Example:
        >>> grader = Grader(["answer_equal:normalise=number,extract=last_number"], columns={"gold": "answer"})
        >>> [g.score for g in grader.grade([{"completion": "so 4.0", "answer": 4}, {"completion": "5", "answer": "4"}])]
        [1.0, 0.0]
    """

    def __init__(
        self, asks: Sequence[str], *, columns: Mapping[str, str] | None = None, id_column: str = "",
        group_column: str = "", gold_format: str = "", allow_code: bool = False,
    ):  # fmt: skip
        if not asks:
            raise RecipeError("no reward given", where="--with", fix="--with answer_equal, or another of guerdon list")
        self.asks = [parse(a) for a in asks]
        self.parts = _unique([make(a, allow_code=allow_code) for a in self.asks])
        self.columns = dict(columns or {})
        for name in self.columns:
            signal(name)
        self.id_column, self.group_column, self.gold_format = id_column, group_column, _known_format(gold_format)

    @property
    def name(self) -> str:
        """The labels of the rewards, joined."""
        return "+".join(p.label for p in self.parts)

    @property
    def scope(self) -> str:
        """The widest scope of a reward: ``row``, ``group`` or ``batch``."""
        scopes = {p.component.card.scope for p in self.parts}
        return "row" if scopes <= {"row"} else "group" if scopes <= {"row", "group"} else "batch"

    @property
    def stateful(self) -> bool:
        """Whether a reward remembers between batches."""
        return any(p.component.method.stateful for p in self.parts)

    def bind(self, columns: Mapping[str, Any], where: str = "") -> Bound:
        """Find where every signal comes from, given the columns there are (names; values are not looked at).

        Raises:
            RecipeError, UnknownNameError: a signal has no source, or a column does not exist.
        """
        return Bound(self, columns, where)

    def over(self, columns: Mapping[str, str], group: str = "", gold_format: str = "") -> Grader:
        """The same rewards with further columns named."""
        other = copy.copy(self)
        other.columns = {**self.columns, **columns}
        other.group_column = group or self.group_column
        other.gold_format = _known_format(gold_format or self.gold_format)
        return other

    def grade(self, rows: Sequence[Mapping[str, Any]]) -> list[Graded]:
        """Grade rows that are one batch: columns are those of any row."""
        columns = {name: None for row in rows for name in row}
        items = [Item(i, f"row {i}", row) for i, row in enumerate(rows, start=1)]
        return self.bind(columns).grade(items) if items else []


def _known_format(name: str) -> str:
    if name and name not in FORMATS:
        raise UnknownNameError("answer format", name, FORMATS, where="gold_format")
    return name


def _unique(parts: list[Part]) -> list[Part]:
    seen: set[str] = set()
    for part in parts:
        base, n = part.label, 2
        while part.label in seen:
            part.component.label = f"{base}_{n}"
            n += 1
        seen.add(part.label)
    return parts


class Bound:
    """A grader whose signals have their columns; ``notes`` says what was guessed."""

    def __init__(self, grader: Grader, columns: Mapping[str, Any], where: str = ""):
        self.grader, self.where = grader, where
        self.known = {**columns, **dict.fromkeys(COMPUTED)}
        self.notes: list[str] = []
        self.plans: list[Plan] = []
        carried: set[str] = set()  # what rewards before this one leave behind
        for path in (grader.id_column, grader.group_column, *grader.columns.values()):
            if path:
                self._exists(path, "--id, --group, --completion, --gold or --prompt")
        for part in grader.parts:
            self.plans.append(Plan(part, self._sources(part, carried)))
            carried |= {*part.component.card.writes}
            if part.component.card.stage == "verifier":
                carried.add("is_correct")
        self.cells: dict[tuple[str, str], Cell] = {}
        for name, path in {(n, c) for plan in self.plans for n, c in plan.sources.items()}:
            whole = name != "gold" or not grader.gold_format
            self.cells[name, path] = reader(name) if whole else cut_gold(grader.gold_format)
        if grader.scope == "group" and not grader.group_column and "group_id" not in grader.columns:
            raise RecipeError(
                "a reward compares the samples of one prompt, so the rows need a group", where=where,
                seen=[p.label for p in grader.parts if p.component.card.scope != "row"],
                allowed=sorted(map(str, columns)), fix="--group COLUMN; rows of a group stand together",
            )  # fmt: skip

    def _exists(self, path: str, where: str) -> None:
        if path not in self.known and path.partition(".")[0] not in self.known:
            raise UnknownNameError("column", path, [str(k) for k in self.known], where=f"{self.where} {where}".strip())

    def _sources(self, part: Part, carried: set[str]) -> dict[str, str]:
        where = f"--with {part.component.card.name}"
        given, notes = settle(part, self.known, f"{self.where} {where}".strip())
        self.notes += notes
        for path in given.values():
            self._exists(path, where)
        found: dict[str, str] = {}
        for item in part.component.card.inputs:
            if not self._find(part, item.name, given, carried, found, item.optional) and not item.optional:
                raise RecipeError(
                    f"{part.component.card.name} needs {item.name!r}: {signal(item.name).meaning}",
                    where=f"{self.where} {where}".strip(), seen=f"columns {', '.join(map(str, self.known))}",
                    fix=_advice(part, item.name),
                )  # fmt: skip
        if any(i.name == "task" for i in part.component.card.inputs):
            for name in ("prompt", "gold"):
                self._find(part, name, given, carried, found, True)
        return found

    def _find(
        self, part: Part, name: str, given: Mapping[str, str], carried: set[str], found: dict[str, str],
        optional: bool,
    ) -> bool:  # fmt: skip
        """Find the source of a signal: named, made here, left by a reward before, computed, or a column so called.

        A column is never taken for a signal that can be computed from others, only because it is called the same, and
        never for ``answer``: that column of most files is the gold answer, the signal is what the completion says.
        """
        named = given.get(name) or (self.grader.columns.get(name) if name in (*_GLOBAL, *self.grader.columns) else None)
        if named:
            found[name] = named
            return True
        if name in _MADE or name in carried:
            return True
        if name == "mask" and not optional and self._find(part, "tokens", given, carried, found, False):
            return True  # every token of a row is a decision of its own
        provider = part.providers.get(name)
        if provider is not None:
            if optional:
                return False
            inner: dict[str, str] = {}
            if all(
                self._find(part, i.name, given, carried, inner, i.optional) or i.optional for i in provider.card.inputs
            ):
                found.update(inner)
                return True
        if name in self.known and name != "answer":
            found[name] = name
            return True
        return False

    def describe(self) -> list[dict[str, Any]]:
        """What is scored with, as plain data: hyper-parameters, weight, and the column of every signal."""
        out = []
        for plan in self.plans:
            part = plan.part
            inner = {
                f"{c.card.name}.{k}": v for c in part.providers.values() for k, v in c.params.items()
                if k in {p.name for p in c.card.params} and v != next(p.default for p in c.card.params if p.name == k)
            }  # fmt: skip
            out.append({
                "name": part.component.card.name, "label": part.label, "weight": part.weight,
                "parameters": {**part.component.params, **inner}, "columns": dict(sorted(plan.sources.items())),
            })  # fmt: skip
        return out

    # rows

    def grade(self, items: Sequence[Item]) -> list[Graded]:
        """Grade a batch; the result has exactly one entry per item, in order."""
        read = [self._read(item) for item in items]
        good = [i for i, r in enumerate(read) if not isinstance(r, DataError)]
        graded: list[Graded | None] = [None] * len(items)
        for i, r in enumerate(read):
            if isinstance(r, DataError):
                graded[i] = _bad(items[i], self.id(items[i]), r)
        rows = [Row(items[i], self.id(items[i]), read[i], self.group(items[i])) for i in good]  # type: ignore[arg-type]
        for i, found in zip(good, grade_rows(self.plans, rows), strict=True):
            graded[i] = found
        return [g for g in graded if g is not None]

    def id(self, item: Item) -> str:
        """Id of a row: its column, else its number."""
        column = self.grader.id_column or "id"
        if isinstance(item.row, Mapping):
            try:
                value = pick(item.row, column)
            except DataError:
                return str(item.number)
            if isinstance(value, (str, int)) and value != "":
                return str(value)
        return str(item.number)

    def group(self, item: Item) -> str:
        """Group of a row; each row its own where no column says."""
        column = self.grader.group_column or self.grader.columns.get("group_id", "")
        if not column or isinstance(item.row, DataError):
            return f"#{item.number}"
        value = pick(item.row, column)
        return str(value)

    def _read(self, item: Item) -> dict[tuple[str, str], Any] | DataError:
        if isinstance(item.row, DataError):
            return item.row
        out: dict[tuple[str, str], Any] = {}
        name = path = ""
        try:
            self.group(item)
            for (name, path), cell in self.cells.items():
                value = self._computed(item.row, path) if path in COMPUTED else pick(item.row, path)
                out[name, path] = cell(value)
        except DataError as error:
            what = error.what if error.what.startswith("column") else f"column {path!r}, read as {name}: {error.what}"
            return DataError(what, where=item.place, seen=error.seen, allowed=error.allowed, fix=error.fix)
        return out

    def column(self, name: str) -> str:
        """The column that a signal is read from by the rewards, or would be."""
        own = next((p.sources[name] for p in self.plans if name in p.sources), None)
        return own or self.grader.columns.get(name, name)

    def _computed(self, row: Mapping[str, Any], path: str) -> int:
        text = reader("completion")(pick(row, self.column("completion")))
        return len(text) if path == "@chars" else len(text.split())


def _bad(item: Item, name: str, error: DataError) -> Graded:
    error = error if error.where else DataError(error.what, where=item.place, seen=error.seen, fix=error.fix)
    return Graded(name, item.place, math.nan, Status.UNSCORED, f"bad row: {error.where}: {error.what}", error=error)


def _advice(part: Part, name: str) -> str:
    own = f"write {part.component.card.name}:{name}=COLUMN"
    return {
        "answer": f"--completion COLUMN to parse it from, or {own}",
        "length": f"{own}, or {name}=@words or {name}=@chars to count words or characters",
        "is_correct": f"name a verifier before it, or {own}",
        "completion": f"--completion COLUMN, or {own}", "gold": f"--gold COLUMN, or {own}",
        "prompt": f"--prompt COLUMN, or {own}",
    }.get(name, own)  # fmt: skip
