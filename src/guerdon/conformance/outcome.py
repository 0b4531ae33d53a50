"""Properties of a single result: the promise of its stage, degenerate batches, and precision."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from guerdon.conformance.case import Axes, Case, NotApplicable, PropertyError
from guerdon.conformance.outputs import Leaf, mismatch
from guerdon.conformance.subject import Subject, hyper_parameters
from guerdon.conformance.values import specs
from guerdon.conformance.verdicts import verdict_of
from guerdon.errors import DataError, NumericsError, RecipeError
from guerdon.records.model import Finding, Verdict
from guerdon.signals import SIGNALS


def contract(s: Subject, case: Case) -> None:
    """Shape, dtype, range and detachment that the stage promises."""
    _typed(s, case)
    found = s.call(_with_grad(s, case))
    main = found[0]
    _finite(s, case, found)
    value = main.value
    if s.card.stage in ("advantage", "reward", "process reward", "shaping", "verifier", "selection"):
        for leaf in found:
            if isinstance(leaf.value, Tensor) and leaf.value.requires_grad:
                raise PropertyError(f"a {s.card.stage} must be detached", seen=leaf.path)
    if s.card.stage == "advantage":
        _expect_float(main, ("batch", "time"), case)
        _zero_outside(case, main)
    elif s.card.stage == "preference loss" and isinstance(value, Tensor):
        _expect_float(main, ("pair",), case)
    elif s.card.stage == "objective":
        _objective(s, case, main)
    elif s.card.stage == "selection":
        _selection(s, case, found)
    alone = s.card.role == "coefficient" or s.card.stage in ("provider", "selection", "audit")
    if s.card.writes and not alone and len(found) < 1 + len(s.card.writes):
        raise PropertyError("the result must be (result, written signals...)", seen=f"{len(found)} parts",
                            allowed=["result", *s.card.writes])  # fmt: skip


def _typed(s: Subject, case: Case) -> None:
    """Result types that are not tensors, and the shapes written in the signature."""
    result = verdict_of(s, s.build()(case.inputs()))
    if s.card.stage == "verifier" and not isinstance(result, Verdict):
        raise PropertyError("a verifier returns a Verdict", seen=type(result).__name__)
    if isinstance(result, Verdict) and len(result.score) != case.length("batch"):
        raise PropertyError("one score per completion", seen=len(result.score), allowed=case.length("batch"))
    if s.card.stage == "audit" and not (isinstance(result, list) and all(isinstance(f, Finding) for f in result)):
        raise PropertyError("an audit returns a list of Finding", seen=repr(result))
    call = s.method.target.__call__ if s.method.stateful else s.method.target
    written = specs(str(inspect.signature(call).return_annotation))
    found = [leaf for leaf in s.call(case) if isinstance(leaf.value, Tensor)]
    if not written or len(written) != len(found):
        return
    for (kind, axes), leaf in zip(written, found, strict=True):
        shape = tuple(case.length(a) for a in axes)
        known = all(case.length(a) for a in axes)
        if known and tuple(leaf.value.shape) != shape:
            raise PropertyError(f"{leaf.path} is annotated {' '.join(axes) or 'scalar'}", seen=tuple(leaf.value.shape),
                                allowed=shape)  # fmt: skip
        dtype = leaf.value.dtype
        fits = {"Bool": dtype == torch.bool, "Float": dtype.is_floating_point,
                "Int": not dtype.is_floating_point and dtype != torch.bool}  # fmt: skip
        if not fits.get(kind, True):
            raise PropertyError(f"{leaf.path} is annotated {kind}", seen=str(dtype))


def _objective(s: Subject, case: Case, main: Leaf) -> None:
    value = main.value
    if not isinstance(value, Tensor):
        raise PropertyError("an objective returns a tensor", seen=type(value).__name__)
    if s.card.role == "mask" and value.dtype != torch.bool:
        raise PropertyError("a mask is bool", seen=str(value.dtype))
    if s.card.role == "penalty" and value.ndim != 0:
        raise PropertyError("a penalty is a scalar", seen=tuple(value.shape))
    if s.card.role == "weight" and bool(((value < 0) & _valid(case, main)).any()):
        raise PropertyError("weights are not negative", seen=float(value.min()))
    if s.card.role in ("token_loss", "penalty", "weight") and not value.is_floating_point():
        raise PropertyError(f"a {s.card.role} is floating", seen=str(value.dtype))


def _selection(s: Subject, case: Case, found: list[Leaf]) -> None:
    for leaf in found:
        value = leaf.value
        if not isinstance(value, Tensor) or leaf.axes != ("batch",) or not value.numel():
            continue
        if value.is_floating_point() and "sample_weight" in s.card.writes and bool((value < 0).any()):
            raise PropertyError("sample weights are not negative", seen=float(value.min()))


def _finite(s: Subject, case: Case, found: list[Leaf]) -> None:
    if s.card.stage == "verifier":
        # a Verdict itself refuses scored values outside [0, 1]; unscored ones are NaN on purpose
        return
    for leaf in found:
        if not isinstance(leaf.value, Tensor) or not leaf.value.is_floating_point():
            continue
        bad = ~torch.isfinite(leaf.value) & _valid(case, leaf)
        if bool(bad.any()):
            at = bad.nonzero()[0].tolist()
            raise PropertyError(f"not finite: {leaf.path} at {at} is {leaf.value[tuple(at)].item()}")


def _valid(case: Case, leaf: Leaf) -> Tensor:
    """Where a result counts: inside its masks, and not on rows without a score (they stay NaN until the advantage)."""
    valid = case.valid(leaf.axes) if leaf.axes else None
    keep = torch.ones(leaf.value.shape, dtype=torch.bool)
    if valid is not None and valid.shape == keep.shape:
        keep = keep & valid
    return keep


def _expect_float(leaf: Leaf, axes: Axes, case: Case) -> None:
    shape = tuple(case.length(a) for a in axes)
    value = leaf.value
    if not isinstance(value, Tensor) or not value.is_floating_point() or tuple(value.shape) != shape:
        seen = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise PropertyError(f"the result must be floating, {' '.join(axes)}", seen=seen, allowed=shape)


def _zero_outside(case: Case, leaf: Leaf) -> None:
    outside = ~case.signals["mask"]
    if bool((leaf.value[outside] != 0).any()):
        at = ((leaf.value != 0) & outside).nonzero()[0].tolist()
        raise PropertyError("an advantage is 0 outside the mask", seen=f"{leaf.value[tuple(at)].item()} at {at}")


def _with_grad(s: Subject, case: Case) -> Case:
    """Inputs whose gradient may flow carry one, so that a result which must be detached is seen."""
    return case.replace(
        **{n: v.clone().requires_grad_() for n, v in case.floats().items() if n in s.names and SIGNALS[n].grad}
    )


def optional(s: Subject, case: Case) -> None:
    """Optional signals may be absent."""
    names = [i.name for i in s.card.inputs if i.optional]
    if not names:
        raise NotApplicable("no optional input")
    kept = {n: v for n, v in case.signals.items() if n not in names}
    less = Case(kept, {n: case.axes[n] for n in kept}, case.seed)
    try:
        found = s.call(less)
    except RecipeError as error:
        if s.params == hyper_parameters(s.method, {}):
            raise
        raise NotApplicable(f"needed with these hyper-parameters: {error.what}") from None
    _finite(s, less, found)


def one_sample(s: Subject, case: Case) -> None:
    """Every group has one row: finite, and no advantage where a group baseline is taken."""
    _needs(s, "group_id")
    alone = case.replace(group_id=torch.arange(case.length("batch")), **_if(case, sample_index=0))
    with _shown(alone):
        found = _refusable(s, alone)
        _finite(s, alone, found)
        if _grouped(s):
            _all_zero(found[0], "a group with fewer than two scored rows gives zero advantage")


def all_equal(s: Subject, case: Case) -> None:
    """Every reward is the same: finite, and no advantage where the method is a shift-invariant group baseline."""
    _needs(s, "reward")
    flat = case.replace(reward=torch.full_like(case.signals["reward"], 0.5))
    with _shown(flat):
        found = _refusable(s, flat)
        _finite(s, flat, found)
        if _grouped(s) and "shift_invariant" in s.card.traits:
            _all_zero(found[0], "equal rewards give zero advantage")


def all_masked(s: Subject, case: Case) -> None:
    """No valid decision at all: nothing raises, scalars stay finite, advantages are 0."""
    if "mask" not in case.signals:
        raise NotApplicable("no input on the axes batch time")
    empty = torch.zeros_like(case.signals["mask"])
    changes = {"mask": empty, **_if(case, length=0, think_end=-1, step_id=-1, step_end=0, step_mask=0)}
    blank = case.replace(**{n: v for n, v in changes.items() if n in case.signals})
    with _shown(blank):
        found = _refusable(s, blank)
        _finite(s, blank, found)
        if s.card.stage == "advantage":
            _all_zero(found[0], "an advantage is 0 outside the mask")


def unscored_row(s: Subject, case: Case) -> None:
    """A row without a score gets nothing and leaves every other row as if it were not there."""
    names = _scores(s)
    tied = any(s.has(n) for n in ("rng", "preference_matrix", "opponent_id", "variant_of"))
    if tied or case.length("batch") < 2:
        raise NotApplicable("rows cannot be removed from this input")
    gone = 0
    nan = case.replace(**{n: _nan_row(case.signals[n], gone) for n in names})
    if "status" in nan.signals:
        status = nan.signals["status"].clone()
        status[gone] = 2
        nan = nan.replace(status=status)
    with _shown(nan):
        _without_row(s, nan, names, gone)


def _without_row(s: Subject, nan: Case, names: list[str], gone: int) -> None:
    with_it = _refusable(s, nan)
    main = with_it[0]
    if main.axes is None or main.axes[:1] != ("batch",) or not isinstance(main.value, Tensor):
        _finite_unless_row(s, nan, with_it)
        return
    row = main.value[gone]
    if s.card.stage == "advantage" and not s.has("advantage") and bool((row != 0).any()):
        raise PropertyError("a row without a score gets zero advantage", seen=row.tolist())
    shaped = s.card.stage == "shaping" and main.value.is_floating_point() and names == ["reward"]
    if shaped and not bool(torch.isnan(row).all()):
        raise PropertyError("a row without a score stays NaN, never a number", seen=row.tolist())
    rest = [i for i in range(nan.length("batch")) if i != gone]
    without = nan.select("batch", rest)
    difference = mismatch(main.value[rest], _refusable(s, without)[0].value, valid=without.valid(main.axes))
    if difference:
        raise PropertyError(f"the unscored row 0 changes other rows: with it, without it {difference}")


def all_unscored(s: Subject, case: Case) -> None:
    """No row was scored: nothing raises, and no row has an advantage."""
    names = _scores(s)
    nan = case.replace(**{n: torch.full_like(case.signals[n], float("nan")) for n in names})
    if "status" in nan.signals:
        nan = nan.replace(status=torch.full_like(nan.signals["status"], 2))
    with _shown(nan):
        found = _refusable(s, nan)
        _finite_unless_row(s, nan, found)
        if s.card.stage == "advantage" and not s.has("advantage"):
            _all_zero(found[0], "rows without a score get zero advantage")


def precision(s: Subject, case: Case) -> None:
    """The dtype of the inputs is kept, and float32 is close to float64."""
    if not set(case.floats()) & set(s.names):
        raise NotApplicable("no floating input")
    single = case.to(torch.float32)
    double = single.to(torch.float64)
    a, b = s.call(single), s.call(double)
    for low, high in zip(a, b, strict=True):
        if not isinstance(low.value, Tensor) or not low.value.is_floating_point():
            continue
        for leaf, wanted in ((low, torch.float32), (high, torch.float64)):
            if leaf.value.ndim and leaf.value.dtype != wanted:
                raise PropertyError(f"{leaf.path} has another dtype than the inputs", seen=str(leaf.value.dtype),
                                    allowed=str(wanted))  # fmt: skip
        valid = case.valid(low.axes) if low.axes else None
        difference = mismatch(low.value, high.value, valid=valid, rtol=2e-3, atol=2e-4)
        if difference:
            raise PropertyError(f"float32 and float64 disagree: {low.path} {difference}")


@contextmanager
def _shown(case: Case) -> Iterator[None]:
    """A failure shows the degenerate batch itself, not the one it was made from."""
    try:
        yield
    except PropertyError as error:
        error.case = case
        raise


def _refusable(s: Subject, case: Case) -> list[Leaf]:
    """The result, or NotApplicable when the docstring says that this batch is refused with that error."""
    try:
        return s.call(case)
    except (DataError, NumericsError) as error:
        doc = inspect.getdoc(s.method.target) or ""
        if "Raises:" in doc and type(error).__name__ in doc.split("Raises:")[1]:
            raise NotApplicable(f"documented refusal: {error.what}") from None
        raise


def _finite_unless_row(s: Subject, case: Case, found: list[Leaf]) -> None:
    if s.card.stage in ("advantage", "objective", "preference loss"):
        _finite(s, case, found)


def _scores(s: Subject) -> list[str]:
    names = [n for n in ("reward", "aspects") if s.has(n)]
    if not names or s.in_axes[names[0]][:1] != ("batch",):
        raise NotApplicable("takes no reward")
    return names


def _nan_row(value: Tensor, row: int) -> Tensor:
    out = value.clone()
    out[row] = float("nan")
    return out


def _grouped(s: Subject) -> bool:
    # a method that may look beyond the group says with the trait that the group is still its baseline
    whole = s.card.scope == "group" or {"shift_invariant", "whole_group"} <= set(s.card.traits)
    return s.card.stage == "advantage" and whole and s.has("reward") and not s.has("advantage")


def _all_zero(leaf: Leaf, what: str) -> None:
    nonzero = ~(leaf.value.abs() <= 1e-6)  # NaN is not zero
    if bool(nonzero.any()):
        at = nonzero.nonzero()[0].tolist()
        raise PropertyError(what, seen=f"{leaf.value[tuple(at)].item()} at {at}")


def _needs(s: Subject, name: str) -> None:
    if not s.has(name):
        raise NotApplicable(f"takes no {name}")


def _if(case: Case, **values: int) -> dict[str, Tensor]:
    return {n: torch.full_like(case.signals[n], v) for n, v in values.items() if n in case.signals}
