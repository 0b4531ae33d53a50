"""REINFORCE weighted by a clipped, detached importance ratio."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method


@method(
    paper=Paper(
        "arXiv:2506.13585", "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention",
        "advantage/baselines",
    ),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("trust region",),
    writes=("clipped",),
    presets=(
        Preset("cispo/trl", params={"one_sided": True, "high": 5.0}, note="TRL: absolute upper cap, no lower one"),
    ),
    golden="baselines-losses",
    settings={"log_ratio": {"level": "token"}},
    sources={"low": "code", "high": "code", "one_sided": "code", "max_log_ratio": "code"},
)  # fmt: skip
def cispo(
    log_ratio: Float[Tensor, "batch time"],
    logp: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    *,
    low: float = 0.2,
    high: float = 0.2,
    one_sided: bool = False,
    max_log_ratio: float = 20.0,
) -> tuple[Float[Tensor, "batch time"], Bool[Tensor, "batch time"]]:
    r"""Clip the weight of a decision instead of its gradient, so that no decision is ever dropped.

    .. math:: \ell = -\mathrm{sg}[\hat r]\, A \log\pi,\qquad
              \hat r = \mathrm{clip}(r, 1-low, 1+high)\ \text{or}\ \min(r, high)

    Args:
        log_ratio: :math:`\log\pi - \log\pi_{old}` per decision; enters detached.
        logp: log-prob of the decision, nats; the only way for the gradient.
        advantage: detached.
        low, high: width of the band below and above 1.
        one_sided: ``high`` is an absolute cap on the ratio and there is no lower bound.
        max_log_ratio: the log-ratio is clamped to this many nats on both sides before the exponential.

    Returns:
        Loss per decision, and ``clipped``: where the bound changed the ratio.

    Raises:
        RecipeError: ``one_sided`` with a cap below 1, which would shrink every on-policy gradient.

    Example:
        >>> import torch
        >>> lr, lp = torch.log(torch.tensor([[1.5, 0.5]])), torch.tensor([[-1.0, -2.0]])
        >>> loss, clipped = cispo(lr, lp, torch.ones(1, 2))
        >>> [round(v, 4) for v in loss[0].tolist()], clipped[0].tolist()  # 1.2 * 1, 0.8 * 2
        ([1.2, 1.6], [True, True])

    Source: MiniMax 2025, eq. 4 and 5.
    Differs: the paper tunes only the upper bound; the two-sided default band is verl's, ``cispo/trl`` is TRL's cap.
    """
    if one_sided and high < 1.0:
        raise RecipeError(
            "a one-sided cap is absolute and must be at least 1", where="cispo.high", seen=high, fix="high: 5.0"
        )
    ratio = log_ratio.detach().clamp(-max_log_ratio, max_log_ratio).exp()
    weight = ratio.clamp(max=high) if one_sided else ratio.clamp(1.0 - low, 1.0 + high)
    return -weight * advantage * logp, weight != ratio
