"""Warm wall time of commands that must answer at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from common import Options, Outcome, interleaved, note, spread

LIMIT = 0.150
COMMANDS = {"help": ["--help"], "list": ["list"]}


def once(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr[-1000:]}")
    return seconds


def run(name: str, options: Options) -> Outcome:
    """At least 15 processes of each command, interleaved, after one that warms the file cache."""
    script = Path(sys.executable).with_name("guerdon")
    runs = options.runs or (3 if options.small else 21)
    commands = {key: [str(script), *words] for key, words in COMMANDS.items()}
    commands["bare interpreter"] = [sys.executable, "-c", "pass"]
    for command in commands.values():
        once(command)
    times = interleaved({key: lambda c=c: once(c) for key, c in commands.items()}, runs)
    detail = {key: spread(values) for key, values in times.items()}
    for key, found in detail.items():
        note(f"{key:>16}: median {found['median'] * 1e3:6.1f} ms  min {found['min'] * 1e3:6.1f}")
    slowest = max(detail[key]["median"] for key in COMMANDS)
    note(f"slowest command: {slowest * 1e3:.0f} ms of {LIMIT * 1e3:.0f} ms allowed")
    return Outcome(LIMIT / slowest, slowest, runs, "s", "the limit of 0.150 s", detail)
