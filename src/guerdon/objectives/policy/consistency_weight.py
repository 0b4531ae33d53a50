"""A weight that trusts the samples of a prompt when they disagree, and other prompts when they agree."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=Paper("arXiv:2508.04138", "COPO: Consistency-Aware Policy Optimization", "advantage/copo"),
    role="weight",
    scope="update_batch",
    tags=("consistency",),
    sources={"gamma": "unverified", "rho": "unverified", "unparsed": "ours"},
)
def consistency_weight(
    answer_id: Int[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    *,
    gamma: float = 3.0,
    rho: float = 1.0,
    side: Literal["local", "global"] = "local",
    unparsed: Literal["one_class", "own"] = "one_class",
) -> Float[Tensor, " batch"]:
    r"""Gate on the entropy of a prompt's answers.

    .. math:: H_q = -\sum_a c_a \ln c_a,\qquad w_{local} = \sigma(\gamma\,(H_q - \rho)),\qquad
              w_{global} = 1 - w_{local}

    Two losses share a batch: one with a group-relative advantage gets the local weight, one with ``prompt_level`` the
    global weight (``on`` names them).

    Args:
        answer_id: class of the final answer; equal answers of a group share it, -1 for none.
        group_id: rows of one prompt share it; statistics are over the rows of the optimiser batch.
        gamma: slope of the gate, 1 over nats; above 0.
        rho: entropy at which both sides weigh half, nats; the largest possible is the log of the group size.
        side: which of the two weights, which add up to 1.
        unparsed: rows without an answer agree with each other, or each counts as an answer of its own.

    Returns:
        A weight in (0, 1) for each row, the same for all rows of a prompt.

    Example:
        >>> a = torch.tensor([4, 4, 4, 4, 1, 2, 3, 4])
        >>> w = consistency_weight(a, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))  # H = 0 and ln 4
        >>> [round(v, 3) for v in w[::4].tolist()]
        [0.047, 0.761]

    Source: the paper's entropy-based blend of a local and a global loss.
    Differs: no code was released; slope, threshold, the natural logarithm and the class of rows without an answer are
        not confirmed by a source.
    """
    answer = answer_id
    if unparsed == "own":
        own = -1 - torch.arange(len(answer_id), device=answer_id.device)
        answer = torch.where(answer_id < 0, own, answer_id)
    _, index, size = torch.unique(group_id, return_inverse=True, return_counts=True)
    _, pair, count = torch.unique(torch.stack([index, answer], 1), dim=0, return_inverse=True, return_counts=True)
    share = (count[pair] / size[index]).to(torch.get_default_dtype())
    # a row of share c adds -ln(c) / G, so that the c G rows of an answer add up to its -c ln c
    surprise = torch.zeros(len(size), dtype=share.dtype, device=share.device).index_add_(0, index, -share.log())
    local = torch.sigmoid(gamma * (surprise / size - rho))[index]
    return local if side == "local" else 1.0 - local
