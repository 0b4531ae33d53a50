"""Clipping, entropy and spurious rewards: a coin teaches nothing, and clipping moves entropy only."""

from __future__ import annotations

import math

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab

ENTROPY = "final entropy with the clip minus without, nats"
GAINED = "accuracy gained from random rewards, with the clip"
BIAS = "surrogate taken by the clip over its size"
IDENTITY = "largest difference between the clipped surrogate and its decomposition"
LABELS = "error of the misalignment formulas against every draw of labels"
MINIMISED = "accuracy after entropy minimisation, likeliest arm wrong"


@claim(
    "entropy/clipping-spurious",
    sentence="Under random rewards clipping lowers entropy against no clipping and teaches nothing: accuracy does not "
    "rise, and what the clip takes from the surrogate is small; lowering entropy alone does not make a policy right.",
    baseline="the same updates without clipping; accuracy before training",
    targets=(
        Target(ENTROPY, 0.0, "the paper's sentence is about the sign", above=False),
        Target(GAINED, 0.05, "five points are a tenth of what there is to gain", above=False),
        Target(BIAS, 0.1, "the paper calls it small beside the raw term; a tenth is an order of magnitude",
               above=False),
        Target(IDENTITY, 1e-12, "an identity, up to rounding", above=False, exact=True),
        Target(LABELS, 1e-9, "closed forms, up to rounding", above=False, exact=True),
        Target(MINIMISED, 0.01, "the likeliest arm takes all mass in the limit", above=False, exact=True),
    ),
    seeds=20,
    notes="softmax bandits of 8 arms, 16 questions of 16 samples, 60 batches of 8 updates; in half of the questions "
    "the likely arm is right",
)  # fmt: skip
def clipping_spurious(lab: Lab) -> dict[str, list[float]]:
    """Bandits under coins, with and without clipping, and what holds exactly."""
    from guerdon.claims.entropy import _coins as coins

    found: dict[str, list[float]] = {ENTROPY: [], GAINED: [], BIAS: []}
    for seed in lab.seeds:
        clipped, bias = coins.train(seed, coins.BAND)
        free, _ = coins.train(seed, math.inf)
        found[ENTROPY].append(float((coins.entropy(clipped) - coins.entropy(free)).mean()))
        found[GAINED].append(coins.accuracy(clipped) - coins.accuracy(coins.start()))
        found[BIAS].append(bias)
        lab.tell(f"seed {seed}")
    exact = {IDENTITY: [coins.identity()], LABELS: [coins.labels()], MINIMISED: [coins.minimised()]}
    return {**found, **exact}
