"""AEPO: right rows of a hot or cold pass bring the entropy to any target."""

from __future__ import annotations

from typing import Any

from guerdon.claims.base import Target, claim
from guerdon.claims.entropy._steered import LEARNT, TARGET, distance, tracking
from guerdon.claims.lab import Lab


def steered(target: float, heat: float | str, positive_by: str) -> dict[str, Any]:
    """The recipe's method part with its two passes; a fixed heat of the second pass is the ablation."""
    controller = [{"use": "entropy_thermostat", "target": target}] if heat == "controlled" else []
    return {
        "rollout": {"passes": [{"source": "hot", "share": 0.25, "temperature": heat}]},
        "selection": [{"use": "mix_rollouts", "positive_by": positive_by, "target": target}],
        "advantage": ["grpo", "source_constant"],
        "objective": [{"use": "clip", "dual": 3.0}, *controller],
    }


@claim(
    "entropy/aepo-arbitrary",
    sentence="Sampling a quarter of the prompts hot or cold brings entropy to a target of 1 nat from above and below.",
    baseline="the same second pass at temperature 1, same samples and seeds",
    targets=(
        Target("distance from the target, from above (nats)", 0.15,
               "the published curves stay within about a seventh of the target", above=False),
        Target("settled within 0.15 nats, from below (share of runs)", 2 / 3,
               "a cold start leaves few samples of other arms, so one of three runs may need more steps"),
        Target("distance of the pass at temperature 1 (nats)", 0.5,
               "without a temperature nothing leads to the target"),
        Target("distance from 0.3 nats while a task is learnt (nats)", 0.15,
               "the published sentence is about training on a task", above=False),
    ),
    seeds=3,
    may_fail="while a task is learnt GRPO pulls harder: small trials ended at 0.07 to 0.10 for a target of 0.3",
    notes="table policy, all answers paid in the first three parts; entropy is the mean of the last 100 of 400 steps",
)  # fmt: skip
def aepo_arbitrary(lab: Lab) -> dict[str, list[float]]:
    """Five runs a seed: from above and below, both without heat, and the learnt task."""
    free, flat = steered(TARGET, "controlled", "reward"), steered(TARGET, 1.0, "reward")
    above = [distance(lab, "above", free, s) for s in lab.seeds]
    below = [distance(lab, "below", free, s) for s in lab.seeds]
    plain = [min(distance(lab, start, flat, s) for start in ("above", "below")) for s in lab.seeds]
    return {
        "distance from the target, from above (nats)": above,
        "settled within 0.15 nats, from below (share of runs)": [float(d <= 0.15) for d in below],
        "distance of the pass at temperature 1 (nats)": plain,
        "distance from 0.3 nats while a task is learnt (nats)": [
            tracking(lab, steered(LEARNT, "controlled", "advantage"), s) for s in lab.seeds
        ],
    }
