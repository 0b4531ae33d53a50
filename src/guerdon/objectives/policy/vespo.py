"""REINFORCE weighted by a smooth kernel of the whole row's importance ratio."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed

_LOWEST = math.log(1e-8)


@method(
    paper=Paper(
        "arXiv:2602.10693",
        "VESPO: Variational Sequence-Level Soft Policy Optimization for Stable Off-Policy LLM Training",
        "advantage/baselines",
    ),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("trust region", "off-policy"),
    settings={"log_ratio": {"level": "token"}},
    default_source="code",
)
def vespo(
    log_ratio: Float[Tensor, "batch time"],
    logp: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    k_pos: float = 2.0,
    lam_pos: float = 3.0,
    k_neg: float = 3.0,
    lam_neg: float = 2.0,
    max_log_ratio: float = 20.0,
) -> Float[Tensor, "batch time"]:
    r"""Weigh a row by a gamma-shaped kernel of its ratio, which vanishes for rows far from the behaviour policy.

    .. math:: \ell_t = -\mathrm{sg}[\phi(w)]\, A \log\pi_t,\qquad \phi(w) = e^{\lambda} w^{k} e^{-\lambda w},\qquad
              w = \exp\Big(\sum_t \log\frac{\pi_t}{\pi_{old,t}}\Big)

    Args:
        log_ratio: :math:`\log\pi - \log\pi_{old}` per decision; summed (not averaged) over the row, detached.
        logp: log-prob of the decision, nats; the only way for the gradient.
        advantage: detached; its sign chooses the kernel.
        mask: the policy's own decisions.
        k_pos, lam_pos: power (pull towards 0 for small ratios) and decay (for large ones) where :math:`A \ge 0`.
        k_neg, lam_neg: the same where :math:`A < 0`.
        max_log_ratio: clamp of each decision's log-ratio, and of their sum from above; the sum's floor is
            :math:`\ln 10^{-8}`.

    Returns:
        Loss per decision; :math:`\phi(1) = 1`, so on-policy it is REINFORCE.

    Example:
        >>> d, m = torch.log(torch.tensor([[2.0]])), torch.ones(1, 1, dtype=torch.bool)
        >>> loss = vespo(d, torch.tensor([[-1.0]]), torch.ones(1, 1), m)
        >>> round(loss.item(), 4)  # e^3 * 2^2 * e^-6
        0.1991

    Source: arXiv:2602.10693 with the constants and clamps of TRL 1.16 (``loss_type="vespo"``), whose numbers it gives.
    Differs: no correction for a sampler that differs from the behaviour policy; the constants were read in TRL, not
        in the paper.
    """
    d = zeroed(log_ratio.detach(), mask).clamp(-max_log_ratio, max_log_ratio)
    log_w = d.sum(1, keepdim=True).clamp(_LOWEST, max_log_ratio)
    up = advantage >= 0
    k = torch.where(up, d.new_tensor(k_pos), d.new_tensor(k_neg))
    lam = torch.where(up, d.new_tensor(lam_pos), d.new_tensor(lam_neg))
    phi = (lam + k * log_w - lam * log_w.exp()).exp()
    return -phi * advantage * logp
