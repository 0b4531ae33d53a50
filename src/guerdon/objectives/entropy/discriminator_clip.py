"""Leave decisions with an extreme entropy discriminant out of the update."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.entropy_steps import discriminant, mean_discriminant
from guerdon.ops.masked import masked_mean, masked_var, zeroed


@method(
    paper=Paper(
        "arXiv:2602.03392", "On the Entropy Dynamics in Reinforcement Fine-Tuning of Large Language Models",
        "entropy/entropy-discriminator-clip", where="Clip_B and Clip_V",
    ),
    role="mask",
    scope="update_batch",
    tags=("entropy control",),
    sources={"low": "unverified", "high": "unverified", "side": "ours", "std_floor": "ours"},
    presets=(
        Preset(
            "discriminator_clip/vocab", params={"center": "vocab"}, bind={"collision": {}, "collision_logp": {}},
            note="Clip_V: centred by the policy itself",
        ),
    ),
)  # fmt: skip
def discriminator_clip(
    logp: Float[Tensor, "batch time"],
    entropy: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    collision: Float[Tensor, "batch time"] | None = None,
    collision_logp: Float[Tensor, "batch time"] | None = None,
    *,
    center: Literal["batch", "vocab"] = "batch",
    low: float = math.inf,
    high: float = 1.0,
    side: Literal["both", "positive", "negative"] = "both",
    std_floor: float = 1e-8,
) -> Bool[Tensor, "batch time"]:
    r"""Drop decisions whose entropy discriminant leaves a band of standard deviations.

    .. math:: S_t = p_t\,(H_t + \ln p_t),\qquad
              D_t = S_t - \bar S\ \text{(batch)}\quad\text{or}\quad S_t - E_{p_t}[S]\ \text{(vocab)},\qquad
              m_t = \big[-low\,\sigma \le D_t \le high\,\sigma\big]

    Pushing up a decision with positive :math:`S` (more likely than :math:`e^{-H}`) costs entropy, pushing it down
    gives entropy back. ``side: positive`` with ``high`` and ``side: negative`` with ``low`` are the two masks that
    only ever protect entropy; both entries may stand in one recipe.

    Args:
        logp: log-prob of the decision under the current policy, nats; no gradient flows.
        entropy: entropy of the current policy at the decision, nats.
        advantage: detached; only its sign counts.
        mask: the policy's own decisions; mean and standard deviation are those of the optimiser batch.
        collision, collision_logp: :math:`\sum p^2` and :math:`\sum p^2 \ln p`; needed for ``center: vocab``.
        center: what the discriminant is compared with.
        low, high: the band, in standard deviations of :math:`D` over the batch; 0 or more, ``.inf`` for no bound.
        side: the sign of the advantage that the band acts on; decisions of the other sign are kept.
        std_floor: up to this standard deviation nothing is dropped.

    Returns:
        True for kept decisions. Dropped ones still count in the mean of the loss.

    Raises:
        RecipeError: a negative bound, or a signal is missing that the choice needs.

    Example:
        >>> p = torch.tensor([[0.7, 0.2, 0.1, 0.2]])
        >>> h = torch.full((1, 4), 0.8018)  # S = .312, -.162, -.150, -.162; mean -.040, deviation .203
        >>> discriminator_clip(p.log(), h, torch.ones(1, 4), torch.ones(1, 4, dtype=torch.bool)).tolist()
        [[False, True, True, True]]

    Source: the discriminant and both masks of the paper.
    Differs: no code was found; bounds, the sign they act on and the denominator of the loss are not confirmed.
        Standard deviations are those of the population.
    """
    if not (low >= 0.0 and high >= 0.0):
        raise RecipeError("a bound in standard deviations is at least 0", where="discriminator_clip", seen=(low, high))
    found = discriminant(logp.detach(), entropy.detach())
    if center == "vocab":
        if collision is None or collision_logp is None:
            raise RecipeError(
                "center: vocab needs the signals collision and collision_logp", where="discriminator_clip.center",
                seen=center, fix="use: discriminator_clip/vocab, which asks for them",
            )  # fmt: skip
        found = found - mean_discriminant(entropy.detach(), collision.detach(), collision_logp.detach())
    found = zeroed(found, mask)
    spread = masked_var(found, mask, unbiased=False).sqrt()
    if center == "batch":
        found = found - masked_mean(found, mask)
    chosen = torch.ones_like(mask)
    if side != "both":
        chosen = advantage > 0 if side == "positive" else advantage < 0
    place = found / spread
    outside = (place < -low) | (place > high)
    return mask & ~(outside & chosen & (spread > std_floor))
