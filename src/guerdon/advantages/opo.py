"""Advantages with the length-weighted optimal baseline."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import broadcast, groups


@method(
    paper=Paper("arXiv:2505.23585", "On-Policy RL with Optimal Reward Baseline", "advantage/baselines"),
    scope="group",
    tags=("critic-free", "length"),
    traits=("shift_invariant", "whole_group"),
    presets=(Preset("opo/verl", params={"singleton": "raw"}, note="numbers of verl's estimator"),),
    reduces_to="grpo(scale='none') when all lengths of a group are equal",
    golden="baselines-advantages",
    sources={"singleton": "ours"},
)
def opo(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    length: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Reward minus the mean of its group in which every row counts by its length.

    .. math:: A_i = R_i - \frac{\sum_{j \in g} L_j R_j}{\sum_{j \in g} L_j}

    The squared gradient norm of a row is taken to grow in proportion to its length; under that assumption this mean
    is the baseline of least variance.

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it.
        length: valid decisions of the row, 0 or more.
        mask: the policy's own decisions.
        singleton: advantage of a row that is alone in its group: 0, or its raw reward.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([1.0, 0.0]), torch.ones(2, 1, dtype=torch.bool)
        >>> opo(r, torch.zeros(2, dtype=torch.long), torch.tensor([1, 3]), m)[:, 0].tolist()
        [0.75, -0.25]

    Source: Hao et al. 2025, the length-weighted form of the optimal baseline.
    Differs: a lone row gives 0, where verl gives its reward (``singleton="raw"``).
    """
    g = groups(group_id, reward)
    weight = length.to(reward.dtype)
    # a group without any decision has no weighted mean and, masked, no advantage either
    total = g.sum(weight)
    baseline = g.sum(weight * reward) / torch.where(total > 0, total, torch.ones_like(total))
    row = reward - g.spread(baseline)
    alone = g.spread(g.count) < 2
    row = torch.where(alone, reward if singleton == "raw" else torch.zeros_like(row), row)
    return broadcast(row, mask)
