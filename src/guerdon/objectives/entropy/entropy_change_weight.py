"""A weight that damps the decisions whose update would move entropy the most."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.entropy_steps import scalar_change
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2510.10150", "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective", "entropy/steer",
        where="adaptive token weights",
    ),
    role="weight",
    scope="update_batch",
    tags=("entropy control",),
    sources={"w_min": "code", "floor": "code", "power": "code"},
    presets=(
        Preset("entropy_change_weight/linear", params={"mode": "linear", "w_min": 0.8, "w_max": 1.2},
               note="the linear form with the release's ends, roughly of mean 1"),
    ),
    golden="steer",
)  # fmt: skip
def entropy_change_weight(
    logp: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    w_min: float = 0.8,
    w_max: float = 1.0,
    mode: Literal["exp", "linear"] = "exp",
    floor: float = 0.02,
    power: float = 1.0,
) -> Float[Tensor, "batch time"]:
    r"""Weigh decisions down by the entropy change that their update is predicted to cause.

    .. math:: \Omega = \frac{A}{p_{old}}\,p\,(1-p)^{k}\,(\ln p + H),\qquad
              w_{exp} = \max\!\Big(w_{min},\ w_{min}^{\,|\Omega| / \max(\max|\Omega|,\, floor)}\Big),\qquad
              w_{lin} = w_{max} - (w_{max} - w_{min})\,
                        \frac{|\Omega| - \min|\Omega|}{\max|\Omega| - \min|\Omega|}

    Args:
        logp: log-prob of the decision under the current policy, nats; no gradient flows.
        old_logp: the same under the behaviour policy.
        old_entropy: entropy of the behaviour policy at the decision, nats.
        advantage: detached; decisions of advantage 0 change nothing and keep the largest weight.
        mask: the policy's own decisions; smallest and largest change are those of the optimiser batch.
        w_min: weight of the decision of largest change, in (0, 1] for ``exp``, in [0, ``w_max``] for ``linear``.
        w_max: weight of the decision of smallest change (``linear``); ``exp`` starts at 1 and takes no other value.
        mode: shape of the weight between the two.
        floor: changes are compared with at least this much, so that tiny ones are not damped (``exp``); above 0.
        power: exponent :math:`k` of :math:`1 - p`, 0 or more.

    Returns:
        Detached weight per decision, 0 outside the mask; where all changes are equal, ``linear`` gives the middle.

    Raises:
        RecipeError: weights or floor out of range.

    Example:
        >>> p, h = torch.tensor([[0.9, 0.1, 0.5]]), torch.tensor([[0.3, 1.0, 0.5]])
        >>> a, m = torch.tensor([[1.0, 1.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool)
        >>> w = entropy_change_weight(p.log(), p.log(), h, a, m)  # changes .0195, -1.1723, 0
        >>> [round(v, 4) for v in w[0].tolist()]
        [0.9963, 0.8, 1.0]

    Source: the authors' release, which computes this with one factor :math:`1 - p`; the derivation for one sampled
        decision suggests ``power=2``.
    Differs: statistics are those of the optimiser batch, not of each micro-batch; a value that is not finite is not
        turned into 0.
    """
    _check(w_min, w_max, mode, floor, power)
    with torch.no_grad():
        change = zeroed(scalar_change(logp, old_logp, old_entropy, advantage, power), mask).abs()
        valid = change[mask]
        if not valid.numel():
            return torch.zeros_like(change)
        low, high = valid.min(), valid.max()
        if mode == "exp":
            weight = (math.log(w_min) / high.clamp_min(floor) * change).exp().clamp(w_min, 1.0)
        else:
            place = torch.where(high > low, (change - low) / (high - low), torch.full_like(change, 0.5))
            weight = (w_max - (w_max - w_min) * place).clamp(w_min, w_max)
        return zeroed(weight, mask)


def _check(w_min: float, w_max: float, mode: str, floor: float, power: float) -> None:
    if mode == "exp" and not (0.0 < w_min <= 1.0 and w_max == 1.0 and floor > 0.0):
        raise RecipeError(
            "the exponential weight falls from 1 to w_min", where="entropy_change_weight",
            seen={"w_min": w_min, "w_max": w_max, "floor": floor}, allowed="0 < w_min <= 1, w_max = 1, floor > 0",
            fix="mode: linear has both ends",
        )  # fmt: skip
    if mode == "linear" and not 0.0 <= w_min <= w_max:
        raise RecipeError(
            "the ends of the linear weight", where="entropy_change_weight", seen={"w_min": w_min, "w_max": w_max},
            allowed="0 <= w_min <= w_max",
        )  # fmt: skip
    if power < 0.0:
        raise RecipeError("the exponent of 1 - p is negative", where="entropy_change_weight.power", seen=power)
