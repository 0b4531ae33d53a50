"""SPEAR: replayed successes keep a rare best answer that plain GRPO forgets."""

from __future__ import annotations

from typing import Any

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab, accuracy, questions
from guerdon.schedule import Schedule

RATIO = "final probability of the best answer over GRPO's"
STORED = "final probability of the best answer above that with stored advantages"
SUM = "largest distance of the two schedules' sum from 1"
WORLD = {"base_mass": 0.01}
# the most likely wrong answer pays half: what is good early is not what is best
PAID = {"reward": [{"use": "task_rule"}, {"use": "task_rule", "name": "decoy", "accepts": "spurious", "weight": 0.5}]}
BUDGET = {"rollout": {"prompts": 8, "group": 8}, "train": {"steps": 300, "lr": 0.05}}
COV = {"use": "clip_cov", "fraction": 0.02, "low": 1.0, "high": 40.0}
RAMP = {"schedule": "cosine", "from": 0.0, "to": 1.0, "steps": 100}


def _spear(*chain: str) -> dict[str, Any]:
    return {
        "advantage": list(chain),
        "selection": [{"use": "replay_buffer", "size": 4, "trigger": 1.5, "max_age": 10, "require_tool": False}],
        "objective": [
            {"use": "clip", "high": 0.28, "rows": ["base"]},
            {"use": "clip", "name": "imitation", "high": 0.28, "rows": ["replay"], "weight": RAMP}, COV,
        ],
    }  # fmt: skip


@claim(
    "advantage/spear",
    sentence="Where the best answer is rare and a common one pays half, SPEAR ends with at least three times GRPO's"
    " probability of the best answer after 300 steps, and recalibrated advantages end above stored ones.",
    baseline="GRPO with clip-higher, and SPEAR with the advantages that rows were stored with",
    targets=(
        Target(RATIO, 3.0, "a factor that seeds alone do not make; a first probe of the design gave far more"),
        Target(STORED, 0.0, "recalibration is worth its state only if it does better"),
        Target(SUM, 1e-12, "the bonus fades as imitation grows: with equal lengths the two cosines add up to 1",
               above=False, exact=True),
    ),
    seeds=10,
    may_fail="whether a rare answer is sampled often enough to be stored at all is a matter of chance, and replay is"
    " triggered only by a full buffer",
    notes="table policy, 8 questions, best answer of base mass 0.01 and reward 1, a decoy of mass about 0.25 and reward"
    " 0.5; 64 samples per step, buffer of 4, imitation ramped over 100 steps. GRPO's probability is counted as at least"
    " 1e-3. The group filter is left out, and there is no tool to call. Tried after the verdict, one seed: GRPO alone"
    " ends at 0.67 here and Dr.GRPO at 0.76, so this world leaves no room for a factor of three; at base mass 0.002"
    " none keeps the best answer (GRPO 0.0006, Dr.GRPO 0.0004, SPEAR 0.0002, stored advantages 0.0001); that decoys"
    " pass the early median and are imitated first would explain it, and was not measured",
)  # fmt: skip
def spear(lab: Lab) -> dict[str, list[float]]:
    """Three hundred steps of three recipes."""
    grpo = {"objective": [{"use": "clip", "high": 0.28}]}
    ratio, gap = [], []
    for seed in lab.seeds:
        base, ours, stored = (
            _best(lab, recipe, seed) for recipe in (grpo, _spear("dr_grpo", "replay_baseline"), _spear("dr_grpo"))
        )
        ratio.append(ours / max(base, 1e-3))
        gap.append(ours - stored)
    return {RATIO: ratio, STORED: gap, SUM: [_distance()]}


def _best(lab: Lab, recipe: dict[str, Any], seed: int) -> float:
    trained = lab.world("rare", BUDGET, PAID, recipe, seed=seed, **WORLD)
    return accuracy(trained, questions("rare", seed=seed, **WORLD))


def _distance() -> float:
    up, down = (Schedule.model_validate({"schedule": "cosine", "from": a, "to": b, "steps": 200})
                for a, b in ((0.0, 1.0), (1.0, 0.0)))  # fmt: skip
    return max(abs(up.at(step=t, total=300) + down.at(step=t, total=300) - 1.0) for t in range(301))
