"""A row's reward as a reward per decision."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=Paper("arXiv:1707.06347", "Proximal Policy Optimization Algorithms", "advantage/baselines"),
    writes=("token_reward",),
)
def token_reward(reward: Float[Tensor, " batch"], mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    r"""The score of a row on its last valid decision, 0 on all others.

    .. math:: r_{i,t} = R_i\ \mathbb{1}[t = \max\{s : m_{i,s} = 1\}]

    Args:
        reward: one score per row, any unit; NaN = not scored, and stays NaN on that decision.
        mask: the policy's own decisions; holes (tool output) are allowed.

    Returns:
        ``token_reward``; a row without any decision has none.

    Example:
        >>> import torch
        >>> m = torch.tensor([[True, False, True, False], [False, False, False, False]])
        >>> token_reward(torch.tensor([2.0, 1.0]), m).tolist()
        [[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]

    Source: the convention of outcome rewards in verl and TRL.
    Differs: the place is the last True of the mask, where verl counts valid decisions (off by the holes) and writes
        the score of an empty row at the end of the padding.
    """
    valid = mask.bool()
    later = valid.flip(1).cumsum(1).flip(1)
    return torch.where(valid & (later == 1), reward[:, None], torch.zeros((), dtype=reward.dtype, device=reward.device))
