"""Standardising advantages over the batch."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.masked import masked_mean, masked_var, masked_whiten, zeroed


@method(
    paper=Paper("arXiv:1707.06347", "Proximal Policy Optimization Algorithms", "advantage/baselines"),
    scope="rollout_batch",
    tags=("normalisation",),
    traits=("shift_invariant",),
    sources={"by": "code", "eps": "code"},
)
def whiten(
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    reward: Float[Tensor, " batch"] | None = None,
    *,
    by: Literal["token", "row"] = "token",
    eps: float = 1e-8,
) -> Float[Tensor, "batch time"]:
    r"""Advantages shifted and scaled to mean 0 and variance 1 over the batch.

    .. math:: A' = \frac{A - \mu}{\sqrt{\sigma^2 + \epsilon}}

    :math:`\mu` and the unbiased :math:`\sigma^2` are taken over all valid decisions, so long rows count more, or
    over the mean advantage of each row.

    Args:
        advantage: from an estimator.
        mask: the policy's own decisions.
        reward: where given, rows whose reward is NaN were not scored: they are left out and stay 0.
        by: one vote per decision, or one per row.
        eps: added to the variance.

    Returns:
        The standardised advantage on valid decisions, 0 elsewhere.

    Raises:
        NumericsError: fewer than two decisions (or rows) to take a variance of.

    Example:
        >>> import torch
        >>> a, m = torch.tensor([[1.0, 1.0], [4.0, 0.0]]), torch.tensor([[True, True], [True, False]])
        >>> [[round(v, 3) for v in row] for row in whiten(a, m).tolist()]
        [[-0.577, -0.577], [1.155, 0.0]]

    Source: the advantage normalisation of PPO implementations; statistics as in verl's masked whitening.
    Differs: verl's leaves shifted zeros outside the mask.
    """
    live = mask.bool() if reward is None else mask.bool() & ~torch.isnan(reward)[:, None]
    if by == "token":
        return zeroed(masked_whiten(zeroed(advantage, live), live, eps=eps), live)
    row, exists = masked_mean(advantage, live, 1), live.any(1)
    centred = advantage - masked_mean(row, exists)
    return zeroed(centred * torch.rsqrt(masked_var(row, exists) + eps), live)
