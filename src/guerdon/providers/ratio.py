"""The importance ratio of the current policy to the one that sampled, at two levels."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.masked import masked_mean, zeroed


@method(
    paper=Paper("arXiv:2507.18071", "Group Sequence Policy Optimization", "advantage/baselines"),
    writes=("log_ratio",),
    sources={"cap": "code"},
)
def log_ratio(
    logp: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    level: Literal["token", "sequence"] = "token",
    cap: float = 10.0,
) -> Float[Tensor, "batch time"]:
    r"""Log importance ratio of every decision, its own or that of its whole row.

    .. math:: \text{token:}\ d_t = \log\pi_t - \log\pi_{old,t},\qquad
              \text{sequence:}\ \min\big(\mathrm{sg}[\tfrac{1}{L}\textstyle\sum_s d_s] + \log\pi_t
              - \mathrm{sg}[\log\pi_t],\ cap\big)

    Args:
        logp: log-prob of the decision under the current policy, nats.
        old_logp: the same under the behaviour policy, detached.
        mask: the policy's own decisions.
        level: ``token``, or ``sequence``: the value is the row's mean log-ratio, the gradient each decision's own.
        cap: upper bound of the sequence-level value, nats; beyond it there is no gradient.

    Returns:
        Log-ratio per decision, 0 outside the mask.

    Example:
        >>> import torch
        >>> lp, old = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-2.0, -2.0]])
        >>> m = torch.ones(1, 2, dtype=torch.bool)
        >>> log_ratio(lp, old, m).tolist(), log_ratio(lp, old, m, level="sequence").tolist()
        ([[1.0, 0.0]], [[0.5, 0.5]])

    Source: Zheng et al. 2025, eq. 7 and, for the gradient per decision, eq. 17; the cap from verl.
    Differs: nothing; decisions outside the mask get 0, so that they can never spoil a gradient.
    """
    d = zeroed(logp - old_logp, mask)
    if level == "token":
        return d
    row = masked_mean(d.detach(), mask, 1)[:, None]
    return zeroed((row + d - d.detach()).clamp(max=cap), mask)
