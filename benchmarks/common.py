"""What every benchmark shares: fresh processes, interleaved repeats, memory, the machine, and kept results."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SCRATCH = HERE / "runs"  # ignored by git: warm checkpoints and run folders
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Options:
    """What the command line chose."""

    runs: int | None = None
    small: bool = False
    steps: int | None = None
    seeds: int | None = None
    threads: int = 2


@dataclass(frozen=True)
class Outcome:
    """A benchmark's answer: ``ratio`` above 1 means better than what it is compared with, ``median`` is ours."""

    ratio: float
    median: float
    runs: int
    unit: str
    against: str
    detail: dict[str, Any] = field(default_factory=dict)


def fresh(module: str, job: dict[str, Any], *, threads: int = 2, limit: float = 3600.0) -> dict[str, Any]:
    """Run ``module.child(job)`` in a new process and return what it gives back.

    A new process per case, because peak memory and lazy imports of one case must not touch the next.
    """
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    code = (
        f"import sys, json; sys.path.insert(0, {str(HERE)!r}); import {module} as m; "
        f"out = m.child(json.loads(sys.argv[1])); print(); print(json.dumps(out))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(job)], env=env, capture_output=True, text=True, timeout=limit
    )
    if done.returncode:
        raise RuntimeError(f"{module} {job} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def interleaved(cases: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[Any]]:
    """Every case once, then every case again: drift of a shared machine falls on all of them alike."""
    out: dict[str, list[Any]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            out[name].append(case())
    return out


def memory() -> dict[str, float]:
    """Resident memory of this process now and at its highest, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {"now": int(found["VmRSS"].split()[0]) / 1024, "peak": int(found["VmHWM"].split()[0]) / 1024}


def watched(call: Callable[[], Any]) -> tuple[Any, float, float, float]:
    """Result, seconds, processor seconds, and the growth of resident memory while a call ran, in MiB."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    base, peak, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], resident())
            done.wait(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    start, busy = time.perf_counter(), time.process_time()
    try:
        result = call()
    finally:
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        done.set()
        thread.join()
    return result, seconds, busy, max(peak[0] - base, 0) / 2**20


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def machine() -> dict[str, Any]:
    """The machine and the versions that a number belongs to."""
    import torch
    import transformers

    names = [line.split(":", 1)[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "cpu": names[0].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(total.split()[1]) / 2**20, 1),
        "load": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "system": platform.system(),
    }


def note(text: str) -> None:
    """One line for the person who waits."""
    print(text, flush=True)
