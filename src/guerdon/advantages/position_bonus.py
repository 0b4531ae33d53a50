"""A bonus on the size of the advantage that grows towards the end of the completion."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2508.02260", "Decomposing the Entropy-Performance Exchange: The Missing Keys to Unlocking Effective "
        "Reinforcement Learning", "entropy/entropy-performance-exchange", where="position-based shaping",
    ),
    tags=("credit assignment",),
    default_source="unverified",
    sources={"center": "ours"},
)  # fmt: skip
def position_bonus(
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    gamma: float = 0.1,
    slope: float = 1.0,
    center: float = 0.0,
) -> Float[Tensor, "batch time"]:
    r"""Late decisions get more of the advantage, whichever its sign.

    .. math:: A'_t = A_t + \mathrm{sign}(A_t)\,\gamma\,\sigma\big(d\,(\rho_t - c)\big),\qquad
              \rho_t = \frac{\text{place of } t \text{ among the decisions of its row}}{\text{their number}} \in (0, 1]

    Args:
        advantage: from an estimator such as ``grpo``.
        mask: the policy's own decisions; only they are counted.
        gamma: largest bonus, units of the advantage, 0 or more.
        slope: steepness :math:`d`; below 0 the first decisions get more.
        center: relative position :math:`c` at which the bonus is half of ``gamma``.

    Returns:
        The advantage with its bonus; where it was 0 it stays 0, and its sign never changes. 0 outside the mask.

    Raises:
        RecipeError: ``gamma`` is negative.

    Example:
        >>> a = torch.tensor([[1.0, 1.0], [-1.0, 0.0]])
        >>> out = position_bonus(a, torch.ones(2, 2, dtype=torch.bool))
        >>> [[round(v, 4) for v in row] for row in out.tolist()]  # .1 / (1 + e^-.5) and .1 / (1 + e^-1)
        [[1.0622, 1.0731], [-1.0622, 0.0]]

    Source: the paper's position-based shaping; no code of the authors was found.
    Differs: the constants are not verified. With the defaults the bonus moves little: over a long completion the last
        quarter gets 1.008 times its share where the advantage is 1.
    """
    if not gamma >= 0.0:
        raise RecipeError("a bonus is not negative", where="position_bonus.gamma", seen=gamma, allowed="0 or more")
    place = mask.cumsum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    bonus = gamma * torch.sigmoid(slope * (place.to(advantage.dtype) - center))
    clean = zeroed(advantage, mask)
    return zeroed(clean + clean.sign() * bonus, mask)
