"""VERL: the velocity of the effective rank tells loops from walks; what its bonus does to a small network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from guerdon.claims.base import Target, claim
from guerdon.claims.lab import Lab, Trained
from guerdon.providers.hidden_rank import hidden_rank

LOOPS = "share of loops with negative velocity"
WALKS = "share of random walks with positive velocity"
ACCURACY = "held-out accuracy above GRPO's"
RANK = "mean effective rank over GRPO's"
DRAWS = 20  # of each kind and seed: 100 in all
WIDTH, LENGTH, STRIDE = 64, 400, 40
RUN: dict[str, Any] = {
    "task": {"use": "exploration", "world": "chain", "base_mass": 0.05},
    "policy": {"use": "tiny", "hidden": 64, "layers": 2},
    "warm_start": {"target": [0.01, 0.12], "max_steps": 300, "check_every": 25},
    "rollout": {"prompts": 16, "group": 8}, "objective": [{"use": "clip", "high": 0.28}],
    "train": {"steps": 80, "lr": 1e-3, "warmup": 10, "threads": 1, "checkpoint_every": 100_000},
    "eval": {"every": 100_000, "size": 64, "samples": 8, "greedy": False},
    "record": {"detail": 0, "every": 100_000},
}  # fmt: skip
OURS = {"advantage": ["grpo", "effective_rank_bonus"], "providers": {"hidden_rank": {"stride": 2}}}


@claim(
    "advantage/verl-effective-rank",
    sentence="Hidden states that loop have negative and random walks positive velocity of rank in at least 95 of 100"
    " draws, and the bonus keeps accuracy at a mean effective rank of at least 1.1 times GRPO's.",
    baseline="GRPO with clip-higher on the same chain world, network, seeds and samples",
    targets=(
        Target(LOOPS, 0.95, "a signal that is wrong more than once in twenty would reward repetition"),
        Target(WALKS, 0.95, "the same on the other side"),
        Target(ACCURACY, 0.0, "exploration that costs accuracy is no gain"),
        Target(RANK, 1.1, "a tenth is more than two runs of one method differ by"),
    ),
    seeds=5,
    may_fail="completions of the world have 12 tokens, where the paper's have hundreds, and the bonus reaches one"
    " decision of each",
    notes="synthetic states: 400 vectors of width 64; a walk adds a normal step each time, a loop shows 40 normal"
    " vectors and from then on repeats the last four, with noise of 0.01. Network: 2 layers of width 64 on the chain"
    " world, 80 steps, effective rank of the final policy on 64 held-out prompts",
)  # fmt: skip
def verl_effective_rank(lab: Lab) -> dict[str, list[float]]:
    """Synthetic states, then two small networks per seed."""
    found: dict[str, list[float]] = {LOOPS: [], WALKS: [], ACCURACY: [], RANK: []}
    mask = torch.ones(DRAWS, LENGTH, dtype=torch.bool)
    for seed in lab.seeds:
        rng = torch.Generator().manual_seed(seed)
        velocity = [hidden_rank(states(rng), mask, stride=STRIDE)[:, 1] for states in (_loops, _walks)]
        found[LOOPS].append(float((velocity[0] < 0).double().mean()))
        found[WALKS].append(float((velocity[1] > 0).double().mean()))
        base, ours = (lab.train(RUN, {"task": {"seed": seed}}, change, seed=seed) for change in ({}, OURS))
        found[ACCURACY].append(ours.summary["accuracy_after"] - base.summary["accuracy_after"])
        found[RANK].append(_rank(ours) / _rank(base))
    return found


def _walks(rng: torch.Generator) -> torch.Tensor:
    return torch.randn(DRAWS, LENGTH, WIDTH, generator=rng, dtype=torch.float64).cumsum(1)


def _loops(rng: torch.Generator) -> torch.Tensor:
    states = torch.randn(DRAWS, LENGTH, WIDTH, generator=rng, dtype=torch.float64)
    again = states[:, STRIDE - 4 : STRIDE].repeat(1, (LENGTH - STRIDE) // 4, 1)
    return torch.cat([states[:, :STRIDE], again + 0.01 * states[:, STRIDE:]], 1)


def _rank(trained: Trained) -> float:
    """Mean effective rank of the completions that the final policy samples on held-out prompts."""
    from guerdon.engines.native import policy as policies
    from guerdon.engines.native.forward import decision_states, micro_batches
    from guerdon.engines.native.gather import sampling
    from guerdon.engines.native.rollout import collect
    from guerdon.engines.native.run import load_task
    from guerdon.recipe import Policy, load

    recipe = load(Path(trained.folder))
    data = load_task(recipe)
    policy = policies.build(Policy(use=str(trained.folder / "policy")), characters=data.characters, seed=0)
    rollouts = collect(policy, list(data.evaluation[:64]), 8, sampling(recipe, data), (0, "rank"))
    batch, ranks = rollouts.completions, []
    with torch.no_grad():
        for packed in micro_batches(batch, torch.arange(len(batch)), policy, budget=8192):
            states, row = decision_states(policy, packed), packed.place // batch.tokens.shape[1]
            for k in range(len(packed.rows)):
                own = states[row == k][None]
                ranks.append(float(hidden_rank(own, torch.ones(1, own.shape[1], dtype=torch.bool))[0, 0]))
    return sum(ranks) / len(ranks)
