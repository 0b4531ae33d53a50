"""Several named rewards folded into one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.records.model import Status

_LEFT_OUT = (Status.SKIPPED, Status.EXCLUDED)


@method(
    paper=Paper(
        "arXiv:2601.05242",
        "GDPO: Group reward-Decoupled Normalization Policy Optimization for Multi-reward RL Optimization",
        "advantage/baselines",
    ),
    tags=("multi-objective",),
    sources={"weights": "code", "names": "ours"},
)
def weighted_sum(
    aspects: Float[Tensor, "batch *step aspect"],
    status: Int[Tensor, "batch aspect"] | Int[Tensor, "batch *step aspect"] | None = None,
    *,
    weights: tuple[float, ...] | Mapping[str, float] | None = None,
    names: tuple[str, ...] | None = None,
) -> Float[Tensor, "batch *step"]:
    r"""Sum of the named rewards by weight; what does not apply is left out, what could not be scored is not hidden.

    .. math:: R_i = \sum_{k\ \text{applies to}\ i} w_k R_{ik}

    Args:
        aspects: named rewards in the last axis, any unit.
        status: ``Status`` code of every value. ``SKIPPED`` and ``EXCLUDED`` values are left out; an ``UNSCORED``
            one makes the row NaN, as does a NaN without a status.
        weights: one factor per aspect in their order, or by name; None for all 1. An aspect of weight 0 is recorded
            only: it cannot make a row NaN.
        names: names of the aspects in their order; needed for weights by name.

    Returns:
        The sum, without the last axis. NaN where an aspect that counts was not scored, or where none applies.

    Raises:
        RecipeError: weights that do not match the aspects in number or name.

    Example:
        >>> import torch
        >>> a = torch.tensor([[1.0, 0.5], [1.0, float("nan")], [1.0, float("nan")]])
        >>> s = torch.tensor([[0, 0], [0, 3], [0, 2]])
        >>> weighted_sum(a, s, weights=(1.0, 2.0)).tolist()
        [2.0, 1.0, nan]

    Source: common practice; weight per reward as in TRL's ``reward_weights``.
    Differs: TRL leaves every NaN out, so a failing scorer counts as "does not apply"; here only a status says that.
    """
    w = aspects.new_tensor(_in_order(weights, names, aspects.shape[-1]))
    counts = w != 0
    if status is not None:
        for code in _LEFT_OUT:
            counts = counts & (status != int(code))
    counts = counts.expand(aspects.shape)
    total = torch.where(counts, w * aspects, torch.zeros_like(aspects)).sum(-1)
    unscored = ~counts.any(-1)
    if status is not None:
        unscored = unscored | (counts & (status == int(Status.UNSCORED))).any(-1)
    return total.masked_fill(unscored, float("nan"))


def _in_order(
    weights: tuple[float, ...] | Mapping[str, float] | None, names: tuple[str, ...] | None, count: int
) -> tuple[float, ...]:
    where = "weighted_sum.weights"
    if weights is None:
        return (1.0,) * count
    if isinstance(weights, Mapping):
        if names is None:
            raise RecipeError(
                "weights by name need the names of the aspects in order", where=where, seen=list(weights),
                fix="give names: [...] as well, or the weights as a list",
            )  # fmt: skip
        if set(weights) != set(names):
            raise RecipeError("weights and aspects differ in name", where=where, seen=list(weights), allowed=names)
        weights = tuple(weights[name] for name in names)
    if len(weights) != count:
        raise RecipeError("one weight per aspect is needed", where=where, seen=len(weights), allowed=count)
    return tuple(weights)
