"""Share of a training step that is not the model: advantage, rewards, logs and records, by the run's own timers."""

from __future__ import annotations

import statistics
from typing import Any

import bench_trl_step
from common import SCRATCH, Options, Outcome, fresh, note

PARTS = ("advantage", "reward", "records")
LIMIT = 0.05


def run(name: str, options: Options) -> Outcome:
    """Median share over the steps after the first five."""
    steps = options.steps or (8 if options.small else 40)
    folder = SCRATCH / f"warm-{'small' if options.small else 'full'}-0"
    fresh("bench_trl_step", {"folder": str(folder), "seed": 0, "small": options.small})
    job = {
        "model": str(folder), "long": False, "steps": steps, "seed": 0, "threads": options.threads,
        "prompts": 8 if options.small else 64, "group": 8, "every": steps, "out": str(SCRATCH / "overhead"),
    }  # fmt: skip
    runs = options.runs or 1
    timers: list[dict[str, Any]] = []
    for _ in range(runs):
        timers += fresh("side_guerdon", job, threads=options.threads)["timers"][bench_trl_step.SKIP :]
    names = [k for k in timers[0] if k in ("rollout", "update", *PARTS)]
    shares = {k: statistics.median(t[k] / t["step"] for t in timers) for k in names}
    for key, value in shares.items():
        note(f"{key:>10}: {value:6.1%} of a step")
    share = statistics.median(sum(t[k] for k in PARTS) / t["step"] for t in timers)
    note(f"advantage, rewards and records together: {share:.1%}; limit {LIMIT:.0%}")
    return Outcome(LIMIT / share, share, runs, "share of a step", f"a limit of {LIMIT:.0%}", {"shares": shares})
