"""The geometric mean of the clipped importance ratios of a row."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.masked import masked_mean, zeroed


@method(
    paper=Paper("arXiv:2507.20673", "Geometric-Mean Policy Optimization", "advantage/baselines"),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("trust region",),
    writes=("clipped",),
    presets=(Preset("gmpo/paper", params={"low": 0.4, "high": 0.4}, note="the wider band of the paper"),),
    golden="baselines-losses",
    settings={"log_ratio": {"level": "token"}},
    sources={"low": "code", "high": "code", "eps": "code"},
    aggregate="sample_mean",
)
def gmpo(
    log_ratio: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    low: float = 0.2,
    high: float = 0.2,
    eps: float = 1e-8,
) -> tuple[Float[Tensor, " batch"], Bool[Tensor, "batch time"]]:
    r"""One ratio per row, the geometric mean over its decisions, each clipped on the side that would overshoot.

    .. math:: \ell_i = -\bar A_i \exp\Big(\frac{1}{L_i}\sum_t \tilde d_{it}\Big),\qquad
              \tilde d = \begin{cases}\min(d, high) & A > 0\\ \max(d, -low) & A < 0\end{cases}

    Args:
        log_ratio: :math:`d = \log\pi - \log\pi_{old}` per decision, nats.
        advantage: detached; :math:`\bar A_i` is its mean over the decisions of the row.
        mask: the policy's own decisions.
        low, high: width of the band in nats below and above 0 (not in ratios).
        eps: added to :math:`L_i` in both means.

    Returns:
        Loss per row, to be averaged over all rows (a row without decisions gives 0), and ``clipped``: decisions whose
        log-ratio the bound changed.

    Example:
        >>> d, a = torch.tensor([[0.5, 0.1]]), torch.ones(1, 2)
        >>> loss, clipped = gmpo(d, a, torch.ones(1, 2, dtype=torch.bool))
        >>> round(loss.item(), 4), clipped[0].tolist()  # -exp((0.2 + 0.1) / 2)
        (-1.1618, [True, False])

    Source: Zhao et al. 2025, eq. 4 and algorithm 1.
    Differs: the default band is verl's 0.2 (the paper prefers 0.4); verl's logged clip fractions also count log-ratios
        that leave the band on the harmless side, ``clipped`` does not.
    """
    d = zeroed(log_ratio, mask)
    a = zeroed(advantage, mask)
    bounded = torch.where(a > 0, d.clamp(max=high), torch.where(a < 0, d.clamp(min=-low), d))
    row = -masked_mean(a, mask, 1, eps=eps) * masked_mean(bounded, mask, 1, eps=eps).exp()
    return row, bounded.detach() != d.detach()
