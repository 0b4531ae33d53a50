"""The reward itself as advantage."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.groups import broadcast


@method(
    paper=Paper(
        "arXiv:2506.00103",
        "Writing-Zero: Bridge the Gap Between Non-verifiable Problems and Verifiable Rewards",
        "rewards/brpo",
    ),
    tags=("critic-free",),
)
def identity(reward: Float[Tensor, " batch"], mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    r"""The reward of a row on each of its decisions, without baseline or scale.

    .. math:: A_i = R_i

    Args:
        reward: one score per row, already relative to something (a verdict of +1 or -1); NaN = not scored.
        mask: the policy's own decisions.

    Returns:
        The reward of each row on its decisions, 0 elsewhere; 0 for rows that were not scored.

    Example:
        >>> import torch
        >>> identity(torch.tensor([1.0, -1.0]), torch.tensor([[True, True], [True, False]])).tolist()
        [[1.0, 1.0], [-1.0, 0.0]]

    Source: Jia et al. 2025: verdicts of +1 and -1 against a random member of the group need no further centring.
    Differs: nothing; the reference row gets no gradient there because its own reward is not scored.
    """
    return broadcast(reward, mask)
