"""The laboratory of the claims: seeds, training runs in a scratch folder, and what can be read off them exactly."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon.claims.base import VERDICTS, Claim, Outcome, Part
from guerdon.errors import MethodError
from guerdon.ops.stats import bootstrap_mean_interval
from guerdon.suite import BUDGET, SUITES, laid_over

QUIET = {"every": 100_000, "size": 16, "samples": 4, "greedy": False}  # exact numbers are read off the table


@dataclass(frozen=True)
class Trained:
    """One finished run: metrics of its steps, and the final probabilities of a table policy."""

    folder: Path
    summary: Mapping[str, Any]
    steps: tuple[Mapping[str, float], ...]

    def series(self, name: str) -> list[float]:
        """A metric over the steps."""
        return [m[name] for m in self.steps if m.get(name) is not None]

    def final(self, name: str, share: float = 0.1) -> float:
        """Mean of a metric over the last share of the steps."""
        values = self.series(name)
        last = values[-max(1, round(share * len(values))) :]
        return sum(last) / len(last)

    def table(self) -> dict[str, list[dict[str, float]]]:
        """Final probability of every symbol, per question and position."""
        return json.loads((self.folder / "policy" / "table.json").read_text("utf-8"))


class Lab:
    """Seeds and runs for one claim.

    Args:
        seeds: every seed of the claim.
        folder: scratch space.
        tell: called with a line of progress.
    """

    def __init__(self, seeds: Sequence[int], folder: Path, tell: Callable[[str], None] = lambda line: None):
        self.seeds = tuple(seeds)
        self.folder = folder
        self.tell = tell
        self._done = 0

    def train(self, recipe: Mapping[str, Any], *changes: Mapping[str, Any], seed: int) -> Trained:
        """Train a recipe with changes laid over it; mappings are merged, everything else is replaced."""
        from guerdon.engines.native.run import train

        data = laid_over(recipe, *changes, {"name": "claim", "train": {"seed": seed}})
        self._done += 1
        folder = self.folder / str(self._done)
        began = time.perf_counter()
        result = train(data, out=folder)
        self.tell(f"run {self._done}, seed {seed}: {time.perf_counter() - began:.1f} s")
        lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines())
        steps = tuple(row["metrics"] for row in lines if row["kind"] == "train")
        return Trained(folder, result.summary, steps)

    def world(self, world: str, *changes: Mapping[str, Any], seed: int, **params: Any) -> Trained:
        """Train a table policy on an exploration world; the world's own seed follows the run's."""
        task = {"task": {"use": "exploration", "world": world, "seed": seed, **params}}
        return self.train({**BUDGET, "eval": QUIET}, task, *changes, seed=seed)

    def suite(self, *changes: Mapping[str, Any], seed: int) -> dict[str, tuple[float, float]]:
        """Exact final accuracy and entropy (nats) of a method on every world of the exploration suite."""
        found = {}
        for world, params in SUITES["exploration"].items():
            if world == "spurious":  # nothing can be learnt there
                continue
            trained = self.world(world, *changes, seed=seed, **params)
            found[world] = (accuracy(trained, questions(world, seed=seed, **params)), entropy(trained))
        return found


def ratio_of_entropies(ours: Mapping[str, tuple[float, float]], base: Mapping[str, tuple[float, float]]) -> float:
    """Geometric mean over the worlds of final entropy against final entropy, so that no world outweighs another."""
    logs = [math.log(max(ours[w][1], 1e-4) / max(base[w][1], 1e-4)) for w in base]
    return math.exp(sum(logs) / len(logs))


def points_lost(ours: Mapping[str, tuple[float, float]], base: Mapping[str, tuple[float, float]]) -> float:
    """Mean over the worlds of the accuracy that the baseline has more."""
    return sum(base[w][0] - ours[w][0] for w in base) / len(base)


def accuracy(trained: Trained, questions: Mapping[str, Any]) -> float:
    """Exact probability of a right answer, mean over questions; ``questions`` maps text to right symbols per place."""
    table = trained.table()
    found = [
        math.prod(sum(place.get(s, 0.0) for s in right) for place, right in zip(table[q], rights, strict=True))
        for q, rights in questions.items()
    ]
    return sum(found) / len(found)


def entropy(trained: Trained) -> float:
    """Exact entropy of a completion in nats, mean over questions."""
    table = trained.table()
    total = -sum(p * math.log(p) for chain in table.values() for place in chain for p in place.values() if p > 0)
    return total / len(table)


def questions(world: str, *, seed: int, **params: Any) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The right symbols of every question of an exploration world."""
    from guerdon.tasks.exploration import Exploration

    held = Exploration(world=world, seed=seed, **params).load().evaluation  # type: ignore[arg-type]
    return {t.fields["question"]: t.fields["pattern"] for t in held}


def run(claim: Claim, *, seeds: int | None = None, tell: Callable[[str], None] = lambda line: None) -> Outcome:
    """Measure a claim and judge it.

    Args:
        claim: what to measure.
        seeds: another number of seeds than the claim's own.
        tell: called with lines of progress.

    Raises:
        MethodError: the claim did not measure what its targets name.
    """
    import torch

    chosen = tuple(range(seeds or claim.seeds))
    began, threads = time.perf_counter(), torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="guerdon-claim-") as folder:
        found = claim.run(Lab(chosen, Path(folder), tell))
    torch.set_num_threads(threads)
    if set(found) != {t.name for t in claim.targets}:
        raise MethodError(
            "a claim measures exactly its targets", where=claim.paper, seen=sorted(found),
            allowed=[t.name for t in claim.targets],
        )  # fmt: skip
    parts = []
    for target in claim.targets:
        values = tuple(float(v) for v in found[target.name])
        if not values or not all(math.isfinite(v) for v in values):
            raise MethodError("a measured value is missing or not finite", where=f"{claim.paper}: {target.name}",
                              seen=values)  # fmt: skip
        if target.exact:
            mean, low, high = values[0], min(values), max(values)
        else:
            interval = bootstrap_mean_interval(list(values))
            mean, low, high = interval.estimate, interval.low, interval.high
        sign = "at least" if target.above else "at most"
        parts.append(
            Part(target.name, mean, (low, high), f"{sign} {target.bound:g}", target.because, values,
                 target.verdict(low, high))
        )  # fmt: skip
    worst = max((p.verdict for p in parts), key=VERDICTS.index)
    return Outcome(
        claim.name, claim.family, claim.sentence, claim.baseline, tuple(parts), chosen,
        round(time.perf_counter() - began, 1), worst, claim.may_fail, claim.notes,
    )  # fmt: skip
