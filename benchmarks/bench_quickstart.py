"""What the quickstart reaches: held-out accuracy before and after, and training time, over seeds in new processes."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from common import Options, Outcome, fresh, note

GAIN, SECONDS = 0.40, 240.0


def run(name: str, options: Options) -> Outcome:
    """Median gain over a promised 40 points; every seed is reported."""
    seeds = options.seeds or 3
    overrides = ["train.steps=4", "eval.size=20"] if options.small else []
    found = []
    for seed in range(seeds):
        one = fresh("bench_quickstart", {"seed": seed, "overrides": overrides}, threads=1)
        found.append(one)
        note(
            f"seed {seed}: accuracy {one['accuracy_before']:.3f} -> {one['accuracy_after']:.3f}, greedy "
            f"{one['greedy_before']:.3f} -> {one['greedy_after']:.3f}, warm start {one['warm_start_seconds']} s, "
            f"training {one['train_seconds']} s"
        )
    gain = statistics.median(f["accuracy_after"] - f["accuracy_before"] for f in found)
    seconds = statistics.median(f["train_seconds"] for f in found)
    note(f"median gain {100 * gain:.1f} points, promised {100 * GAIN:.0f}")
    note(f"median training {seconds:.0f} s, limit {SECONDS:.0f}")
    return Outcome(
        gain / GAIN, gain, seeds, "gain in held-out sampled accuracy", "a promise of 40 points", {"seeds": found}
    )


def child(job: dict[str, Any]) -> dict[str, Any]:
    """One seed in this process."""
    import guerdon

    folder = Path(tempfile.mkdtemp())
    try:
        result = guerdon.train("quickstart", [f"train.seed={job['seed']}", *job["overrides"]], out=folder / "run")
        return dict(result.summary)
    finally:
        shutil.rmtree(folder)
