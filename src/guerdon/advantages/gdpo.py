"""Advantages from several rewards, normalised one by one before they are added."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import Groups, broadcast, groups


@method(
    paper=Paper(
        "arXiv:2601.05242",
        "GDPO: Group reward-Decoupled Normalization Policy Optimization for Multi-reward RL Optimization",
        "advantage/baselines",
    ),
    scope="rollout_batch",
    tags=("critic-free", "multi-objective"),
    traits=("whole_group",),
    sources={"weights": "code", "order": "paper", "scale": "code", "eps": "code"},
)
def gdpo(
    aspects: Float[Tensor, "batch aspect"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    weights: tuple[float, ...] | None = None,
    order: Literal["normalize_then_sum", "sum_then_normalize"] = "normalize_then_sum",
    scale: Literal["group", "batch", "none"] = "group",
    eps: float = 1e-4,
) -> Float[Tensor, "batch time"]:
    r"""Every named reward standardised in its group, added by weight, then standardised over the batch.

    .. math:: z_{ik} = \frac{R_{ik} - \mathrm{mean}_g(R_k)}{\mathrm{std}_g(R_k) + \epsilon},\qquad
              s_i = \sum_k w_k z_{ik},\qquad A_i = \frac{s_i - \mathrm{mean}(s)}{\mathrm{std}(s) + \epsilon}

    With ``order="sum_then_normalize"`` the weighted sum comes first and is then standardised in its group.

    Args:
        aspects: named rewards, any unit; NaN = this aspect does not count for this row.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        weights: one factor per aspect, None for all 1.
        order: which comes first.
        scale: only for ``sum_then_normalize``: divide by the std of the group, of the batch, or not at all.
        eps: added to every std.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere. Rows whose aspects are all NaN, and rows of a group
        with fewer than two scored rows, get 0 and enter no baseline.

    Raises:
        RecipeError: the number of weights is not the number of aspects.

    Example:
        >>> import torch
        >>> r = torch.tensor([[1.0, 0.0], [0.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
        >>> m = torch.ones(3, 1, dtype=torch.bool)
        >>> [round(v, 3) for v in gdpo(r, torch.zeros(3, dtype=torch.long), m)[:, 0].tolist()]
        [0.577, 0.577, -1.155]

    Source: Liu et al. 2026, normalisation per reward, then over the batch; weights, NaN rule and eps as in TRL's
        ``multi_objective_aggregation``.
    Differs: a group (or an aspect of it) with fewer than two values gives 0 instead of NaN or a batch-shifted 0.
    """
    count = aspects.shape[1]
    if weights is not None and len(weights) != count:
        raise RecipeError(
            "gdpo needs one weight per aspect", where="gdpo.weights", seen=len(weights), allowed=count,
            fix="give as many weights as the recipe has rewards, or none",
        )  # fmt: skip
    w = aspects.new_tensor(weights if weights is not None else (1.0,) * count)
    unscored = torch.isnan(aspects).all(1)
    if order == "sum_then_normalize":
        total = (w * aspects).nansum(1).masked_fill(unscored, float("nan"))
        g = groups(group_id, total)
        row = total - g.spread(g.mean(total))
        row = row / (_scale(total, g, scale) + eps) if scale != "none" else row
        return broadcast(row.masked_fill(g.spread(g.count) < 2, 0.0), mask)
    total = torch.stack([_group_score(aspects[:, k], group_id, eps) for k in range(count)], 1)
    total = (w * total).sum(1)
    g = groups(group_id, total.masked_fill(unscored, float("nan")))
    counted = g.scored & (g.spread(g.count) >= 2)
    total = total.masked_fill(~counted, float("nan"))
    if int(counted.sum()) < 2:
        return broadcast(total.masked_fill(counted, 0.0), mask)
    kept = total[counted]
    return broadcast((total - kept.mean()) / (kept.std() + eps), mask)


def _group_score(x: Tensor, group_id: Tensor, eps: float) -> Tensor:
    g = groups(group_id, x)
    score = (x - g.spread(g.mean(x))) / (g.spread(g.std(x)) + eps)
    return torch.where(g.scored & (g.spread(g.count) >= 2), score, torch.zeros_like(score))


def _scale(total: Tensor, g: Groups, scale: str) -> Tensor:
    if scale == "group":
        return g.spread(g.std(total))
    kept = total[g.scored]
    return kept.std() if kept.numel() > 1 else total.new_zeros(())
