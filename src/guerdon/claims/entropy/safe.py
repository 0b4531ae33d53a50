"""SAFE: a KL price that begins at a moving threshold prevents crashes of the reward under a noisy scorer."""

from __future__ import annotations

from typing import Any

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab, Trained, accuracy, questions

# a right answer is worth as much as a fair coin: every second reward is noise
NOISY = {
    "reward": [{"use": "task_rule"}, {"use": "random_reward"}],
    "shaping": ["weighted_sum", "running_normalize"],
    "advantage": ["identity", "whiten"],
    "train": {"steps": 200, "lr": 0.3},
}
BONUS = {"use": "entropy_bonus", "coef": 0.01}
PENALTY = {"use": "kl_penalty", "estimator": "k3"}


def crashes(series: list[float]) -> int:
    """Times the value falls to 80% of its best so far or below; a new crash needs a recovery first.

    Example:
        >>> crashes([0.5, 1.0, 0.7, 0.7, 0.9, 0.6])
        2
    """
    best, down, found = 0.0, False, 0
    for value in series:
        best = max(best, value)
        low = value <= 0.8 * best
        found += low and not down
        down = low
    return found


def trained(lab: Lab, seed: int, *terms: Any) -> Trained:
    """The noisy world with these objectives beside the clipped one."""
    return lab.world("modes", NOISY, {"objective": ["clip", *terms]}, seed=seed)


def gap(a: Trained, b: Trained) -> float:
    """Largest difference of any final probability."""
    x, y = a.table(), b.table()
    return max(
        abs(here[s] - there.get(s, 0.0))
        for q in x for here, there in zip(x[q], y[q], strict=True) for s in here
    )  # fmt: skip


@claim(
    "entropy/safe",
    sentence="Under a noisy reward the KL gate has fewer crashes of true accuracy than a fixed KL price, at no loss.",
    baseline="the same with a fixed KL coefficient of 0.05, same samples and seeds",
    targets=(
        Target("crashes less than with the fixed price (number per run)", 1.0,
               "fewer means at least one less in a run; none on both sides shows nothing"),
        Target("accuracy lost against the fixed price", 0.02,
               "stability is worth nothing below the baseline; 2 points are the noise of the last steps", above=False),
        Target("gap of the constant mode to no gate", 0.0, "a number without a gradient changes no probability",
               above=False, exact=True),
    ),
    seeds=5,
    may_fail="a table policy is stable by itself, so that there may be no crash to prevent",
    notes="table policy, the reward of the batch standardised in the place of the critic, so that only the price "
    "differs; 0.05 is the usual fixed price of PPO; a crash is a fall of a batch's accuracy to 80% of its best",
)  # fmt: skip
def safe(lab: Lab) -> dict[str, list[float]]:
    """Two runs a seed, and two more for the constant mode."""
    fewer, lost = [], []
    for seed in lab.seeds:
        fixed = trained(lab, seed, BONUS, {**PENALTY, "coef": 0.05})
        gated = trained(lab, seed, BONUS, "kl_gate", PENALTY)
        fewer.append(float(crashes(fixed.series("accuracy")) - crashes(gated.series("accuracy"))))
        right = questions("modes", seed=seed)
        lost.append(accuracy(fixed, right) - accuracy(gated, right))
    constant = trained(lab, lab.seeds[0], {"use": "kl_gate", "mode": "constant"}, PENALTY)
    return {
        "crashes less than with the fixed price (number per run)": fewer,
        "accuracy lost against the fixed price": lost,
        "gap of the constant mode to no gate": [gap(constant, trained(lab, lab.seeds[0]))],
    }
