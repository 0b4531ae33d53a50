"""Advantages by rank: the rewards of a group moved to the quantiles of a normal distribution."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import broadcast, groups

_ULPS = 16  # rewards are sums of a few terms; equal ones differ by rounding of this size at most


@method(
    paper=Paper(
        "arXiv:2604.08539",
        "OpenVLThinkerV2: A Generalist Multimodal Reasoning Model for Multi-domain Visual Tasks",
        "advantage/g2rpo",
    ),
    scope="group",
    tags=("critic-free", "multi-task", "robust"),
    traits=("shift_invariant", "scale_invariant", "whole_group"),
    sources={"offset": "unverified", "ties": "unverified", "unit_variance": "ours"},
)
def gaussian_rank(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    offset: float = 0.5,
    ties: Literal["mean_quantile", "mean_rank"] = "mean_quantile",
    unit_variance: bool = False,
) -> Float[Tensor, "batch time"]:
    r"""Standard normal quantile of a reward's rank in its group.

    .. math:: A_i = \Phi^{-1}\!\Big(\frac{k_i - a}{n + 1 - 2a}\Big),\qquad k_i = \text{rank of } R_i \text{ among } n

    Only the order of the rewards counts: tasks whose rewards have other units, skew or outliers push with the same
    force. It is the optimal transport of the rewards to a normal distribution in one dimension.

    Args:
        reward: one score per row, any unit; NaN = not scored, and n counts scored rows only.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        offset: plotting position :math:`a`, 0 to below 1: 0.5 gives :math:`(k - 1/2)/n`, 0 gives :math:`k/(n+1)`.
        ties: equal rewards share the mean of their quantiles (the sum over the group stays 0), or the quantile of
            their mean rank (it does not).
        unit_variance: divide by the population std of the n untied quantiles.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 in groups of equal rewards or fewer than two scored
        rows, and for rows that were not scored.

    Raises:
        RecipeError: ``offset`` is not in [0, 1).

    Example:
        >>> m, g = torch.ones(4, 1, dtype=torch.bool), torch.zeros(4, dtype=torch.long)
        >>> [round(v, 3) for v in gaussian_rank(torch.tensor([0.1, 0.9, 0.5, 0.3]), g, m)[:, 0].tolist()]
        [-1.15, 1.15, 0.319, -0.319]
        >>> [round(v, 3) for v in gaussian_rank(torch.tensor([0.0, 0.0, 0.0, 1e6]), g, m)[:, 0].tolist()]
        [-0.383, -0.383, -0.383, 1.15]

    Source: the paper's description, advantages from relative ranks through the normal distribution; no code was found.
    Differs: plotting position and ties are not confirmed by a source. Rewards that differ by rounding alone are
        equal, because a rank would turn that difference into a full-sized advantage.
    """
    if not 0.0 <= offset < 1.0:
        raise RecipeError("a plotting position", where="gaussian_rank.offset", seen=offset, allowed="[0, 1)")
    g = groups(group_id, reward)
    # group by group and by rising reward, without the rows that were not scored
    order = reward.nan_to_num(0.0).argsort(stable=True)
    order = order[torch.where(g.scored, g.index, g.size)[order].argsort(stable=True)][: int(g.count.sum())]
    index, value = g.index[order], reward[order]
    size = g.count[index].to(reward.dtype) + 1 - 2 * offset
    rank = (torch.arange(1, len(order) + 1, device=order.device) - (g.count.cumsum(0) - g.count)[index]).to(size.dtype)
    tie = groups(_ties(value, index), value)
    z = torch.special.ndtri((rank - offset) / size)
    if ties == "mean_quantile":
        score = tie.spread(tie.mean(z))
    else:
        score = torch.special.ndtri((tie.spread(tie.mean(rank)) - offset) / size)
    inner = groups(index, value)
    if unit_variance:
        score = score / inner.spread(inner.std(z, ddof=0))
    # exactly 0, so that a prompt without a signal is seen as one; a lone row is the same case
    alike = inner.spread(inner.count) == tie.spread(tie.count)
    row = torch.zeros_like(reward)
    row[order] = score.masked_fill(alike, 0.0)
    return broadcast(row, mask)


def _ties(value: Tensor, index: Tensor) -> Tensor:
    """Class of equal neighbours among values that are sorted within their groups."""
    if not len(value):
        return index
    near = torch.maximum(value[1:].abs(), value[:-1].abs()) * (_ULPS * torch.finfo(value.dtype).eps)
    new = (value.diff() > near) | (index.diff() != 0)
    return torch.cat([index.new_zeros(1), new.long()]).cumsum(0)
