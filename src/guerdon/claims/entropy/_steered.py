"""A bandit in which every answer is paid, so that only the steering moves the entropy, and a task that is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guerdon.claims.lab import Lab

TARGET = 1.0  # nats; twelve arms have at most 2.48
# base mass of the one favoured arm of twelve: entropies of 2.48 and 0.42 nats
STARTS = {"above": 1 / 12, "below": 0.93}
PAID = {"reward": [{"use": "random_reward", "p": 1.0}], "train": {"steps": 400, "lr": 0.02}}
LEARNT = 0.3  # nats; two answers that are equally good have 0.69


def distance(lab: Lab, start: str, method: Mapping[str, Any], seed: int) -> float:
    """How far the mean entropy of the last 100 of 400 steps is from the target, every answer being paid."""
    trained = lab.world("rare", PAID, method, seed=seed, base_mass=STARTS[start])
    return abs(trained.final("entropy", 0.25) - TARGET)


def tracking(lab: Lab, method: Mapping[str, Any], seed: int) -> float:
    """How far it is from a target of 0.3 while a task of several right answers is learnt."""
    trained = lab.world("modes", {"train": {"steps": 400, "lr": 0.02}}, method, seed=seed)
    return abs(trained.final("entropy", 0.25) - LEARNT)
