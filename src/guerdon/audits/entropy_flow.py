"""Where an update takes entropy from: predicted change by decision, summed over parts of the batch."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.entropy_steps import discriminant, mean_discriminant, scalar_change
from guerdon.ops.masked import masked_mean, zeroed
from guerdon.ops.stats import clustered_ratio
from guerdon.records import Finding

PARTS = {"discriminant": "(S - E S) r A", "covariance": "covariance of log-prob and advantage", "scalar": "Omega"}


@method(
    paper=(
        Paper("arXiv:2602.03392", "On the Entropy Dynamics in Reinforcement Fine-Tuning of Large Language Models",
              "entropy/entropy-discriminator-clip"),
        Paper("arXiv:2510.10150", "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective",
              "entropy/steer"),
        Paper("arXiv:2512.16912", "Exploration vs Exploitation: Rethinking RLVR through Clipping, Entropy, and "
              "Spurious Reward", "entropy/clipping-spurious"),
    ),
    scope="update_batch",
    tags=("entropy control",),
    sources={"estimator": "ours", "top_share": "ours"},
)  # fmt: skip
def entropy_flow(
    logp: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    collision: Float[Tensor, "batch time"] | None = None,
    collision_logp: Float[Tensor, "batch time"] | None = None,
    *,
    estimator: Literal["discriminant", "covariance", "scalar"] = "discriminant",
    top_share: float = 0.01,
) -> list[Finding]:
    r"""Split the entropy change that an update is predicted to cause by sign, quadrant, position and entropy.

    .. math:: \delta_t = -r_t A_t\,(S_t - E_{p_t}[S]),\quad
              \delta_t = -(\ln p_t - \overline{\ln p})(A_t - \bar A)\quad\text{or}\quad \delta_t = -\Omega_t,
              \qquad S_t = p_t\,(H_t + \ln p_t)

    A *common* decision is more likely than :math:`e^{-H}`, a *rare* one less. The effects of the four quadrants add
    up to the mean, and so do those of the quarters and those of the tenths.

    Args:
        logp: log-prob of the decision under the current policy, nats.
        old_logp: the same under the behaviour policy.
        old_entropy: entropy of the behaviour policy, nats.
        advantage: detached.
        mask: the policy's own decisions; nothing is found where there is none.
        collision, collision_logp: :math:`\sum p^2` and :math:`\sum p^2 \ln p`; without them ``discriminant`` leaves
            :math:`E_p[S]` out, which is the change when the logit moves alone.
        estimator: how a decision's change is predicted.
        top_share: share of the decisions, those of largest change, whose part in all change is told; in (0, 1].

    Returns:
        ``entropy change``: mean over the decisions, nats per unit of learning rate, negative where entropy falls;
        ``quadrant …``, ``quarter …`` of the row, ``entropy tenth …``: what each adds to it; ``largest changes``: share
        of the sum of absolute changes. Intervals take rows as independent.

    Raises:
        RecipeError: the share is out of range.

    Example:
        >>> p, h = torch.tensor([[0.7, 0.2], [0.7, 0.1]]), torch.full((2, 2), 0.8018)
        >>> a, m = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.ones(2, 2, dtype=torch.bool)
        >>> found = entropy_flow(p.log(), p.log(), h, a, m)
        >>> [(f.name, round(f.effect, 3)) for f in found[:3]]
        [('entropy change', 0.003), ('quadrant common, up', -0.078), ('quadrant common, down', 0.078)]

    Source: the first-order change of the discriminator paper, the covariance of the entropy mechanism, STEER's
        scalar; the split is this library's.
    Differs: the papers plot such splits; intervals are added. Entropy is the behaviour policy's, log-prob and
        collisions are the current one's: on-policy they are those of one policy.
    """
    if not 0.0 < top_share <= 1.0:
        raise RecipeError("a share of the decisions", where="entropy_flow.top_share", seen=top_share, allowed="(0, 1]")
    keep = mask.any(1)
    given = (logp, old_logp, old_entropy, advantage)
    mask = mask[keep]
    lp, old, h, a = (zeroed(x.detach()[keep].double(), mask) for x in given)
    if not mask.numel():
        return []
    if estimator == "covariance":
        change = -(lp - masked_mean(lp, mask)) * (a - masked_mean(a, mask))
    elif estimator == "scalar":
        change = -scalar_change(lp, old, h, a)
    else:
        found = discriminant(lp, h)
        if collision is not None and collision_logp is not None:
            found = found - mean_discriminant(h, collision.detach()[keep].double(), collision_logp.detach()[keep])
        change = -(lp - old).exp() * a * found
    return _findings(zeroed(change, mask), lp, h, a, mask, top_share, PARTS[estimator])


def _findings(
    change: Tensor, logp: Tensor, entropy: Tensor, advantage: Tensor, mask: Tensor, top_share: float, unit: str
) -> list[Finding]:
    common = logp + entropy > 0
    place = ((mask.cumsum(1) - 1) * 4 // mask.sum(1, keepdim=True)).clamp(0, 3)
    values = entropy[mask].sort().values
    edges = values[[k * len(values) // 10 for k in range(1, 10)]]
    tenth = torch.bucketize(entropy, edges, right=True)
    parts = {"entropy change": mask}
    for name, where in (("common", common), ("rare", ~common)):
        parts[f"quadrant {name}, up"] = mask & where & (advantage > 0)
        parts[f"quadrant {name}, down"] = mask & where & (advantage < 0)
    parts |= {f"quarter {k + 1} of the row": mask & (place == k) for k in range(4)}
    parts |= {f"entropy tenth {k + 1}": mask & (tenth == k) for k in range(10)}
    counts = mask.sum(1).double()
    found = []
    for name, part in parts.items():
        n = int(part.sum())
        if n:
            text = f"mean of {unit} over all decisions, of which {n} are in this part; nats per unit of learning rate"
            found.append(_finding(name, zeroed(change, part).sum(1), counts, n, text))
    size = change.abs()
    if float(size.sum()) > 0.0:
        top = math.ceil(top_share * len(values))
        bound = size[mask].sort(descending=True).values[top - 1]
        largest = mask & (size >= bound)
        text = f"share of all absolute change that belongs to the {top_share:.2%} of the decisions with the largest"
        found.append(_finding("largest changes", zeroed(size, largest).sum(1), size.sum(1), int(largest.sum()), text))
    return found


def _finding(name: str, parts: Tensor, wholes: Tensor, n: int, text: str) -> Finding:
    found = clustered_ratio(parts.cpu().numpy(), wholes.cpu().numpy())
    return Finding(name, found.estimate, (found.low, found.high), n, message=text)
