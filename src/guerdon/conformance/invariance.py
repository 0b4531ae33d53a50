"""Properties that compare two calls: what must not change a result, and how results move with their rows."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from guerdon import registry
from guerdon.component import build
from guerdon.conformance.case import Case, NotApplicable, PropertyError, pick
from guerdon.conformance.outputs import Leaf, leaves, mismatch
from guerdon.conformance.subject import Subject
from guerdon.conformance.values import SMALL, Sizes
from guerdon.errors import GuerdonError
from guerdon.signals import SIGNALS

_REWARDS = ("reward", "reference_reward")
_KEPT_OUTSIDE = ("mask", "step_mask", "pair_mask", "chosen_mask", "rejected_mask", "step_id", "step_end")


def padding(s: Subject, case: Case) -> None:
    """Columns appended outside the mask change nothing."""
    _needs_axis(s, "time")
    sizes = Sizes() if case.length("batch") > 3 or case.length("pair") > 3 else SMALL
    wider = s.draw(dataclasses.replace(sizes, time=3), case.seed + 1, like=case)
    changed = {}
    for name, axes in case.axes.items():
        if "time" not in axes or not {"batch", "pair"} & set(axes):
            continue  # a series of the run has no rows, and so no padding
        junk = wider.signals[name]
        fill = _blank(name, junk)
        rows = range(case.length(axes[0]))
        junk = pick(fill, 0, [i % len(fill) for i in rows])
        value = case.signals[name]
        if isinstance(value, Tensor):
            junk = _resized(junk, value, axes.index("time"))
            changed[name] = torch.cat([value, junk], axes.index("time"))
        else:
            changed[name] = [a + b[:3] for a, b in zip(value, junk, strict=True)]
    padded = case.replace(**changed)
    width = case.length("time")
    for plain, wide in zip(s.call(case), s.call(padded), strict=True):
        if plain.axes and "time" in plain.axes:
            at = plain.axes.index("time")
            wide = dataclasses.replace(wide, value=pick(wide.value, at, range(width)))
        _equal(case, plain, wide, "padding of 3 masked columns changed the result")


def _blank(name: str, junk: Any) -> Any:
    if name in ("mask", "chosen_mask", "rejected_mask"):
        return torch.zeros_like(junk)
    return torch.full_like(junk, -1) if name == "step_id" else junk


def _resized(junk: Tensor, value: Tensor, at: int) -> Tensor:
    """Junk columns cut or repeated to the other axes of the value, which shrinking may have made shorter."""
    for dim in range(value.ndim):
        if dim != at and junk.shape[dim] != value.shape[dim]:
            index = torch.arange(value.shape[dim]) % junk.shape[dim]
            junk = junk.index_select(dim, index)
    return junk.to(value.dtype)


def masking(s: Subject, case: Case) -> None:
    """Values at masked positions never matter, not even when they are NaN."""
    if not any(_masked(s, case, n) is not None for n in s.names):
        raise NotApplicable("no input has a masked axis")
    plain = s.call(case)
    for label, change in (("other values", _shifted), ("NaN", _poisoned)):
        changed = {}
        for name in s.names:
            valid = _masked(s, case, name)
            if valid is not None and bool((~valid).any()):
                changed[name] = torch.where(valid, case.signals[name], change(case.signals[name]))
        other = case.replace(**changed)
        for a, b in zip(plain, s.call(other), strict=True):
            _equal(case, a, b, f"{label} at masked positions changed the result")


def _masked(s: Subject, case: Case, name: str) -> Tensor | None:
    value = case.signals.get(name)
    if not isinstance(value, Tensor) or name in _KEPT_OUTSIDE:
        return None
    return case.valid(case.axes[name], name)


def _shifted(value: Tensor) -> Tensor:
    if value.dtype == torch.bool:
        return ~value
    return value * 3.0 + 1.0 if value.is_floating_point() else value.flip(0)


def _poisoned(value: Tensor) -> Tensor:
    return torch.full_like(value, float("nan")) if value.is_floating_point() else _shifted(value)


def row_order(s: Subject, case: Case) -> None:
    """Rows given in another order come back in that order."""
    _no_draws(s)
    axis = _row_axis(s)
    order = torch.randperm(case.length(axis), generator=torch.Generator().manual_seed(case.seed)).tolist()
    moved = s.call(case.select(axis, order))
    for a, b in zip(s.call(case), moved, strict=True):
        expected = dataclasses.replace(a, value=_along(a, axis, order))
        _equal(case.select(axis, order), expected, b, f"rows in the order {order} changed more than the order",
               labels="answer_id" in s.card.writes)  # fmt: skip


def group_labels(s: Subject, case: Case) -> None:
    """Only which rows share a group matters, not the group's number."""
    if not s.has("group_id"):
        raise NotApplicable("takes no group_id")
    changed = {n: case.signals[n] for n in ("group_id", "twin_id") if n in case.signals}
    # an order-reversing map, so that code which relies on sorted labels is seen too
    renamed = {n: torch.where(v >= 0, 1000 - 7 * v, v) for n, v in changed.items()}
    for a, b in zip(s.call(case), s.call(case.replace(**renamed)), strict=True):
        _equal(case, a, b, "renaming the groups changed the result")


def micro_batch(s: Subject, case: Case) -> None:
    """Rows (or whole groups) computed apart give what they give together."""
    if s.card.scope not in ("row", "group"):
        raise NotApplicable(f"scope {s.card.scope}: statistics come from a pass over the whole batch")
    _no_draws(s)
    axis = _row_axis(s)
    whole = s.call(case)
    first, second = _halves(s, case, axis)
    if not first or not second:
        raise NotApplicable("a single row or group cannot be split")
    for part in (first, second):
        for a, b in zip(whole, s.call(case.select(axis, part)), strict=True):
            expected = dataclasses.replace(a, value=_along(a, axis, part))
            _equal(case, expected, b, f"rows {part} alone give another result than in the batch", part_of=part)


def _halves(s: Subject, case: Case, axis: str) -> tuple[list[int], list[int]]:
    count = case.length(axis)
    if s.card.scope == "row" and not s.has("group_id"):
        return list(range(count // 2)), list(range(count // 2, count))
    if "group_id" not in case.signals or axis != "batch":
        raise NotApplicable("scope group without group_id")
    ids = case.signals["group_id"]
    chosen = torch.unique(ids)[::2]
    inside = torch.isin(ids, chosen).tolist()
    return [i for i in range(count) if inside[i]], [i for i in range(count) if not inside[i]]


def shift(s: Subject, case: Case) -> None:
    """A constant added to every reward changes nothing (declared trait)."""
    _trait(s, case, "shift_invariant", lambda v: v + 1.75)


def scale(s: Subject, case: Case) -> None:
    """Rewards in another unit change nothing (declared trait); a small epsilon in a denominator is allowed for."""
    _trait(s, case, "scale_invariant", lambda v: v * 3.0)


def _trait(s: Subject, case: Case, trait: str, change: Callable[[Tensor], Tensor]) -> None:
    if trait not in s.card.traits:
        raise NotApplicable(f"not declared {trait}")
    names = [n for n in _REWARDS if s.has(n)] or [n for n in s.names if n.endswith(("reward", "score", "aspects"))]
    if not names:
        raise PropertyError(f"declares {trait} but takes no reward", where=s.card.name, seen=s.names)
    moved = case.replace(**{n: change(case.signals[n]) for n in names if isinstance(case.signals.get(n), Tensor)})
    for a, b in zip(s.call(case), s.call(moved), strict=True):
        _equal(case, a, b, f"declared {trait}, but the result changes", rtol=1e-3, atol=1e-5)


def reduces(s: Subject, case: Case) -> None:
    """The identity on the card: same inputs, same output."""
    text = s.card.reduces_to
    if not text:
        raise NotApplicable("no identity on the card")
    formula, _, condition = text.partition(" when ")
    name, params = parse_call(formula)
    own: dict[str, object] = {}
    if condition:
        try:
            own = parse_call(f"own({condition})")[1]
        except PropertyError:
            raise NotApplicable(f"holds only when {condition}: proved in the method's own tests") from None
    try:
        other = build(registry.resolve(name), params)
        mine = build(registry.Resolved(s.method), {**s.params, **own}) if own else s.build()
    except GuerdonError as error:
        raise PropertyError(f"reduces_to cannot be built: {error}", where=s.card.name, seen=text) from error
    a, b = s.first(case, mine), leaves(other(case.inputs()))[0]
    _equal(case, a, b, f"does not equal {text}")


def parse_call(text: str) -> tuple[str, dict[str, object]]:
    """Read ``name(param=value, ...)`` or a bare name.

    Raises:
        PropertyError: the text is something else.

    Example:
        >>> parse_call("grpo(scale='none')")
        ('grpo', {'scale': 'none'})
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            return node.func.id, {str(k.arg): _literal(k.value) for k in node.keywords}
    except (SyntaxError, ValueError):
        pass
    raise PropertyError("reduces_to cannot be read", seen=text, allowed="name(param=value)")


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return float(node.id)
    return ast.literal_eval(node)


def _equal(
    case: Case, a: Leaf, b: Leaf, what: str, *, rtol: float = 1e-7, atol: float = 1e-9,
    part_of: list[int] | None = None, labels: bool = False,
) -> None:  # fmt: skip
    valid = None
    if a.axes:
        view = case if part_of is None else case.select("batch" if "batch" in a.axes else "pair", part_of)
        valid = view.valid(a.axes)
    if isinstance(a.value, Tensor) and a.value.dtype == torch.long and a.axes == ("batch",) and labels:
        a, b = (dataclasses.replace(x, value=_classes(x.value)) for x in (a, b))
    difference = mismatch(a.value, b.value, valid=valid, rtol=rtol, atol=atol)
    if difference:
        raise PropertyError(f"{what}: {a.path} {difference}")


def _classes(value: Tensor) -> Tensor:
    """Class numbers by first appearance: which rows are equal is the result, the number of a class is not."""
    seen: dict[int, int] = {-1: -1}
    return torch.tensor([seen.setdefault(int(v), len(seen)) for v in value])


def _along(leaf: Leaf, axis: str, index: list[int]) -> object:
    if leaf.axes is None or axis not in leaf.axes:
        return leaf.value
    return pick(leaf.value, leaf.axes.index(axis), index)


def _row_axis(s: Subject) -> str:
    for axis in ("batch", "pair"):
        if any(axes and axes[0] == axis for axes in s.out_axes):
            if s.card.stage == "selection" and s.out_axes[0] and _positions(s):
                raise NotApplicable("returns positions in the batch")
            return axis
    raise NotApplicable("the result has no axis of rows")


def _positions(s: Subject) -> bool:
    return not any(n in SIGNALS for n in s.card.writes) and "Int" in str(s.method.target.__annotations__.get("return"))


def _needs_axis(s: Subject, axis: str) -> None:
    if not any(axis in a and a != (axis,) for a in s.in_axes.values()):
        raise NotApplicable(f"no input has the axis {axis}")


def _no_draws(s: Subject) -> None:
    if s.has("rng"):
        raise NotApplicable("draws random numbers in row order")
