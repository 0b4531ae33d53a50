"""Group policy gradient: centred rewards, scaled up when many rewards are zero."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import broadcast, groups


@method(
    paper=Paper(
        "arXiv:2504.02546", "GPG: A Simple and Strong Reinforcement Learning Baseline for Model Reasoning",
        "advantage/baselines",
    ),
    scope="rollout_batch",
    tags=("critic-free",),
    traits=("whole_group",),
    presets=(Preset("gpg/verl", params={"singleton": "raw"}, note="numbers of verl's estimator"),),
    golden="baselines-advantages",
    sources={"f_norm": "paper", "singleton": "ours"},
)  # fmt: skip
def gpg(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    f_norm: float = 1.0,
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Reward minus its group mean, times the batch size over the number of non-zero rewards.

    .. math:: A_i = \alpha\,\frac{R_i - \mathrm{mean}_g(R)}{F},\qquad
              \alpha = \frac{B}{\max(\#\{j : R_j \neq 0\},\, 1)}

    Args:
        reward: one score per row; 0 and 1 are assumed (a shift changes :math:`\alpha`); NaN = not scored.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        f_norm: the divisor :math:`F`.
        singleton: advantage of a row that is alone in its group: 0, or :math:`\alpha R_i / F`.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored, which count neither
        in :math:`B` nor among the non-zero rewards.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.ones(4, 1, dtype=torch.bool)
        >>> gpg(r, torch.zeros(4, dtype=torch.long), m)[:, 0].tolist()
        [3.0, -1.0, -1.0, -1.0]

    Source: Chu et al. 2025, in the form of verl's estimator.
    Differs: :math:`\alpha` counts rows with a non-zero reward, as verl does, where the paper counts the samples of
        groups that are not all right or all wrong; a lone row gives 0 (verl: ``singleton="raw"``).
    """
    g = groups(group_id, reward)
    scored = reward[g.scored]
    alpha = scored.numel() / max(int(torch.count_nonzero(scored)), 1)
    row = reward - g.spread(g.mean(reward))
    alone = g.spread(g.count) < 2
    row = torch.where(alone, reward if singleton == "raw" else torch.zeros_like(row), row)
    return broadcast(alpha * row / f_norm, mask)
