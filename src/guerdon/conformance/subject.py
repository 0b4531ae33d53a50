"""The method under check: hyper-parameters chosen, axes of inputs and results known, ready to be called."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon import registry
from guerdon.component import Component, schema
from guerdon.conformance.case import Axes, Case, NotApplicable
from guerdon.conformance.outputs import Leaf, leaves, with_axes
from guerdon.conformance.values import Sizes, World, axes_for, specs
from guerdon.errors import DataError, GuerdonError, MethodError
from guerdon.method import Card, Method
from guerdon.signals import SIGNALS, mask_of

FREE_KINDS = ("task", "solver", "head")


@dataclass(frozen=True)
class Subject:
    """A method with valid hyper-parameters.

    ``problem`` says why it cannot be called, where it cannot; ``alone`` is False for a method that refuses groups of
    one row by a documented error.
    """

    method: Method
    params: Mapping[str, Any]
    in_axes: Mapping[str, Axes]
    out_axes: tuple[Axes | None, ...]
    extra: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    alone: bool = True

    @property
    def card(self) -> Card:
        """The method's card."""
        return self.method.card

    @property
    def names(self) -> tuple[str, ...]:
        """Signals the method asks for."""
        return tuple(i.name for i in self.card.inputs)

    def has(self, *names: str) -> bool:
        """Whether all of these signals are inputs."""
        return all(n in self.names for n in names)

    def build(self) -> Component:
        """A fresh component: stateful methods start from nothing."""
        return Component(self.method, dict(self.params))

    def draw(self, sizes: Sizes, seed: int, *, like: Case | None = None, unscored: bool = False) -> Case:
        """A random valid input in float64, with every mask its axes imply; on the axes of ``like`` if given."""
        world = World(sizes, torch.Generator().manual_seed(seed), unscored=unscored, alone=self.alone)
        wanted = {i.name: i.annotation for i in self.card.inputs}
        for name, annotation in self.extra:
            wanted.setdefault(name, annotation)
        turn = like.seed if like is not None else seed
        axes = {n: axes_for(n, a, turn=turn) for n, a in wanted.items()}
        for mask, mask_axes in implied_masks([*axes.values(), *[a for a in self.out_axes if a]], wanted):
            if mask not in self.card.writes:  # a segmenter decides itself how many steps there are
                wanted.setdefault(mask, "")
                axes.setdefault(mask, mask_axes)
        signals = {n: world.value(n, axes[n], a) for n, a in wanted.items()}
        for name in list(axes):
            if not isinstance(signals[name], (torch.Tensor, list)):
                axes[name] = ()
        return Case(signals, axes, seed)

    def call(self, case: Case, component: Component | None = None) -> list[Leaf]:
        """Result as leaves with axes."""
        result = (component or self.build())(case.inputs())
        return with_axes(leaves(result), self.out_axes)

    def first(self, case: Case, component: Component | None = None) -> Leaf:
        """The main result."""
        return self.call(case, component)[0]


def implied_masks(shapes: list[Axes], names: Mapping[str, Any]) -> list[tuple[str, Axes]]:
    """Masks that belong to these axes, whether or not the method asks for them."""
    found: dict[str, Axes] = {}
    for axes in shapes:
        name = mask_of(axes)
        if "pair" in axes:
            found["pair_mask"] = ("pair",)
            if "time" in axes:
                found["chosen_mask"] = found["rejected_mask"] = ("pair", "time")
        elif name == "mask" and "batch" in axes:
            found["mask"] = ("batch", "time")
        if "step" in axes and "batch" in axes:
            found["step_mask"] = ("batch", "step")
    if "pair_mask" in found and "pair_mask" not in names:
        # a loss that does not ask for the mask of pairs is only ever given valid pairs
        del found["pair_mask"]
    return list(found.items())


def subject(method: Method, given: Mapping[str, Any] | None = None) -> Subject:
    """Prepare a method: choose required hyper-parameters, read the axes of its result.

    Args:
        method: a registered method.
        given: hyper-parameters that win over defaults, such as those of a preset.

    Example:
        >>> from guerdon import registry
        >>> subject(registry.get("grpo")).out_axes
        (('batch', 'time'),)
    """
    card = method.card
    if card.kind in FREE_KINDS:
        return Subject(method, {}, {}, (), problem=f"a {card.kind} is called by its own protocol")
    try:
        axes = {i.name: axes_for(i.name, i.annotation) for i in card.inputs}
        params = hyper_parameters(method, given or {})
    except (NotApplicable, MethodError) as error:
        return Subject(method, {}, {}, (), problem=str(error))
    call = method.target.__call__ if method.stateful else method.target
    written = tuple(a for _, a in specs(str(inspect.signature(call).return_annotation)))
    extra = tuple((i.name, i.annotation) for m in reduced(method) for i in m.card.inputs)
    probe = Subject(method, params, axes, (), extra)
    probe = dataclasses.replace(probe, alone=not _refuses_singles(probe))
    try:
        found = probe.call(probe.draw(Sizes(), 0))
    except Exception:  # the checks call it again and report what it raises with its input
        return dataclasses.replace(probe, out_axes=written)
    tensors = [leaf.value for leaf in found if isinstance(leaf.value, torch.Tensor)]
    if card.stage == "verifier" and card.writes:
        # the columns of a verdict run over the rows; what it writes beside them is annotated
        written = (*[("batch",)] * (len(tensors) - len(written)), *written)
    fits = len(written) == len(tensors) and all(len(w) == x.ndim for w, x in zip(written, tensors, strict=True))
    if fits and all(a in _KNOWN for w in written for a in w):
        named = iter(written)
        axes_of = [next(named) if isinstance(leaf.value, torch.Tensor) else _row_axes(leaf.value) for leaf in found]
        return dataclasses.replace(probe, out_axes=tuple(axes_of))
    shapes = [tuple(x.value.shape) if isinstance(x.value, torch.Tensor) else (_length(x.value),) for x in found]
    return dataclasses.replace(probe, out_axes=tuple(Sizes().axes_of(shape) for shape in shapes))


def _row_axes(value: Any) -> Axes | None:
    return Sizes().axes_of((_length(value),))


def _refuses_singles(probe: Subject) -> bool:
    """Whether groups of one row raise a documented error and larger groups do not."""
    if "group_id" not in probe.names or "Raises:" not in (inspect.getdoc(probe.method.target) or ""):
        return False
    try:
        probe.call(probe.draw(Sizes(), 0))
    except DataError:
        return True
    except Exception:  # the checks report it with its input
        return False
    return False


_KNOWN = frozenset(a for s in SIGNALS.values() for axes in s.axes for a in axes)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def reduced(method: Method) -> list[Method]:
    """Methods named in ``reduces_to`` whose signals must be drawn too."""
    name = method.card.reduces_to.split("(")[0].strip()
    if not name:
        return []
    try:
        return [registry.get(name)]
    except GuerdonError:  # the property reports the unknown name
        return []


def hyper_parameters(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults, and a valid value for every required hyper-parameter.

    A preset that fixes all required ones is preferred to a guess from the annotation.

    Raises:
        NotApplicable: no value can be made from the annotation, or the schema refuses it.
    """
    card = method.card
    hints = method.hints()
    required = [p.name for p in card.params if p.required and p.name not in given]
    chosen: dict[str, Any] = {}
    preset = next((p for p in card.presets if required and set(required) <= set(p.params)), None)
    if preset is not None:
        chosen = {n: preset.params[n] for n in required}
    chosen.update(given)
    for name in required:
        if name not in chosen:
            chosen[name] = guess(hints[name], where=f"{card.name}.{name}")
    try:
        values = schema(method).model_validate(chosen)
    except ValueError as error:
        raise NotApplicable(f"no valid value known for {', '.join(required)}: {error}") from None
    return {p.name: getattr(values, p.name) for p in card.params}


def guess(annotation: Any, where: str = "") -> Any:
    """A plausible value of an annotated type.

    Raises:
        NotApplicable: the type is none of the usual ones.

    Example:
        >>> guess(float), guess(Literal["k1", "k2"]), guess(tuple[float, ...])
        (0.5, 'k1', (0.5, 0.25))
    """
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _GUESSES:
        return _GUESSES[annotation]
    if origin is Literal:
        return args[0]
    if origin in (types.UnionType, typing.Union):
        return guess(next(a for a in args if a is not type(None)), where)
    if origin is typing.Annotated:
        return guess(args[0], where)
    if origin is tuple and args[-1] is not Ellipsis:
        return tuple(guess(a, where) for a in args)
    if origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        item = guess(args[0], where)
        items = (item, item * 0.5) if isinstance(item, float) else (item, item)
        return list(items) if origin is list else items
    raise NotApplicable(f"{where} has no default and no value can be made for {annotation}")


_GUESSES: dict[Any, Any] = {float: 0.5, int: 2, bool: True, str: "a", type(None): None}
