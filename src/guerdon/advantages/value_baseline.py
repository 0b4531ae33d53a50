"""The reward of a row minus what a pessimistic critic expected of it."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import broadcast
from guerdon.ops.masked import masked_mean, masked_var, zeroed


@method(
    paper=Paper(
        "url:https://github.com/ryyzn9/SAFE",
        "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control for RLHF", "entropy/safe",
    ),
    scope="rollout_batch",
    tags=("critic",),
    writes=("returns",),
    golden="safe",
    default_source="code",
)  # fmt: skip
def value_baseline(
    reward: Float[Tensor, " batch"],
    old_value: Float[Tensor, "batch time"] | Float[Tensor, "batch time member"],
    mask: Bool[Tensor, "batch time"],
    *,
    softmin: float = 0.3,
    standardize: bool = True,
    eps: float = 1e-8,
) -> tuple[Float[Tensor, "batch time"], Float[Tensor, " batch"]]:
    r"""Reward minus the soft minimum of the critic's heads at the last decision, standardised over the batch.

    .. math:: V = -a\,\Big(\log \sum_{m=1}^M e^{-V_m / a} - \log M\Big),\qquad
              A_i = \frac{\delta_i - \bar\delta}{s_\delta + \epsilon},\quad \delta_i = R_i - V_i

    Args:
        reward: one score per row, any unit; NaN = not scored.
        old_value: prediction before each decision when the batch was sampled; several heads in the last axis.
        mask: the policy's own decisions.
        softmin: temperature :math:`a` of the minimum, units of the reward: 0 for the least head, inf for their mean.
        standardize: subtract the mean and divide by the sample std of the rows.
        eps: added to the std.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere and on rows that were not scored; and ``returns``, the
        reward of each row, or its own value where it was not scored, so that it teaches the critic nothing.

    Raises:
        RecipeError: a negative ``softmin``.

    Example:
        >>> v, m = torch.tensor([[[0.0, 1.0]]]), torch.ones(1, 1, dtype=torch.bool)
        >>> a, ret = value_baseline(torch.tensor([1.0]), v, m, standardize=False)
        >>> round(1 - a.item(), 6), ret.item()  # the soft minimum of 0 and 1
        (0.197428, 1.0)

    Source: the authors' released critic and trainer.
    Differs: there the value is that of the last position of a padded row; here that before the row's last decision.
        A single row keeps its difference where a sample std does not exist. The soft minimum is above the least head
        by at most a log M.
    """
    if softmin < 0:
        raise RecipeError(
            "the temperature of the minimum is not negative", where="value_baseline.softmin", seen=softmin
        )
    heads = old_value if old_value.ndim == 3 else old_value[..., None]
    end = (mask.long() * torch.arange(1, mask.shape[1] + 1, device=mask.device)).argmax(1)
    expected = soft_minimum(heads[torch.arange(len(heads), device=end.device), end], softmin)
    expected = torch.where(mask.any(1), expected, torch.zeros_like(expected))
    scored = ~torch.isnan(reward) & mask.any(1)
    gain = zeroed(reward - expected, scored)
    if standardize and int(scored.sum()) > 1:
        gain = (gain - masked_mean(gain, scored)) / (masked_var(gain, scored).sqrt() + eps)
    advantage = broadcast(gain.masked_fill(~scored, float("nan")), mask)
    return advantage.detach(), torch.where(torch.isnan(reward), expected, reward).detach()


def soft_minimum(heads: Tensor, a: float) -> Tensor:
    """Soft minimum over the last axis: the least head for 0, their mean for inf, equal heads unchanged.

    Example:
        >>> x = torch.tensor([0.0, 1.0])
        >>> soft_minimum(x, 0.0).item(), soft_minimum(x, math.inf).item()
        (0.0, 0.5)
    """
    if a == 0:
        return heads.amin(-1)
    if math.isinf(a):
        return heads.mean(-1)
    return -a * (torch.logsumexp(-heads / a, -1) - math.log(heads.shape[-1]))
