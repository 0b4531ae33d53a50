"""Gradients against finite differences in float64, with detached parts held fixed.

A stop-gradient makes the gradient differ from the slope of the value on purpose. So the values that a method
detaches (or computes without gradient) are recorded once and replayed in the perturbed calls: what is left is the
function that autograd differentiates.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from guerdon.conformance.case import Case, NotApplicable, PropertyError
from guerdon.conformance.subject import Subject
from guerdon.signals import SIGNALS

_STEP = 1e-6
_DETACHING = {Tensor.detach, Tensor.item, Tensor.tolist, Tensor.data.__get__, Tensor.__float__}  # type: ignore[attr-defined]


class _Tape(TorchFunctionMode):
    """Records detached values, or gives recorded ones back in the same order."""

    def __init__(self, recorded: list | None = None) -> None:
        super().__init__()
        self.recorded: list = [] if recorded is None else recorded
        self.replay = recorded is not None
        self.at = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func not in _DETACHING and torch.is_grad_enabled():
            return out
        if not (isinstance(out, (float, list)) or (isinstance(out, Tensor) and out.is_floating_point())):
            return out
        if not self.replay:
            self.recorded.append(out.clone() if isinstance(out, Tensor) else out)
            return out
        if self.at >= len(self.recorded):
            raise _Kink
        self.at += 1
        kept = self.recorded[self.at - 1]
        return kept.clone() if isinstance(kept, Tensor) else kept


class _Kink(Exception):
    """The perturbed call took another branch."""


def gradients(s: Subject, case: Case) -> None:
    """Gradients are finite and equal finite differences; points at a kink are left out and another is tried."""
    names = [n for n in s.names if SIGNALS[n].grad and n in case.floats()]
    if s.card.stage not in ("objective", "preference loss", "reward model") or s.card.role in ("mask", "coefficient"):
        raise NotApplicable("no gradient flows through this stage or role")
    if not names:
        raise NotApplicable("no input carries a gradient")
    inputs = {n: case.signals[n].clone().requires_grad_() for n in names}
    tape = _Tape()
    with tape:
        value = _scalar(s, case.replace(**inputs))
    if not value.requires_grad:
        slopes = {n: torch.zeros_like(v) for n, v in inputs.items()}
    else:
        found = torch.autograd.grad(value, list(inputs.values()), allow_unused=True)
        slopes = {n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(inputs.items(), found, strict=True)}
    for name, slope in slopes.items():
        valid = case.valid(case.axes[name], name)
        inside = torch.ones_like(slope, dtype=torch.bool) if valid is None else valid
        if not bool(torch.isfinite(slope[inside]).all()):
            at = (~torch.isfinite(slope) & inside).nonzero()[0].tolist()
            raise PropertyError(f"the gradient in {name} at {at} is not finite", seen=slope[tuple(at)].item())
        _compare(s, case, name, slope, inside, tape.recorded)


def idle_rows(s: Subject, case: Case) -> None:
    """A row without advantage has no loss and no gradient (declared trait), so engines may leave it out."""
    if "zero_without_advantage" not in s.card.traits:
        raise NotApplicable("not declared zero_without_advantage")
    if not s.has("advantage"):
        raise PropertyError("declares zero_without_advantage but takes no advantage", where=s.card.name)
    advantage = case.signals["advantage"].clone()
    advantage[0] = 0.0
    names = [n for n in s.names if SIGNALS[n].grad and n in case.floats()]
    inputs = {n: case.signals[n].clone().requires_grad_() for n in names}
    idle = case.replace(advantage=advantage, **inputs)
    leaf = s.call(idle)[0]
    row = leaf.value[0]
    valid = case.valid(case.axes["advantage"], "advantage")
    if row.ndim and valid is not None:
        row = row[valid[0]]
    if bool((row != 0).any()):
        raise PropertyError("a row without advantage has a loss", seen=row.tolist(), allowed="0")
    found = torch.autograd.grad(row.sum(), list(inputs.values()), allow_unused=True)
    for name, slope in zip(inputs, found, strict=True):
        if slope is not None and bool((slope != 0).any()):
            raise PropertyError(f"a row without advantage has a gradient in {name}", allowed="0")


def _compare(s: Subject, case: Case, name: str, slope: Tensor, inside: Tensor, recorded: list) -> None:
    places = inside.nonzero().tolist()
    picks = torch.randperm(len(places), generator=torch.Generator().manual_seed(case.seed)).tolist()
    compared = 0
    for index in picks:
        if compared == 6:
            return
        at = tuple(places[index])
        try:
            low, here, high = (_at(s, case, name, at, step, recorded) for step in (-_STEP, 0.0, _STEP))
        except _Kink:
            continue
        left, right = (here - low) / _STEP, (high - here) / _STEP
        size = max(1.0, abs(left), abs(right), abs(here))
        if abs(left - right) > 1e-4 * size:
            continue
        compared += 1
        expected, seen = 0.5 * (left + right), slope[at].item()
        if abs(expected - seen) > 2e-5 * size:
            raise PropertyError(
                f"the gradient in {name} at {list(at)} is not the slope of the result", seen=seen,
                allowed=f"{expected} by finite differences",
            )  # fmt: skip


def _at(s: Subject, case: Case, name: str, at: tuple[int, ...], step: float, recorded: list) -> float:
    moved = case.signals[name].clone()
    moved[at] += step
    with _Tape(recorded):
        value = _scalar(s, case.replace(**{name: moved}))
    return value.item()


def _scalar(s: Subject, case: Case) -> Tensor:
    """A fixed random combination of the valid values of the main result."""
    leaf = s.first(case)
    value = leaf.value
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise NotApplicable("the result is not floating")
    valid = case.valid(leaf.axes) if leaf.axes else None
    weights = torch.rand(value.shape, generator=torch.Generator().manual_seed(7), dtype=value.dtype) + 0.5
    kept = value if valid is None else torch.where(valid, value, torch.zeros_like(value))
    return (weights * kept).sum()
