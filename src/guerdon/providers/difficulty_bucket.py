"""How hard a prompt is for the policy as it is now."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method


@method(
    paper=Paper(
        "arXiv:2510.08457", "ARES: Multimodal Adaptive Reasoning via Difficulty-Aware Token-Level Entropy Shaping",
        "entropy/ares",
    ),
    writes=("difficulty",),
    tags=("curriculum",),
    default_source="code",
)  # fmt: skip
def difficulty_bucket(
    pass_rate: Float[Tensor, " batch"], *, easy: float = 2 / 3, medium: float = 1 / 3
) -> Int[Tensor, " batch"]:
    r"""Easy, medium or hard by the share of a prompt's samples that are right.

    .. math:: d = 0 \ \text{if}\ p \ge p_{easy},\quad 1 \ \text{if}\ p \ge p_{medium},\quad 2 \ \text{else}

    Args:
        pass_rate: share of right samples of the row's prompt; NaN where none was scored.
        easy, medium: least share of either bucket, in order.

    Returns:
        0 easy, 1 medium, 2 hard; rows of a prompt without a scored sample are medium.

    Raises:
        RecipeError: bounds out of order.

    Example:
        >>> import torch
        >>> difficulty_bucket(torch.tensor([1.0, 2 / 3, 0.5, 0.25])).tolist()
        [0, 0, 1, 2]

    Source: the authors' released reward function.
    Differs: there an unknown bucket counts as easy in one place and as medium in another; here as medium.
    """
    if not 0.0 <= medium <= easy <= 1.0:
        raise RecipeError("bounds of a share, in order", where="difficulty_bucket", seen=(medium, easy),
                          allowed="0 <= medium <= easy <= 1")  # fmt: skip
    hard = torch.full(pass_rate.shape, 2, device=pass_rate.device)
    bucket = hard - (pass_rate >= medium).long() - (pass_rate >= easy).long()
    return bucket.masked_fill(torch.isnan(pass_rate), 1)
