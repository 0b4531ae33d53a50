"""A smooth gate on the importance ratio in place of clipping."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=Paper("arXiv:2511.20347", "Soft Adaptive Policy Optimization", "advantage/baselines"),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("trust region",),
    golden="baselines-losses",
    settings={"log_ratio": {"level": "token"}},
    sources={"max_log_ratio": "code"},
    aggregate="seq_mean_token_mean",
)
def sapo(
    log_ratio: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    *,
    tau_pos: float = 1.0,
    tau_neg: float = 1.05,
    max_log_ratio: float = 20.0,
) -> Float[Tensor, "batch time"]:
    r"""Surrogate whose pull fades smoothly as the ratio leaves 1.

    .. math:: \ell = -A\,\frac{4}{\tau}\,\sigma\big(\tau (r - 1)\big),\qquad
              \tau = \tau_{pos}\ \text{if}\ A > 0\ \text{else}\ \tau_{neg}

    Args:
        log_ratio: :math:`\log\pi - \log\pi_{old}` per decision.
        advantage: detached; 0 rows contribute nothing.
        tau_pos, tau_neg: steepness of the gate for raised and for lowered decisions, positive; larger is tighter.
        max_log_ratio: the log-ratio is clamped to this many nats on both sides before the exponential.

    Returns:
        Loss per decision. At :math:`r = 1` its value is :math:`-2A/\tau` and its gradient that of PPO, :math:`-A`.

    Example:
        >>> loss = sapo(torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]))
        >>> [round(v, 4) for v in loss[0].tolist()]  # -2 / 1 and 2 / 1.05
        [-2.0, 1.9048]

    Source: Gao et al. 2025, eq. 5 and 6.
    Differs: nothing; verl and TRL always reduce it by the mean over rows of the mean over decisions.
    """
    # torch.where on two plain floats would round them to float32
    tau = torch.where(advantage > 0, log_ratio.new_tensor(tau_pos), log_ratio.new_tensor(tau_neg))
    ratio = log_ratio.clamp(-max_log_ratio, max_log_ratio).exp()
    return -advantage * torch.sigmoid(tau * (ratio - 1.0)) * (4.0 / tau)
