"""ARES: easy questions are answered with fewer decisions under high entropy, hard ones with no fewer."""

from __future__ import annotations

from typing import Any

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab, Trained, accuracy, questions

# chains of twelve letters, three of which decide; the others are free, and two of four letters count as triggers.
# nine in ten samples are right in the easy world; in the hard one hardly any, and sixty steps do not change that
WORLDS = {"easy": {"base_mass": 0.9}, "hard": {"base_mass": 0.0001}}
TRIGGERS = ("a", "b")
STEPS = {"train": {"steps": 60, "lr": 0.05}}
GRPO: dict[str, Any] = {"objective": [{"use": "clip", "high": 0.3, "dual": 3.0}]}
ARES: dict[str, Any] = {
    "providers": {"entropy_windows": {"triggers": list(TRIGGERS)}},
    "shaping": ["weighted_sum", "entropy_budget"],
    "objective": [
        {"use": "clip", "high": 0.3, "dual": 3.0},
        {"use": "adaptive_kl_log", "buckets": 3, "interval": 10, "target": 0.12,
         "bind": {"kl": "kl", "difficulty": "difficulty"}},
        "kl_relief",
        {"use": "kl_penalty", "estimator": "k3", "weight": 0.01},
    ],
}  # fmt: skip


def triggers(trained: Trained) -> float:
    """Expected number of trigger letters in a completion, mean over questions."""
    chains = trained.table().values()
    return sum(place.get(s, 0.0) for chain in chains for place in chain for s in TRIGGERS) / len(chains)


def offsets() -> list[float]:
    """What a wrong row gets at least, over .15, .2 and .3 for easy, medium and hard prompts."""
    import torch

    from guerdon.shaping import EntropyBudget

    none, target = torch.zeros(3, dtype=torch.float64), torch.full((3,), 10.0, dtype=torch.float64)
    found = EntropyBudget().bonus(none, target, torch.zeros(3, dtype=torch.bool), torch.arange(3), none + 0.5)
    return [float(found[b]) / least for b, least in enumerate((0.15, 0.2, 0.3))]


@claim(
    "entropy/ares",
    sentence="ARES uses at most 0.8 times the trigger windows of GRPO on easy questions and no fewer on hard ones.",
    baseline="GRPO on the same worlds, seeds and samples",
    targets=(
        Target("triggers over GRPO's, easy", 0.8, "the published saving of tokens on easy tasks is about a fifth",
               above=False),
        Target("triggers over GRPO's, hard", 1.0, "the sentence says no fewer"),
        Target("accuracy lost on easy questions", 0.02, "shorter thoughts are worth nothing if they are wrong",
               above=False),
        Target("least offset of wrong rows over 0.15, 0.2, 0.3", 1.0 - 1e-9, "half of the cap times the factor, exact",
               exact=True),
    ),
    seeds=3,
    may_fail="the budget punishes what exceeds the bucket's own mean, which falls with it, so that little may move",
    notes="chains of letters with a table policy; windows are counted by letters that stand for trigger words; the "
    "branching of the published rollout is not part of it",
)  # fmt: skip
def ares(lab: Lab) -> dict[str, list[float]]:
    """Two methods on an easy and a hard world."""
    ratio: dict[str, list[float]] = {"easy": [], "hard": []}
    lost = []
    for seed in lab.seeds:
        for world, params in WORLDS.items():
            base = lab.world("chain", STEPS, GRPO, seed=seed, **params)
            ours = lab.world("chain", STEPS, ARES, seed=seed, **params)
            ratio[world].append(triggers(ours) / triggers(base))
            if world == "easy":
                right = questions("chain", seed=seed, **params)
                lost.append(accuracy(base, right) - accuracy(ours, right))
    return {
        "triggers over GRPO's, easy": ratio["easy"],
        "triggers over GRPO's, hard": ratio["hard"],
        "accuracy lost on easy questions": lost,
        "least offset of wrong rows over 0.15, 0.2, 0.3": [min(offsets())],
    }
