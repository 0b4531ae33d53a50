"""Isolated runs of code per second and core, against a cold interpreter per test."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import Options, Outcome, interleaved, note, spread

from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import FunctionJob

SOURCE = "def f(x):\n    return sorted(str(x * x))\n"
GOAL, GOAL_RATIO, GOAL_P95, GOAL_START = 100, 4, 0.025, 0.6
_TICK = os.sysconf("SC_CLK_TCK")


def used(sandbox: LocalSandbox) -> float:
    """Processor seconds of this process and of everything that the sandbox runs."""

    def below(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(map(int, fields[11:15])) / _TICK + sum(below(int(c)) for c in children)

    return time.process_time() + sum(below(lane.process) for lane in sandbox._all)


def warm(sandbox: LocalSandbox, count: int) -> tuple[list[float], float]:
    """Wall seconds of single runs, and processor seconds of one, sandbox and caller together."""
    times, busy = [], used(sandbox)
    for i in range(count):
        start = time.perf_counter()
        result = sandbox.run(FunctionJob(SOURCE, "f", [{"args": [i]}])).cases[0]
        times.append(time.perf_counter() - start)
        if result.value != sorted(str(i * i)) or result.level != 3:
            raise RuntimeError(f"not a right answer at level 3: {result}")
    return times, (used(sandbox) - busy) / count


def cold(number: int) -> float:
    """One new interpreter, without isolation, that imports what a test needs, runs it and prints JSON."""
    code = f"import json, sys\n{SOURCE}\nprint(json.dumps(f(json.loads(sys.argv[1]))))"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-I", "-c", code, str(number)], capture_output=True, text=True, check=True)
    if "[" not in done.stdout:
        raise RuntimeError(done.stdout)
    return time.perf_counter() - start


def started(*preload: str) -> tuple[float, float]:
    """Seconds from nothing to the first answer, by the clock and of the processor."""

    def busy() -> float:
        own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    start, before = time.perf_counter(), busy()
    with LocalSandbox(lanes=1, preload=preload) as sandbox:
        warm(sandbox, 1)
        seconds = time.perf_counter() - start
    return seconds, busy() - before


def run(name: str, options: Options) -> Outcome:
    """Blocks of warm runs and of cold ones in turn, on one warm process, so that load falls on both."""
    rounds, block = options.runs or (2 if options.small else 7), 20 if options.small else 100
    with LocalSandbox(lanes=1) as bare, LocalSandbox(lanes=1, preload=("numpy", "sympy")) as full:
        for sandbox in (bare, full):
            warm(sandbox, 5)
        found = interleaved(
            {
                "bare": lambda: warm(bare, block),
                "cold": lambda: [cold(i) for i in range(block // 10)],
                "numpy and sympy": lambda: warm(full, block),
            },
            rounds,
        )
    starts = interleaved({"start": started, "start with sympy": lambda: started("sympy")}, rounds)
    detail = {}
    for key in ("bare", "numpy and sympy"):
        times = sorted(t for block_times, _ in found[key] for t in block_times)
        per_core = 1 / statistics.median(busy for _, busy in found[key])
        p95 = times[int(0.95 * len(times))]
        detail[key] = {**spread(times), "p95": p95, "per_second": 1 / statistics.fmean(times), "per_core": per_core}
        note(f"{key:>16}: median {detail[key]['median'] * 1e3:5.1f} ms  p95 {p95 * 1e3:5.1f}  "
             f"{detail[key]['per_second']:4.0f} runs/s by the clock, {per_core:4.0f} per processor second")  # fmt: skip
    detail["cold"] = spread([t for times in found["cold"] for t in times])
    for key, values in starts.items():
        detail[key] = {**spread([v for v, _ in values]), "processor": statistics.median(b for _, b in values)}
    for key in ("cold", *starts):
        note(f"{key:>16}: median {detail[key]['median'] * 1e3:5.0f} ms  min {detail[key]['min'] * 1e3:5.0f}"
             + (f"  processor {detail[key]['processor'] * 1e3:5.0f}" if key in starts else ""))  # fmt: skip
    ratio = detail["cold"]["median"] / detail["bare"]["median"]
    note(f"goals: {GOAL} runs/s and core, p95 {GOAL_P95 * 1e3:.0f} ms, {GOAL_RATIO} times a cold interpreter, "
         f"start with sympy {GOAL_START} s")  # fmt: skip
    return Outcome(ratio, detail["bare"]["median"], rounds * block, "s", "a cold interpreter per test", detail)
