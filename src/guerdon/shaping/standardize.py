"""Rewards shifted and scaled to mean 0 and spread 1."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import groups


@method(
    paper=Paper(
        "arXiv:2503.23829", "Crossing the Reward Bridge: Expanding RL with Verifiable Rewards Across Diverse Domains",
        "rewards/cross-domain-verifier",
    ),
    scope="rollout_batch",
    tags=("normalisation",),
    traits=("shift_invariant", "whole_group"),
    sources={"ddof": "derived", "eps": "ours"},
)  # fmt: skip
def standardize(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"] | None = None,
    domain: Int[Tensor, " batch"] | None = None,
    *,
    scope: Literal["batch", "group", "domain"] = "batch",
    ddof: int = 1,
    eps: float = 0.0,
) -> Float[Tensor, " batch"]:
    r"""Z-score of the reward over the batch, the samples of a prompt, or a domain.

    .. math:: R'_i = \frac{R_i - \mathrm{mean}(R)}{\mathrm{std}(R) + \epsilon}

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: needed for ``scope="group"``.
        domain: needed for ``scope="domain"``.
        scope: over which rows the statistics are taken.
        ddof: 1 for the sample std, 0 for the population std.
        eps: added to the std.

    Returns:
        The z-score; 0 where all scored rows are equal or there is only one; NaN stays NaN.

    Raises:
        RecipeError: the scope needs a signal that was not given.

    Example:
        >>> import torch
        >>> [round(v, 3) for v in standardize(torch.tensor([0.9, 0.2, 0.7, 0.2])).tolist()]
        [1.124, -0.843, 0.562, -0.843]

    Source: Su et al. 2025, batch normalisation of soft rewards (zero where the std is zero).
    Differs: nothing; the paper does not say which std, the sample std is the default here.
    """
    labels = {"batch": torch.zeros_like(reward, dtype=torch.long), "group": group_id, "domain": domain}[scope]
    if labels is None:
        name = "group_id" if scope == "group" else "domain"
        raise RecipeError(f"scope: {scope} needs the signal {name}", where="standardize.scope", seen=scope)
    g = groups(labels, reward)
    mean, std = g.spread(g.mean(reward)), g.spread(g.std(reward, ddof=ddof))
    # equal rewards leave a spread of rounding size, which must not be blown up to 1
    flat = ~(std > 8 * torch.finfo(reward.dtype).eps * mean.abs()) | (g.spread(g.count) < 2)
    score = torch.where(flat, torch.zeros_like(reward), (reward - mean) / (std + eps))
    return score.masked_fill(~g.scored, float("nan"))
