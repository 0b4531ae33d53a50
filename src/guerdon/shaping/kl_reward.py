"""The KL to the reference model as part of the reward."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.kl import Estimator, kl_estimate
from guerdon.ops.masked import zeroed


@method(
    paper=(
        Paper("arXiv:1909.08593", "Fine-Tuning Language Models from Human Preferences", "advantage/baselines"),
        Paper(
            "arXiv:2402.14740",
            "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs",
            "advantage/baselines",
        ),
    ),
    tags=("kl",),
    presets=(
        Preset("kl_reward/rloo", params={"place": "row"}, note="TRL's RLOO: sequence KL off the reward"),
        Preset("kl_reward/ppo", params={"place": "time"}, note="PPO: KL per decision, score on the last one"),
    ),
    sources={"beta": "code", "place": "ours", "estimator": "code"},
)
def kl_reward(
    reward: Float[Tensor, " batch"],
    old_logp: Float[Tensor, "batch time"],
    ref_logp: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    beta: float = 0.05,
    place: Literal["row", "time"] = "row",
    estimator: Estimator = "k1",
) -> Float[Tensor, " batch"] | Float[Tensor, "batch time"]:
    r"""Reward minus a price on the divergence from the reference, per row or per decision.

    .. math:: R'_i = R_i - \beta \sum_t k_{i,t},\qquad
              r'_{i,t} = -\beta k_{i,t} + R_i\,\mathbb{1}[t = \text{last}],\qquad
              k = \log\pi_{old} - \log\pi_{ref}

    Args:
        reward: one score per row, any unit; NaN = not scored, and the result is NaN there as well.
        old_logp: log-prob of the decisions under the policy that sampled them, nats.
        ref_logp: the same under the reference.
        mask: the policy's own decisions.
        beta: price per nat.
        place: ``row`` gives one reward per row, ``time`` one per decision.
        estimator: form of :math:`k`; only ``k1`` sums to the log-ratio of the sequence.

    Returns:
        The reward of each row for ``row``. For ``time`` the ``token_reward``: the whole return of a row is the same;
        outside the mask it is 0, and a row that was not scored is NaN on its last decision.

    Example:
        >>> import torch
        >>> logp, ref = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-2.0, -2.0]])
        >>> m, r = torch.ones(1, 2, dtype=torch.bool), torch.tensor([1.0])
        >>> kl_reward(r, logp, ref, m, beta=0.5).tolist()
        [0.5]
        >>> kl_reward(r, logp, ref, m, beta=0.5, place="time").tolist()
        [[-0.5, 1.0]]

    Source: Ziegler et al. 2019, eq. 2; beta as in TRL's RLOO and PPO trainers.
    Differs: nothing.
    """
    price = beta * zeroed(kl_estimate(old_logp, ref_logp, estimator), mask)
    if place == "row":
        return reward - price.sum(1)
    valid = mask.bool()
    last = valid & (valid.flip(1).cumsum(1).flip(1) == 1)
    return torch.where(last, reward[:, None] - price, -price)
