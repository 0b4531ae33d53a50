"""G2RPO: ranks instead of z-scores under rewards with heavy tails, and tasks of any scale push alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab

if TYPE_CHECKING:
    from torch import Tensor

REGRET = "regret after 150 steps over GRPO's"
SCALE = "difference of the sums of |A| at reward scales 1 and 1000, relative"
PROMPTS, ARMS, SAMPLES, STEPS = 32, 8, 16, 150
NOISE, FREEDOM, RATE = 0.5, 1.5, 0.1


@claim(
    "advantage/g2rpo",
    sentence="Under reward noise of Student's t with 1.5 degrees of freedom Gaussian ranks leave at most 0.95 of GRPO's"
    " regret, and two tasks whose rewards are of scale 1 and 1000 push with the same force.",
    baseline="GRPO on the same bandits with the same noise, optimiser and number of samples",
    targets=(
        Target(REGRET, 0.95, "a twentieth is the least gain that is worth another advantage; the robustness is the"
               " point of the ranks", above=False),
        Target(SCALE, 1e-12, "only the order of rewards counts; rounding of doubles alone", above=False, exact=True),
    ),
    seeds=10,
    notes="32 bandits of 8 arms with means between 0 and 1, noise 0.5 t, 16 samples each and Adam at 0.1, which takes"
    " away what advantages of different size alone would do; the noise has no variance, the mean is still what counts",
)  # fmt: skip
def g2rpo(lab: Lab) -> dict[str, list[float]]:
    """A hundred and fifty steps of softmax bandits."""
    from guerdon.advantages import gaussian_rank, grpo

    ratios = [_regret(gaussian_rank, seed) / _regret(grpo, seed) for seed in lab.seeds]
    return {REGRET: ratios, SCALE: [_scales(lab.seeds)]}


def _regret(advantage: Callable[[Tensor, Tensor, Tensor], Tensor], seed: int) -> float:
    """Best mean minus the policy's exact mean, averaged over the bandits."""
    import torch
    from numpy.random import default_rng

    rng = default_rng(seed)
    mean = torch.from_numpy(rng.random((PROMPTS, ARMS)))
    logits = torch.zeros(PROMPTS, ARMS, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=RATE)
    group = torch.arange(PROMPTS).repeat_interleave(SAMPLES)
    mask = torch.ones(PROMPTS * SAMPLES, 1, dtype=torch.bool)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        logp = torch.log_softmax(logits, -1)
        arm = torch.multinomial(logp.detach().exp(), SAMPLES, replacement=True, generator=draw)
        noise = torch.from_numpy(rng.standard_t(FREEDOM, (PROMPTS, SAMPLES)))
        reward = (mean.gather(1, arm) + NOISE * noise).flatten()
        push = advantage(reward, group, mask)[:, 0]
        adam.zero_grad()
        (-(push * logp.gather(1, arm).flatten()).mean()).backward()
        adam.step()
    policy = torch.softmax(logits.detach(), -1)
    return float((mean.amax(1) - (policy * mean).sum(1)).mean())


def _scales(seeds: Sequence[int]) -> float:
    """Largest relative difference between two tasks of one batch that differ in the scale of their rewards alone."""
    import torch
    from numpy.random import default_rng

    from guerdon.advantages import gaussian_rank

    worst = 0.0
    group, mask = torch.arange(2).repeat_interleave(SAMPLES), torch.ones(2 * SAMPLES, 1, dtype=torch.bool)
    for seed in seeds:
        one = torch.from_numpy(default_rng(seed).standard_t(FREEDOM, SAMPLES))
        size = gaussian_rank(torch.cat([one, 1000.0 * one]), group, mask).abs().reshape(2, -1).sum(1)
        worst = max(worst, float((size[0] - size[1]).abs() / size[0]))
    return worst
