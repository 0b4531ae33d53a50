"""The worker pool: what a cheap call costs more than in this process, and memory over many calls."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from common import PAGE, Options, Outcome, fresh, interleaved, memory, note, spread

LIMIT = 0.0003  # seconds per call of a batch
GROWTH = 8.0  # MiB of the caller, or of a worker; a leak of 100 bytes per call would be 9.5 MiB
BATCH = 256


def run(name: str, options: Options) -> Outcome:
    return _memory(options) if name == "pool_memory" else _overhead(options)


def child(job: dict[str, Any]) -> dict[str, Any]:
    return {"overhead": _times, "memory": _growth}[job["case"]](job)


def _overhead(options: Options) -> Outcome:
    """Batches of cheap calls and single calls through a warm pool, interleaved with the same function in-process."""
    runs = options.runs or (5 if options.small else 41)
    found = fresh("bench_pool", {"case": "overhead", "runs": runs}, threads=options.threads)
    cost = {key: spread(values) for key, values in found.items()}
    for key, seen in cost.items():
        note(f"{key:>24}: median {seen['median'] * 1e6:8.1f} us per call  min {seen['min'] * 1e6:8.1f}")
    extra = cost[f"pool, {BATCH} at once"]["median"] - cost["in this process"]["median"]
    note(f"overhead in a batch: {extra * 1e6:.0f} us per call of {LIMIT * 1e6:.0f} us allowed")
    return Outcome(LIMIT / extra, extra, runs, "s", "the limit of 0.3 ms per call", cost)


def _times(job: dict[str, Any]) -> dict[str, list[float]]:
    from guerdon.programs.basic import echo
    from guerdon.records import Call
    from guerdon.runtime.calls import send

    payloads = [{"value": f"The answer is \\boxed{{{i}}}. " * 4} for i in range(BATCH)]
    calls = [Call("pool", "basic.echo", p) for p in payloads]

    def seconds(work: Any, count: int) -> float:
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) / count

    cases = {
        f"pool, {BATCH} at once": lambda: seconds(lambda: send(calls), BATCH),
        "pool, one at a time": lambda: seconds(lambda: send(calls[:1]), 1),
        "in this process": lambda: seconds(lambda: [echo(p) for p in payloads], BATCH),
    }
    for _ in range(5):
        send(calls)
    return interleaved(cases, job["runs"])


def _memory(options: Options) -> Outcome:
    """Resident memory of the caller, the helper and the largest worker, over 100,000 calls in batches."""
    calls = 10_000 if options.small else 100_000
    found = fresh("bench_pool", {"case": "memory", "calls": calls}, threads=options.threads)
    for key, values in found.items():
        note(f"{key:>8}: {values[0]:6.1f} MiB after {BATCH * 8} calls, {values[-1]:6.1f} MiB after {calls}")
    grown = max(max(values) - values[0] for values in found.values())
    note(f"largest growth: {grown:.2f} MiB of {GROWTH:.0f} MiB allowed")
    levels = {key: {"first": v[0], "last": v[-1], "median": statistics.median(v)} for key, v in found.items()}
    return Outcome(GROWTH / max(grown, 0.01), grown, 1, "MiB", "a growth of 8 MiB", {"calls": calls, **levels})


def _growth(job: dict[str, Any]) -> dict[str, list[float]]:
    from guerdon.records import Call
    from guerdon.runtime.calls import send
    from guerdon.runtime.pool.pool import default_pool

    seen: dict[str, list[float]] = {"caller": [], "helper": [], "worker": []}
    rounds = job["calls"] // BATCH
    for n in range(rounds + 1):
        calls = [Call("pool", "basic.echo", {"value": f"text {n} {i} " * 20}) for i in range(BATCH)]
        if not all(r.ok for r in send(calls)):
            raise RuntimeError("a call failed")
        if n >= 7 and (n % 16 == 7 or n == rounds):  # the first batches fill caches
            helper, *workers = default_pool().workers()
            seen["caller"].append(memory()["now"])
            seen["helper"].append(_resident(helper))
            seen["worker"].append(max((_resident(w) for w in workers), default=0.0))
    return seen


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20
    except FileNotFoundError:  # replaced meanwhile
        return 0.0
