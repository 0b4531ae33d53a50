"""The invisible leash: training sharpens what the base policy samples and loses what it hardly ever does."""

from __future__ import annotations

import numpy as np

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab, accuracy, questions

GAINED = "pass@1 gained over the base"
FOUND = "share of arms of base mass 1e-6 that are found"
RATIO = "arms of base mass 1e-3 found per arm of 1e-6 found"
CHANGE = "net support change over prompts at 8192 samples"
ZERO = "probability of an arm of base probability 0 at the KL-regularised optimum"
MASSES = (0.05, 1e-3, 1e-6)
BATCH = {"rollout": {"prompts": 8, "group": 8}}  # 64 samples per step
K = 8192
ONE_IN_TWENTY = 0.05


@claim(
    "audit/invisible-leash",
    sentence="With 64 samples per step GRPO raises pass@1 by at least 0.2 while arms of base mass 1e-6 are found in"
    " less than 5 % of the prompts, at least 5 times as rarely as arms of mass 1e-3, and support does not grow on"
    " balance.",
    baseline="the base policy on the same prompts, at the same number of samples",
    targets=(
        Target(GAINED, 0.2, "an effect of training that nobody would call noise"),
        Target(FOUND, ONE_IN_TWENTY, "12,800 samples over 8 prompts meet an arm of 1e-6 in 0.2 % of the prompts; 5 % "
               "leaves room and still means hardly ever", above=False),
        Target(RATIO, 5.0, "a thousand times the mass is worth at least five times the discoveries"),
        Target(CHANGE, 0.0, "the paper's tables lose more than they gain", above=False),
        Target(ZERO, 0.0, "the optimum is a reweighting of the base", above=False, exact=True),
    ),
    seeds=5,
    may_fail="at 8192 samples the base reaches the arms of 1e-3; whether training finds them or lets them die decides"
    " the net change",
    notes="200 steps on table policies, 8 prompts per base mass (0.05, 1e-3, 1e-6); an arm is found when its final"
    " probability is above a half. The ratio counts no discovery at 1e-6 as the bound of 5 %. Support is that of the"
    " audit on 8192 draws from the exact probabilities of both policies",
)  # fmt: skip
def invisible_leash(lab: Lab) -> dict[str, list[float]]:
    """Two hundred steps on rare answers of three base masses."""
    import torch

    from guerdon.theory import FiniteOutcomes, regularized_optimum

    gained, found, ratio, change = [], [], [], []
    for seed in lab.seeds:
        after = {m: _final(lab, m, seed) for m in MASSES}
        every = [p for probs in after.values() for p in probs]
        before = [m for m in MASSES for _ in after[m]]
        gained.append(float(np.mean(every) - np.mean(before)))
        shares = {m: float(np.mean([p > 0.5 for p in probs])) for m, probs in after.items()}
        found.append(shares[1e-6])
        ratio.append(shares[1e-3] / max(shares[1e-6], ONE_IN_TWENTY))
        change.append(_net_change(before, every, seed))
    world = FiniteOutcomes(torch.tensor([0.0, 1.0, 100.0]), torch.tensor([0.7, 0.3, 0.0]))
    zero = float(regularized_optimum(world, beta=0.01).probability[2])
    return {GAINED: gained, FOUND: found, RATIO: ratio, CHANGE: change, ZERO: [zero]}


def _final(lab: Lab, mass: float, seed: int) -> list[float]:
    """Exact final probability of being right, question by question."""
    trained = lab.world("rare", BATCH, seed=seed, base_mass=mass)
    return [accuracy(trained, {q: r}) for q, r in questions("rare", seed=seed, base_mass=mass).items()]


def _net_change(before: list[float], after: list[float], seed: int) -> float:
    import torch

    from guerdon.audits import support

    rng = np.random.default_rng(seed)
    draws = np.concatenate([rng.random(K) < p for p in (*before, *after)])
    group = torch.arange(len(before)).repeat(2).repeat_interleave(K)
    source = ["base"] * (K * len(before)) + ["trained"] * (K * len(after))
    findings = support(torch.from_numpy(draws), group, source)
    return next(f.effect for f in findings if f.name == "net support change")
