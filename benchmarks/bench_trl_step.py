"""The native engine against TRL's GRPO trainer on the same warm checkpoint, data and settings.

The trainer is in the extra ``trl``: ``pip install -e '.[trl]'``.

64 prompts x 8 completions, at most 6 new tokens, one optimiser step per batch, AdamW at 3e-4, clip 1.0, no KL. Runs of
both engines alternate in new processes. With long prompts the policy of the short ones has no skill yet, so there the
reward is whether the answer is even: groups have a signal in both engines from the first step, and only time and
memory are compared. The first five steps are left out of the medians: lazy imports and warm caches.
"""

from __future__ import annotations

import itertools
import statistics
from typing import Any

import addition
from common import SCRATCH, Options, Outcome, fresh, note

from guerdon.ops.stats import paired_bootstrap

SKIP = 5


def run(name: str, options: Options) -> Outcome:
    """Median step time of TRL over ours, ratios of peak memory, areas under the accuracy curves (short prompts)."""
    long = name.endswith("_long")
    small = options.small
    steps = options.steps or (8 if small else 40 if long else 100)
    seeds = options.seeds or (1 if small else 3)
    rounds = options.runs or (1 if small or long else 2)
    results: dict[str, list[dict[str, Any]]] = {"trl": [], "guerdon": []}
    warm = {}
    for seed in range(seeds):
        folder = SCRATCH / f"warm-{'small' if small else 'full'}-{seed}"
        warm[seed] = fresh("bench_trl_step", {"folder": str(folder), "seed": seed, "small": small})
        note(f"seed {seed}: warm start {warm[seed]}")
        for repeat in range(rounds):
            # a run repeats itself exactly, so every round trains with another seed from the same checkpoint
            job = {
                "model": str(folder), "long": long, "steps": steps, "seed": seed + 100 * repeat,
                "threads": options.threads, "prompts": 8 if small else 64, "group": 8, "every": max(steps // 4, 1),
            }  # fmt: skip
            for side in results:
                out = {**job, "out": str(SCRATCH / f"step-{side}")}
                one = fresh(f"side_{side}", out, threads=options.threads)
                results[side].append(one)
                note(f"seed {job['seed']} {side:>8}: {describe(one)}")
    return summary(results, warm, rounds * seeds, long)


def child(job: dict[str, Any]) -> dict[str, Any]:
    """The warm start, in its own process so that this one stays small."""
    from pathlib import Path

    return addition.warm_start(Path(job["folder"]), seed=job["seed"], small=job["small"])


def area(curve: list[list[float]]) -> float:
    """Mean height of a curve by the trapezoid rule."""
    pairs = list(itertools.pairwise(curve))
    width = curve[-1][0] - curve[0][0]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairs) / width if width else curve[0][1]


def describe(one: dict[str, Any]) -> str:
    """One run in one line."""
    step, cpu = statistics.median(one["seconds"][SKIP:]), statistics.median(one["cpu"][SKIP:])
    return (
        f"step {step:.3f} s (processor {cpu:.3f}), peak {one['peak']:.0f} MiB (+{one['peak'] - one['before']:.0f}), "
        f"accuracy {one['curve'][0][1]:.3f} -> {one['curve'][-1][1]:.3f}"
    )


def summary(results: dict[str, list[dict[str, Any]]], warm: dict, runs: int, long: bool) -> Outcome:
    """Ratios inside each pair of neighbouring runs, then their median."""
    rows: dict[str, list[dict[str, float]]] = {
        side: [
            {
                "step": statistics.median(r["seconds"][SKIP:]),
                "cpu": statistics.median(r["cpu"][SKIP:]),
                "peak": r["peak"],
                "growth": r["peak"] - r["before"],
                "area": area(r["curve"]),
                "reward_area": statistics.fmean(r["reward"]),
                "final": r["curve"][-1][1],
            }
            for r in found
        ]
        for side, found in results.items()
    }
    detail: dict[str, Any] = {}
    pairs = list(zip(rows["trl"], rows["guerdon"], strict=True))
    ratio = {
        "step": statistics.median(t["step"] / g["step"] for t, g in pairs),
        "cpu": statistics.median(t["cpu"] / g["cpu"] for t, g in pairs),
        "peak": statistics.median(g["peak"] / t["peak"] for t, g in pairs),
        "growth": statistics.median(g["growth"] / t["growth"] for t, g in pairs),
    }
    if not long:  # with long prompts nothing is learnt that held-out accuracy could show
        ours, theirs = ([row["area"] for row in rows[side]] for side in ("guerdon", "trl"))
        ratio["area"] = statistics.fmean(ours) / statistics.fmean(theirs)
        detail["area_difference"] = paired_bootstrap(ours, theirs)._asdict()
    note(
        f"TRL over ours: step {ratio['step']:.2f}x, processor {ratio['cpu']:.2f}x; ours over TRL: peak memory "
        f"{ratio['peak']:.2f}, growth {ratio['growth']:.2f}"
        + (f", area under the accuracy curve {ratio['area']:.3f}" if not long else "")
    )
    median = statistics.median(g["step"] for _, g in pairs)
    detail |= {
        "ratio": ratio,
        "runs": rows,
        "warm": warm,
        "curves": {s: [r["curve"] for r in f] for s, f in results.items()},
    }
    return Outcome(
        ratio["step"], median, runs, "s", f"TRL GRPOTrainer, {'128-token' if long else 'short'} prompts", detail
    )
