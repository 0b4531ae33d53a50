"""What a run was worth: its reply and the way it ended, as a result."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from typing import Any

from guerdon.runtime.sandbox.inside.codec import ForgedError, decode
from guerdon.runtime.sandbox.lane import WALL_FACTOR, WALL_SLACK
from guerdon.runtime.sandbox.protocol import CaseOutcome as Case
from guerdon.runtime.sandbox.protocol import CaseResult, Limits
from guerdon.runtime.sandbox.run import Ended, LaneError, Run
from guerdon.runtime.sandbox.text import decoded, shown

_ERROR, _PRINTED = 600, 4_000
_SAYS = ("raised", "memory", "not_plain", "too_large")  # faults that a run may report about itself: all are its own
# who is at fault for one of these is decided by a known-good program on the same warm process
DOUBTFUL = (Case.TIMEOUT, Case.MEMORY, Case.CRASHED)


def of_call(run: Run, ended: Ended | None, level: int, seconds: float, printed: slice) -> CaseResult:
    """The result of one call of a function.

    Raises:
        LaneError: the process ended before the code began.
    """
    stdout = shown(decoded(bytes(run.stdout[printed][:_PRINTED])), _PRINTED)
    base = CaseResult(Case.CRASHED, stdout=stdout, seconds=seconds, level=level)
    stopped = _stopped(ended, run.limits)
    if stopped is not None and (run.reply is None or (ended and ended.cause in ("output", "forged"))):
        return replace(base, outcome=stopped[0], error=stopped[1])
    if run.reply is None:
        return replace(base, error=f"its process ended with code {ended.status if ended else 0} and without a value")
    return _replied(base, *run.reply)


def of_program(run: Run, ended: Ended, level: int) -> CaseResult:
    """The result of one run of a program.

    Raises:
        LaneError: the process ended before the code began.
    """
    stdout = decoded(bytes(run.stdout[: run.limits.output_bytes]))
    stderr = shown(decoded(bytes(run.stderr[: run.limits.output_bytes])), run.limits.output_bytes)
    base = CaseResult(Case.EXITED, stdout=stdout, stderr=stderr, seconds=ended.seconds, level=level)
    stopped = _stopped(ended, run.limits)
    if stopped is not None:
        return replace(base, outcome=stopped[0], error=stopped[1])
    if run.reply is not None and run.reply[0].get("outcome") == "memory":
        return replace(base, outcome=Case.MEMORY, error="MemoryError")
    return replace(base, exit_code=ended.status)


def seconds(run: Run) -> float:
    """Processor seconds by the word of the run itself, 0 where it says nothing that could be."""
    found = run.reply[0].get("seconds") if run.reply else 0.0
    return max(found, 0.0) if type(found) is float and math.isfinite(found) else 0.0


def _stopped(ended: Ended | None, limits: Limits) -> tuple[Case, str] | None:
    """Why a run did not end by itself, None when it did or has not ended."""
    if ended is None:
        return None
    if not ended.booted and ended.cause != "forged":
        raise LaneError(f"a run did not begin: {ended.error or ended.cause or f'code {ended.status}'}")
    if ended.cause == "processor":
        return Case.TIMEOUT, f"over {limits.seconds:g} s of processor time"
    if ended.cause == "asleep":
        return Case.TIMEOUT, f"slept for more than {limits.seconds:g} s"
    if ended.cause == "clock":
        return Case.TIMEOUT, f"no answer after {WALL_FACTOR * limits.seconds + WALL_SLACK:g} s by the clock"
    if ended.cause == "memory":
        return Case.MEMORY, f"its processes held more than {limits.memory_mb} MB"
    if ended.cause == "processes":
        return Case.CRASHED, f"it started more than {limits.processes} processes and threads"
    if ended.cause == "output":
        return Case.TOO_LARGE, f"it wrote more than {limits.output_bytes} bytes"
    if ended.cause == "forged":
        return Case.CRASHED, "it wrote on the private line"
    if ended.status < 0 and ended.cause != "ended":
        if ended.seconds > limits.seconds:  # the kernel's own limit came first
            return Case.TIMEOUT, f"over {limits.seconds:g} s of processor time"
        return Case.CRASHED, f"its process was killed by {_signal(-ended.status)}"
    return None


def _replied(base: CaseResult, head: dict[str, Any], parts: list[bytes]) -> CaseResult:
    outcome, error = head.get("outcome"), shown(str(head.get("error", "")), _ERROR)
    if outcome in _SAYS:
        return replace(base, outcome=Case(outcome), error=error)
    try:
        if outcome != "returned" or len(parts) != 2:
            raise ForgedError
        value, args = decode(parts[0]), decode(parts[1]) if parts[1] else None
        if args is not None and type(args) is not tuple:
            raise ForgedError
    except ForgedError:
        return replace(base, error="it wrote on the private line")
    return replace(base, outcome=Case.RETURNED, value=value, args=args)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
