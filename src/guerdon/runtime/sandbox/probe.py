"""What the sandbox of this machine really does: it is started, timed, and asked to misbehave."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass

from guerdon.runtime.machine import Check
from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import CaseOutcome, CaseResult, FunctionJob, Limits

_RUNS = 20
_PROBES = {
    "files of this machine are hidden": "import os\ndef f(path): return os.path.exists(path)",
    "no network": "import socket\ndef f(path): socket.create_connection(('127.0.0.1', 9), 1)",
    "no further name spaces": "import ctypes\ndef f(path): return ctypes.CDLL(None).unshare(0x10000000) == 0",
    "no capabilities": "import ctypes\ndef f(path): return any(ctypes.CDLL(None).prctl(23, c) for c in range(38))",
    "a loop ends at its time": "def f(path):\n    while True: pass",
    "memory ends at its limit": "def f(path): return len(bytearray(1 << 36)) > 0",
}


@dataclass(frozen=True)
class Measured:
    """The sandbox of this machine as it ran just now.

    Args:
        level: the isolation level at which it started; 0 when none did.
        reason: why not a higher one, empty at level 3.
        start_seconds: from nothing to the first answer.
        run_seconds: median of an isolated run on a warm process.
        proofs: what code in it tried, and whether that failed as it should.
    """

    level: int
    reason: str
    start_seconds: float | None = None
    run_seconds: float | None = None
    proofs: tuple[Check, ...] = ()


def measure() -> Measured:
    """Start the sandbox, time it and try to get out; takes about a second."""
    start = time.perf_counter()
    with LocalSandbox(lanes=1) as sandbox, tempfile.NamedTemporaryFile() as file:
        if not sandbox.level:
            return Measured(0, sandbox.reason)
        first = _run(sandbox, "def f(path): return 'ready'", "")
        if first.outcome is not CaseOutcome.RETURNED:
            return Measured(0, f"level {sandbox.level} started and did not work: {first.error}")
        started = time.perf_counter() - start
        times = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            _run(sandbox, "def f(path): return path", "")
            times.append(time.perf_counter() - start)
        proofs = tuple(_proof(name, _run(sandbox, source, file.name)) for name, source in _PROBES.items())
        return Measured(sandbox.level, sandbox.reason, started, statistics.median(times), proofs)


def _run(sandbox: LocalSandbox, source: str, path: str) -> CaseResult:
    return sandbox.run(FunctionJob(source, "f", [{"args": [path]}], Limits(seconds=0.3, memory_mb=128))).cases[0]


def _proof(name: str, result: CaseResult) -> Check:
    held = result.value is False if result.outcome is CaseOutcome.RETURNED else result.theirs
    return Check(name, held, result.error or f"tried, and got {result.value}")
