"""A method with its hyper-parameters chosen: what a recipe entry becomes."""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic

from guerdon.errors import MethodError, RecipeError, UnknownNameError
from guerdon.method import Card, Method
from guerdon.registry import Resolved
from guerdon.schedule import Schedule, Start, first_problem, place_of, value_at
from guerdon.signals import SIGNALS, signal


def schema(method: Method) -> type[pydantic.BaseModel]:
    """Frozen pydantic model of a method's hyper-parameters, derived from its signature.

    Every float may also be a :class:`Schedule`, so a recipe can write
    ``low: {schedule: linear, from: 0.2, to: 0.1}``.
    """
    hints = method.hints()
    fields: dict[str, Any] = {}
    for param in method.card.params:
        fields[param.name] = (_scheduled(hints.get(param.name, Any)), ... if param.required else param.default)
    config = pydantic.ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    return pydantic.create_model(f"{method.card.name}_params", __config__=config, **fields)


def _scheduled(kind: Any) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is float or (origin is typing.Annotated and inner[0] is float):
        return kind | Schedule
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, (_scheduled(i) for i in inner))
    generic = _CONTAINERS.get(origin)
    if generic is None:
        return kind
    if origin in (dict, Mapping):
        return generic[inner[0], _scheduled(inner[1])]
    return generic[tuple(_scheduled(i) for i in inner)]


_CONTAINERS: Mapping[Any, Any] = {t: t for t in (tuple, list, dict, Mapping)}


@dataclass(repr=False)
class Component:
    """A callable built from a method: signals go in by name, hyper-parameters are already chosen.

    Args:
        method: the method.
        params: validated hyper-parameters; floats may be schedules.
        bind: per input, settings that win over the card's, or the name of the signal to read instead.
        label: name of this entry in logs, unique within its recipe.
        start: when it begins to act; None for at once.
    """

    method: Method
    params: Mapping[str, Any]
    bind: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    label: str = ""
    instance: Any = None
    start: Start | None = None

    def __post_init__(self) -> None:
        self.label = self.label or self.card.name
        if self.method.stateful and self.instance is None:
            self.instance = self.method.target(**self.at(step=0, total=1))

    def __repr__(self) -> str:
        changed = {p.name: self.params[p.name] for p in self.card.params if self.params[p.name] != p.default}
        return f"{self.label}({', '.join(f'{k}={v!r}' for k, v in changed.items())})"

    @property
    def card(self) -> Card:
        """The method's card."""
        return self.method.card

    def at(self, *, step: int, total: int) -> dict[str, Any]:
        """Hyper-parameters at an optimiser step, schedules evaluated."""
        return {k: value_at(v, step=step, total=total) for k, v in self.params.items()}

    def source(self, name: str) -> str:
        """The signal that an input is read from: its own name, or the one it is bound to."""
        bound = self.bind.get(name)
        return bound if isinstance(bound, str) else name

    def settings(self, name: str) -> dict[str, Any]:
        """Settings of an input signal: the card's, with hyper-parameter names replaced by their values."""
        bound = self.bind.get(name, {})
        if isinstance(bound, str):
            return {}
        for item in self.card.inputs:
            if item.name == name:
                merged = {**item.settings, **bound}
                return {k: self.params[v] if isinstance(v, str) and v in self.params else v for k, v in merged.items()}
        return {}

    def __call__(self, signals: Mapping[str, Any], *, step: int = 0, total: int = 1) -> Any:
        """Call the method with signals by name; missing optional ones are left out.

        Raises:
            MethodError: a signal it needs is missing.
        """
        given = {i.name: signals[i.name] for i in self.card.inputs if signals.get(i.name) is not None}
        missing = [i.name for i in self.card.inputs if not i.optional and i.name not in given]
        if missing:
            raise MethodError(
                f"{self.card.name} needs signals that were not given", where=self.label, seen=f"missing {missing}",
                allowed=[i.name for i in self.card.inputs],
            )  # fmt: skip
        if not self.method.stateful:
            return self.method.target(**given, **self.at(step=step, total=total))
        for name, value in self.params.items():
            now = value_at(value, step=step, total=total)
            if now is not value:
                setattr(self.instance, name, now)
        return self.instance(**given)

    def state_dict(self) -> dict[str, Any]:
        """State of a method that remembers; empty for functions."""
        return self.instance.state_dict() if self.method.stateful else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        if self.method.stateful:
            self.instance.load_state_dict(state)


def build(
    found: Resolved, params: Mapping[str, Any], *, bind: Mapping[str, str | Mapping[str, Any]] | None = None,
    label: str = "", where: str = "",
) -> Component:  # fmt: skip
    """Validate hyper-parameters against the signature and build the component.

    Raises:
        UnknownNameError: a key that is no hyper-parameter; the nearest known ones are named.
        RecipeError: a value of the wrong type or out of the allowed choices.
    """
    card = found.method.card
    preset = found.preset
    merged = {**(preset.params if preset else {}), **params}
    known = [p.name for p in card.params]
    for key in merged:
        if key not in known:
            raise UnknownNameError(f"parameter of {card.name}", key, known, where=where)
    model = schema(found.method)
    try:
        values = model.model_validate(merged)
    except pydantic.ValidationError as error:
        raise recipe_error(error, merged, where, card.name) from None
    chosen = {name: getattr(values, name) for name in known}
    binds: dict[str, str | Mapping[str, Any]] = {**(preset.bind if preset else {}), **(bind or {})}
    _check_bind(card, binds, f"{where}.bind".strip("."))
    return Component(found.method, chosen, binds, label or (preset.name if preset else card.name))


def _check_bind(card: Card, binds: Mapping[str, str | Mapping[str, Any]], where: str) -> None:
    for name, bound in binds.items():
        if name not in {i.name for i in card.inputs}:
            raise UnknownNameError(f"input of {card.name}", name, [i.name for i in card.inputs], where=where)
        if isinstance(bound, str):
            try:
                signal(bound)
            except UnknownNameError as error:
                raise UnknownNameError("signal", bound, SIGNALS, where=f"{where}.{name}") from error
            continue
        for setting in bound:
            known = signal(name).settings
            if setting not in known:
                raise UnknownNameError(f"setting of {name}", setting, known, where=f"{where}.{name}")


def recipe_error(error: pydantic.ValidationError, data: Mapping[str, Any], where: str, name: str) -> RecipeError:
    """The first problem pydantic found, as a guerdon error with value, allowed values and place."""
    first = first_problem(error)
    path = place_of(first, data)
    allowed = (first.get("ctx") or {}).get("expected")
    if first["type"] == "missing":
        return RecipeError(
            f"{name} needs a value for {path!r}, which has no default", where=where, fix=f"write {path}: …"
        )
    return RecipeError(
        first["msg"], where=f"{where}.{path}".strip("."), seen=first["input"], allowed=allowed,
        fix=f"guerdon show {name}" if allowed is None else "",
    )  # fmt: skip
