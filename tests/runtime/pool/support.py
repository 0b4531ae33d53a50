"""Pools whose programs misbehave, and what the tests look at around them."""

from __future__ import annotations

import time
from pathlib import Path

from guerdon.runtime.lock import started
from guerdon.runtime.pool.pool import Settings

HERE = Path(__file__).parent


def hostile(**changes) -> Settings:
    return Settings(**{"workers": 2, "package": "pool_programs", "path": (str(HERE),), **changes})


def gone(pids: list[int], within: float = 5.0) -> list[int]:
    """Those processes that still run after a while."""
    end = time.monotonic() + within
    while (left := [p for p in pids if started(p) is not None]) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def until(condition, within: float = 10.0) -> bool:
    """Whether something became true in time."""
    end = time.monotonic() + within
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def children(pid: int) -> list[int]:
    """Processes below a process, the helper and the workers of a pool for example."""
    lists = [p.read_text().split() for p in Path(f"/proc/{pid}/task").glob("*/children")]  # one list per thread
    return [p for own in lists for c in own for p in (int(c), *children(int(c)))]
