"""Advantages with the variance-optimal baseline per token position."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.advantages._live import discounted_sums, live_rewards
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import groups
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2602.07078", "The Optimal Token Baseline: Variance Reduction for Long-Horizon LLM-RL",
        "advantage/baselines",
    ),
    scope="group",
    tags=("critic-free", "long horizon"),
    traits=("whole_group",),
    presets=(Preset("optimal_token_baseline/verl", params={"singleton": "raw"}, note="numbers of verl's estimator"),),
    golden="baselines-advantages",
    sources={"eps": "code", "singleton": "ours"},
)  # fmt: skip
def optimal_token_baseline(
    token_reward: Float[Tensor, "batch time"],
    group_id: Int[Tensor, " batch"],
    old_logp: Float[Tensor, "batch time"],
    collision: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    eps: float = 1e-8,
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Reward to go minus the group mean at the same position, weighted by the gradient spent so far.

    .. math:: A_{i,t} = G_{i,t} - \frac{\sum_{j \in g} W_{j,t}\,G_{j,t}}{\sum_{j \in g} W_{j,t} + \epsilon},\qquad
              W_{j,t} = \sum_{s \le t} \bigl(1 - 2\pi_{j,s} + \textstyle\sum_v \pi_{j,s}(v)^2\bigr)

    The bracket is the squared norm of the gradient of the log-prob with respect to the logits.

    Args:
        token_reward: reward per decision, any unit; a NaN on a valid decision means the row was not scored.
        group_id: rows of one prompt share it.
        old_logp: log-prob of the decision under the behaviour policy, nats.
        collision: sum of squared probabilities of the same distribution, 0 to 1; used detached.
        mask: the policy's own decisions; only they add to G and W.
        eps: added to the sum of weights.
        singleton: a row alone in its group gets 0, or its reward to go.

    Returns:
        The advantage on valid decisions, 0 elsewhere; 0 for rows that were not scored.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([[1.0], [0.0]]), torch.ones(2, 1, dtype=torch.bool)
        >>> logp, col = torch.log(torch.tensor([[0.5], [0.25]])), torch.tensor([[0.5], [0.25]])
        >>> optimal_token_baseline(r, torch.tensor([0, 0]), logp, col, m).flatten().tolist()
        [0.6000000238418579, -0.4000000059604645]

    Source: Li et al. 2026, the logit-gradient proxy, in the form of verl's estimator.
    Differs: a lone row gives 0 (verl: ``singleton="raw"``); positions outside the mask do not add to W.
    """
    clean, live = live_rewards(token_reward, mask)
    ahead = discounted_sums(clean, live, 1.0, "skip")
    spent = zeroed(1.0 - 2.0 * old_logp.exp() + collision.detach(), live).cumsum(1)
    weight = zeroed(spent, live)
    g = groups(group_id, clean.sum(1).masked_fill(~live.any(1), float("nan")))
    shape = (g.size, clean.shape[1])
    top = clean.new_zeros(shape).index_add_(0, g.index, weight * ahead)
    bottom = clean.new_zeros(shape).index_add_(0, g.index, weight)
    out = zeroed(ahead - (top / (bottom + eps))[g.index], live)
    alone = (g.spread(g.count) < 2)[:, None]
    return torch.where(alone, ahead if singleton == "raw" else torch.zeros_like(out), out)
