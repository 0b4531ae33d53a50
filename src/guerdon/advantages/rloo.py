"""Leave-one-out advantages."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import broadcast, groups


@method(
    paper=Paper(
        "arXiv:2402.14740",
        "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs",
        "advantage/baselines",
    ),
    scope="group",
    tags=("critic-free",),
    traits=("shift_invariant", "whole_group"),
    presets=(Preset("rloo/verl", params={"singleton": "raw"}, note="numbers of verl's loop version"),),
    golden="baselines-advantages",
    sources={"singleton": "ours"},
)
def rloo(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Reward minus the mean reward of the other samples of its prompt.

    .. math:: A_i = R_i - \frac{1}{n-1}\sum_{j \neq i} R_j = \frac{n}{n-1}\,(R_i - \mathrm{mean}_g(R))

    Args:
        reward: one score per row, any unit; NaN = not scored, and n counts scored rows only.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        singleton: advantage of a row that is alone in its group: 0, or its raw reward.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([1.0, 0.0, 0.5]), torch.ones(3, 1, dtype=torch.bool)
        >>> rloo(r, torch.zeros(3, dtype=torch.long), m)[:, 0].tolist()
        [0.75, -0.75, 0.0]

    Source: Ahmadian et al. 2024, the leave-one-out estimator.
    Differs: a lone row gives 0; verl's loop version gives its reward (``singleton="raw"``), its vectorised one 0.
        TRL's trainer subtracts a KL term from the reward first: put ``kl_reward`` in the shaping stage.
    """
    g = groups(group_id, reward)
    size = g.spread(g.count).to(reward.dtype)
    row = (reward - g.spread(g.mean(reward))) * size / (size - 1).clamp_min(1)
    row = torch.where(size < 2, reward if singleton == "raw" else torch.zeros_like(row), row)
    return broadcast(row, mask)
