"""A penalty on moving the few decisions that cost the most entropy."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.masked import masked_mean, zeroed


@method(
    paper=Paper(
        "arXiv:2505.22617",
        "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", "entropy/clip-cov-kl-cov",
    ),
    role="token_loss",
    scope="update_batch",
    tags=("entropy control",),
    presets=(
        Preset("kl_cov/32b", params={"fraction": 2e-4}, note="the paper's share for its 32B model"),
        Preset("kl_cov/verl", params={"fraction": 2e-4, "coef": 0.1}, note="defaults of verl's port"),
    ),
    golden=("clip-cov-kl-cov", "baselines-losses"),
)  # fmt: skip
def kl_cov(
    logp: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    fraction: float = 2e-3,
    coef: float = 1.0,
) -> Float[Tensor, "batch time"]:
    r"""Unclipped surrogate, plus a KL term on the decisions with the largest covariance of log-prob and advantage.

    .. math:: C_i = (\log\pi_i - \overline{\log\pi})(A_i - \bar A),\qquad
              \ell_i = -A_i r_i + \beta\,[i \in \mathrm{top}_k(C)]\,|\log\pi_i - \log\pi_{old,i}|

    Args:
        logp: log-prob of the decision under the current policy, nats.
        old_logp: the same under the behaviour policy, detached.
        advantage: detached.
        mask: the policy's own decisions; the means and the choice are over all of the optimiser batch.
        fraction: share of the decisions that get the penalty, in [0, 1]: :math:`k = \max(1, \lfloor N f \rfloor)`;
            0 chooses none.
        coef: weight :math:`\beta` of the penalty.

    Returns:
        Loss per decision. With ``coef=0`` it is the plain importance-weighted policy gradient.

    Raises:
        RecipeError: ``fraction`` is not in [0, 1].

    Example:
        >>> lp = torch.tensor([[-0.1, -3.0, -0.2, -2.9]])
        >>> a, m = torch.tensor([[1.0, 1.0, -1.0, -1.0]]), torch.ones(1, 4, dtype=torch.bool)
        >>> loss = kl_cov(lp, lp - 0.5, a, m, fraction=0.25)  # C = 1.45, -1.45, -1.35, 1.35
        >>> [round(v, 4) for v in loss[0].tolist()]  # -A e^0.5, plus 0.5 on the first
        [-1.1487, -1.6487, 1.6487, 1.6487]

    Source: Cui et al. 2025, section 4.3, with the released function for the penalty :math:`|\log r|`.
    Differs: the release states the share in percent and caps it by the number of decisions; here it is a fraction and
        uncapped. Among equal covariances the choice is that of ``torch.topk``. No decision is PPO-clipped, and with
        constant advantages the penalty still applies to :math:`k` decisions, both as released.
    """
    if not 0.0 <= fraction <= 1.0:
        raise RecipeError("fraction is a share, not percent", where="kl_cov.fraction", seen=fraction, allowed="[0, 1]")
    d = zeroed(logp - old_logp, mask)
    loss = -advantage * d.exp()
    count = int(mask.sum())
    if count == 0 or fraction == 0.0:
        return loss
    now = logp.detach()
    covariance = (now - masked_mean(now, mask)) * (advantage - masked_mean(advantage, mask))
    top = torch.topk(covariance[mask], max(1, int(count * fraction))).indices
    flat = torch.zeros(mask.numel(), dtype=torch.bool, device=mask.device)
    flat[mask.flatten().nonzero()[top, 0]] = True
    return loss + torch.where(flat.view_as(mask), coef * d.abs(), torch.zeros_like(d))
