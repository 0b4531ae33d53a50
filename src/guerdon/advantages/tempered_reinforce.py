"""A pull towards the policy at another temperature, blended into the advantage."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "url:https://github.com/597358816/DCPO",
        "DCPO: Distribution-Centric Policy Optimization Dominates Exploration-Exploitation Trade-off", "entropy/dcpo",
    ),
    scope="rollout_batch",
    tags=("entropy control", "exploration"),
    presets=(Preset("plain_reinforce", params={"use_ratio": False}, note="the paper's ablation: no pull anywhere"),),
    golden="dcpo",
    settings={"last": {"metric": "entropy"}},
    sources={
        "cap": "code", "min_score": "code", "max_ratio": "ours", "initial_entropy": "code",
    },
)  # fmt: skip
def tempered_reinforce(
    advantage: Float[Tensor, "batch time"],
    reward: Float[Tensor, " batch"],
    old_logp: Float[Tensor, "batch time"],
    tempered_logp: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    last: Float[Tensor, ""] | None = None,
    *,
    target: float = 0.25,
    cap: float = 0.1,
    min_score: float = 0.05,
    use_ratio: bool = True,
    max_ratio: float | None = None,
    initial_entropy: float = 0.0,
) -> Float[Tensor, "batch time"]:
    r"""Blend the advantage with REINFORCE on right rows as if they came from a hotter or colder policy.

    .. math:: A' = (1 - a) A + a\,[R > r_{min}]\,\rho,\qquad \rho = \frac{\pi^T_{old}}{\pi_{old}},\qquad
              a = \frac{a_1}{1 + a_1},\quad a_1 = \frac{\min(|H^* - H_{prev}|, c)}{\text{share of right rows}}

    Without task signal the expected gradient of the second part is :math:`p_T - p`, so the temperature decides where
    entropy goes; the weight vanishes at the target. The temperature comes from ``entropy_thermostat``, or is fixed by
    the recipe: ``bind: {tempered_logp: {temperature: 1.2}}``.

    Args:
        advantage: from an estimator.
        reward: one score per row; NaN = not scored.
        old_logp: log-prob of the decision under the policy that sampled, nats.
        tempered_logp: the same under its distribution at temperature T.
        mask: the policy's own decisions.
        last: mean entropy over the previous batch, nats per decision.
        target: wanted entropy :math:`H^*`, nats.
        cap: largest gap of entropy :math:`c` that counts, nats.
        min_score: a row with more reward than this is right.
        use_ratio: False puts 1 in the place of :math:`\rho`.
        max_ratio: upper bound of :math:`\rho`, which is large for rare decisions under a hot temperature.
        initial_entropy: taken for the entropy before the first batch.

    Returns:
        The blended advantage, 0 outside the mask and on rows that were not scored; without a right row, or at the
        target, the advantage that came in.

    Example:
        >>> a, m = torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1, dtype=torch.bool)
        >>> old, hot = torch.full((2, 1), -1.0), torch.full((2, 1), -0.8)
        >>> out = tempered_reinforce(a, torch.tensor([1.0, 0.0]), old, hot, m, torch.tensor(0.45), target=0.5)
        >>> [round(v, 4) for v in out[:, 0].tolist()]  # a = .1 / 1.1, rho = e^.2
        [1.0201, -0.9091]

    Source: the authors' released trainer.
    Differs: no right row gives a = 0 where the release divides by zero; its second part is not masked, which its loss
        undoes. Entropy is the mean of exact entropies, not of minus the log-prob of the samples.
    """
    scored = ~torch.isnan(reward)
    right = scored & (reward > min_score)
    gap = abs(target - (initial_entropy if last is None else float(last)))
    count = int(right.sum())
    live = mask.bool() & scored[:, None]
    if not count or gap == 0.0:
        return zeroed(advantage, live)
    pull = min(gap, cap) / (count / int(scored.sum()))
    weight = pull / (1.0 + pull)
    ratio = zeroed(tempered_logp - old_logp, mask).exp() if use_ratio else torch.ones_like(advantage)
    if max_ratio is not None:
        ratio = ratio.clamp_max(max_ratio)
    return zeroed((1.0 - weight) * advantage + weight * zeroed(ratio, right[:, None]), live)
