"""Advantages conditioned on a quantity: the halves of a group below and above its median."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import NumericsError, RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import Groups, broadcast, groups
from guerdon.ops.masked import masked_mean


@method(
    paper=Paper(
        "arXiv:2509.23962",
        "CANON: Conditional Advantage Estimation for Reinforcement Learning in Large Reasoning Models",
        "advantage/canon", where="eqs. 5 and 8",
    ),
    scope="rollout_batch",
    tags=("critic-free", "length control", "entropy control"),
    traits=("shift_invariant", "whole_group"),
    presets=(
        Preset("canon_inter", params={"inter": 1.0}, note="only the comparison between the halves"),
        Preset("canon_intra", params={"inter": 0.0}, note="only the comparison inside each half"),
    ),
    golden="canon",
    sources={"inter": "code", "alpha": "code", "bias": "code"},
)  # fmt: skip
def conditional(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    metric: Float[Tensor, " batch"] | Int[Tensor, " batch"] | Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    inter: float = 1.0,
    mix: Literal["fixed", "accuracy"] = "fixed",
    alpha: float = 1.0,
    side: Literal["high", "low"] = "high",
    bias: float = 0.0,
) -> Float[Tensor, "batch time"]:
    r"""Reward compared with the other half of its group, and with its own half, where a metric decides the halves.

    .. math:: A_i = \mu\,(R_i - \bar R_{\text{other}(i)}) + (1 - \mu)\,(R_i - \bar R_{\text{own}(i)})

    Sorted by the metric, the first :math:`\lfloor G/2 \rfloor` rows of a group are the low half. Which half is the
    better one is left to the rewards: a metric turned upside down gives the same advantages.

    Args:
        reward: one score per row, any unit; NaN = not scored, and G counts scored rows only.
        group_id: rows of one prompt share it.
        metric: bound by the recipe (``bind: {metric: length}``); a quantity per decision, such as ``old_entropy``,
            is averaged over the row. Ties keep the order of the rows; ``sample_index`` is the paper's random control.
        mask: the policy's own decisions.
        inter: weight :math:`\mu` of the comparison between the halves, 0 to 1; 0.5 with equal halves is
            Dr.GRPO's :math:`R_i - \bar R`.
        mix: ``accuracy`` replaces :math:`\mu` by the mean reward of the batch: first within the halves, later between.
        alpha: factor on the rewards of one half in the comparison between them; 1 favours none, below 1 that half has
            to be better by more.
        side: the half that ``alpha`` acts on; ``high`` with the metric ``length`` shortens, ``low`` with entropy
            favours uncertain answers.
        bias: added to the high and taken from the low half in the comparison between them.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored, and in groups with
        fewer than two scored rows.

    Raises:
        NumericsError: the metric of a scored row is NaN.
        RecipeError: ``mix="accuracy"`` with rewards whose mean is not in [0, 1].

    Example:
        >>> r, length = torch.tensor([1.0, 0.0, 1.0, 1.0]), torch.tensor([10, 20, 30, 40])
        >>> g, m = torch.zeros(4, dtype=torch.long), torch.ones(4, 1, dtype=torch.bool)
        >>> conditional(r, g, length, m)[:, 0].tolist()  # low half .5, high half 1
        [0.0, -1.0, 0.5, 0.5]
        >>> conditional(r, g, length, m, inter=0.5)[:, 0].tolist()
        [0.25, -0.75, 0.25, 0.25]

    Source: the authors' released functions; the entropy metric is the mean over the decisions of a row, as there.
    Differs: a lone row gives 0, where the release gives its raw reward. The release divides by the longest possible
        response: choose ``aggregate: fixed_length``. Its cosine schedules of the weight are schedules of ``inter``
        in the recipe.
    """
    g = groups(group_id, reward)
    if metric.ndim == 2:
        metric = masked_mean(metric, mask, 1)
    if bool((torch.isnan(metric) & g.scored).any()):
        rows = (torch.isnan(metric) & g.scored).nonzero()[:, 0].tolist()
        raise NumericsError("the metric of a scored row is NaN", where="conditional.metric", seen=f"rows {rows[:8]}")
    high = _upper_half(metric, g)
    own, other = _half_means(reward, high, g)
    if alpha == 1.0:
        between = reward - other
    else:
        weighted = high if side == "high" else ~high
        between = torch.where(weighted, alpha * reward - other, reward - alpha * other)
    between = between + torch.where(high, bias, -bias)
    mu = _accuracy(reward, g) if mix == "accuracy" else inter
    row = mu * between + (1.0 - mu) * (reward - own)
    return broadcast(row.masked_fill(g.spread(g.count) < 2, 0.0), mask)


def _upper_half(metric: Tensor, g: Groups) -> Tensor:
    """Scored rows at rank floor(G/2) or above in their group."""
    by_metric = metric.argsort(stable=True)
    # unscored rows go behind all groups, so that they take no rank
    key = torch.where(g.scored, g.index, g.size)[by_metric]
    order = by_metric[key.argsort(stable=True)]
    start = g.count.cumsum(0) - g.count
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    return g.scored & (place - g.spread(start) >= g.spread(g.count) // 2)


def _half_means(reward: Tensor, high: Tensor, g: Groups) -> tuple[Tensor, Tensor]:
    """Mean reward of each row's own and of the other half; NaN where there is no row."""
    key = 2 * g.index + high.long()
    total, count = reward.new_zeros(2 * g.size), reward.new_zeros(2 * g.size)
    total.index_add_(0, key, torch.where(g.scored, reward, torch.zeros_like(reward)))
    count.index_add_(0, key, g.scored.to(reward.dtype))
    mean = total / count
    return mean[key], mean[key ^ 1]


def _accuracy(reward: Tensor, g: Groups) -> float:
    kept = reward[g.scored]
    mean = float(kept.mean()) if kept.numel() else 0.0
    if not 0.0 <= mean <= 1.0:
        raise RecipeError(
            "mix: accuracy needs rewards in [0, 1]", where="conditional.mix", seen=f"mean reward {mean:.3g}",
            fix="leave the reward at 0 and 1, or give inter a schedule",
        )  # fmt: skip
    return mean
