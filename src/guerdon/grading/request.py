"""What to score with, as people write it: ``numeric_close:gold=answer,relative=0.01,extract=boxed``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon import registry
from guerdon.component import Component, build
from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.recipe_file import parse_yaml
from guerdon.scoring import provider_table
from guerdon.signals import SIGNALS

OWN = ("weight", "name")  # what an entry may say besides its inputs and hyper-parameters
_NAME = re.compile(r"[\w./]+")
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class Ask:
    """One reward as asked for: its name, and the text behind every key."""

    name: str
    given: Mapping[str, str]
    text: str


def parse(text: str) -> Ask:
    """Read ``name`` or ``name:key=value,key=value``; commas inside brackets and quotes do not separate.

    Raises:
        RecipeError: no name, an assignment without ``=``, a key given twice.

    Example:
        >>> parse("numeric_close:gold=meta.answer,relative=0.01").given
        {'gold': 'meta.answer', 'relative': '0.01'}
    """
    name, _, rest = text.strip().partition(":")
    if not _NAME.fullmatch(name):
        raise RecipeError("a reward is written name or name:key=value,…", where="--with", seen=text,
                          fix="for example --with answer_equal:normalise=number")  # fmt: skip
    given: dict[str, str] = {}
    for part in _split(rest):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals or not key or not value:
            raise RecipeError(
                "an assignment is written key=value", where=f"--with {name}", seen=part,
                fix="signal=column or parameter=value; guerdon show " + name,
            )  # fmt: skip
        if key in given:
            raise RecipeError("the key is given twice", where=f"--with {name}", seen=key)
        given[key] = value
    return Ask(name, given, text.strip())


def _split(text: str) -> list[str]:
    parts, depth, quote, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN or char in _CLOSE:
            depth += 1 if char in _OPEN else -1
        elif char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [p for p in parts if p.strip()]


@dataclass(frozen=True)
class Part:
    """One reward, built: where its signals are read is said in ``columns``, the rest is settled.

    ``loose`` holds assignments that make sense only once the columns are known: the other way round, column=signal.
    """

    component: Component
    weight: float
    providers: Mapping[str, Component]
    columns: Mapping[str, str]
    loose: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name of its column of scores."""
        return self.component.label


def make(ask: Ask, *, allow_code: bool = False) -> Part:
    """Build a reward: every key is told to be a signal, a hyper-parameter of it, or one of a provider behind it.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.
    """
    where = f"--with {ask.name}"
    found = registry.resolve(ask.name, stage="reward", allow_code=allow_code, where=where)
    plain = provider_table({})
    reached = _reached(found.method.card, plain)
    signals = _signals(found.method.card, reached)
    own = {p.name for p in found.method.card.params}
    params: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    columns: dict[str, str] = {}
    loose: dict[str, str] = {}
    rest = dict(ask.given)
    label, weight = rest.pop("name", ""), _number(rest.pop("weight", "1"), f"{where} weight")
    for key, text in rest.items():
        owner = next((c for c in reached if key in {p.name for p in c.card.params}), None)
        if key in signals:
            columns[key] = text
        elif key in own:
            params[key] = _value(text, f"{where} {key}")
        elif owner is not None:
            inner.setdefault(owner.card.name, {})[key] = _value(text, f"{where} {key}")
        elif text in signals:
            loose[key] = text
        else:
            known = [*signals, *own, *(p.name for c in reached for p in c.card.params), *OWN]
            raise UnknownNameError(f"signal or parameter of {ask.name}", key, dict.fromkeys(known), where=where)
    component = build(found, params, label=label, where=where)
    return Part(component, weight, provider_table(inner) if inner else plain, columns, loose)


def _reached(card: Any, providers: Mapping[str, Component]) -> list[Component]:
    """The providers a method may lead to, nearest first."""
    found: dict[str, Component] = {}
    waiting = [i.name for i in card.inputs if not i.optional]
    while waiting:
        provider = providers.get(waiting.pop(0))
        if provider is not None and provider.label not in found:
            found[provider.label] = provider
            waiting += [i.name for i in provider.card.inputs if not i.optional]
    return list(found.values())


def _signals(card: Any, reached: list[Component]) -> dict[str, None]:
    """Signals that may be read from a column: inputs of the method, and of the providers behind it."""
    names = [i.name for c in (card, *(r.card for r in reached)) for i in c.inputs]
    # a task is made from the whole row: what its record holds may be mapped as well
    more = ("prompt", "gold") if "task" in names else ()
    return dict.fromkeys([*names, *more, *(("group_id",) if card.scope == "group" else ())])


def _value(text: str, where: str) -> Any:
    try:
        return parse_yaml(text, where)
    except DataError as error:
        raise RecipeError(f"the value must be plain YAML: {error.what}", where=where, seen=text) from None


def _number(text: str, where: str) -> float:
    value = _value(text, where)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecipeError("a weight is a finite number", where=where, seen=text)
    return float(value)


def settle(part: Part, columns: Mapping[str, Any], where: str) -> tuple[dict[str, str], list[str]]:
    """The columns of a part with its loose assignments settled, and notes on how they were read.

    ``answer=gold`` for a method that reads no ``answer`` can only mean its ``gold``: the column ``answer`` where the
    file has one, else the column ``gold``.

    Raises:
        RecipeError: both columns exist, so it could mean either.
        UnknownNameError: neither does.
    """
    chosen, notes = dict(part.columns), []
    for key, name in part.loose.items():
        if key in columns and name in columns:
            raise RecipeError(
                f"{part.component.card.name} reads no {key!r}, and both columns exist", where=where,
                seen=f"{key}={name}", fix=f"write signal=column: {name}={key} or {name}={name}",
            )  # fmt: skip
        if key not in columns and not (key in SIGNALS and name in columns):
            raise UnknownNameError(
                f"signal or parameter of {part.component.card.name}", key,
                [i.name for i in part.component.card.inputs], where=where,
            )  # fmt: skip
        chosen[name] = key if key in columns else name
        notes.append(f"{key}={name} read as {name}={chosen[name]} (signal=column)")
    return chosen, notes
