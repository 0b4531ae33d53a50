"""CANON: the better half of a group is pushed twice as hard, and a weight on the long half shortens."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import QUIET, Lab
from guerdon.suite import BUDGET, NETWORK, laid_over

TWICE = "mean |A| of the better half over Dr.GRPO's, distance from 2"
SHORT = "mean length over Dr.GRPO's at the end"
LOST = "accuracy lost against Dr.GRPO at the end"
WORLD: dict[str, Any] = {
    "reward": [{"use": "answer_equal", "normalise": "number"}],
    "policy": {},
    "warm_start": {"target": [0.3, 0.6]},
}
SUM = {"use": "fixed_length", "length": 10}  # both divide the sum over a completion by the longest one possible
DR_GRPO = {"advantage": {"use": "grpo", "scale": "none"}, "aggregate": SUM}
CANON = {"advantage": {"use": "conditional", "alpha": 0.9, "bind": {"metric": "length"}}, "aggregate": SUM}


@claim(
    "advantage/canon",
    sentence="The better half of a group is pushed exactly twice as hard as by Dr.GRPO, and with the metric length and"
    " alpha 0.9 completions get at least 10 % shorter at an accuracy within 2 points.",
    baseline="Dr.GRPO in the same world, from the same start, with the same samples",
    targets=(
        Target(SHORT, 0.9, "a tenth shorter is the least that is worth a method of its own", above=False),
        Target(LOST, 0.02, "shorter by being wrong is no gain", above=False),
        Target(TWICE, 1e-12, "an identity, where a half has one reward; rounding of doubles alone", above=False,
               exact=True),
    ),
    seeds=3,
    notes="a letter is answered by its digit after none to six zeros, so that right answers of seven lengths lie beside"
    " each other; the policy is a small network that was shown all of them",
)  # fmt: skip
def canon(lab: Lab) -> dict[str, list[float]]:
    """Two hundred steps of a small network with and without the weight on the longer half."""
    short, lost = [], []
    for seed in lab.seeds:
        world = laid_over(
            BUDGET, WORLD, NETWORK, {"eval": QUIET, "task": _task(lab.folder / f"zeros-{seed}.jsonl", seed)}
        )
        base, shorter = (lab.train(world, way, seed=seed) for way in (DR_GRPO, CANON))
        short.append(shorter.final("length/mean") / base.final("length/mean"))
        lost.append(base.final("accuracy") - shorter.final("accuracy"))
    return {SHORT: short, LOST: lost, TWICE: [_twice()]}


def _task(file: Path, seed: int) -> dict[str, Any]:
    """A letter asks for its digit; half of the demonstrations are wrong, all begin with none to six zeros."""
    draw = random.Random(seed)
    digits = draw.sample(range(1, 10), 8)
    rows = []
    for case in range(2000):
        key = draw.randrange(8)
        shown = digits[key] if draw.random() < 0.5 else draw.randrange(1, 10)
        text = "0" * draw.randrange(7) + str(shown)
        rows.append({"prompt": f"{case:04d} {chr(65 + key)}:", "gold": str(digits[key]), "demonstration": text})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return {"use": "dataset", "path": str(file), "answer_format": "text", "held_out": 0.1, "max_new_tokens": 10}


def _twice() -> float:
    """Largest distance from 2 over a hundred groups whose halves have one reward each."""
    import torch

    from guerdon.advantages import conditional, grpo

    worst = 0.0
    for seed in range(100):
        g = torch.Generator().manual_seed(seed)
        size = 2 * int(torch.randint(1, 9, (), generator=g))
        metric = torch.randperm(size, generator=g)
        low, high = torch.rand(2, dtype=torch.float64, generator=g)
        better = (metric >= size // 2) == bool(high > low)
        reward = torch.where(metric >= size // 2, high, low)
        group, mask = torch.zeros(size, dtype=torch.long), torch.ones(size, 1, dtype=torch.bool)
        ours = conditional(reward, group, metric, mask)[better].abs().mean()
        plain = grpo(reward, group, mask, scale="none")[better].abs().mean()
        worst = max(worst, abs(float(ours / plain) - 2.0))
    return worst
