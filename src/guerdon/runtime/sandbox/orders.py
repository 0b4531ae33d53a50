"""Calls as orders for a run, and the runs that need nothing but one of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.errors import MethodError
from guerdon.runtime.sandbox import verdict
from guerdon.runtime.sandbox.inside.codec import NotPlainError, TooLargeError, encode
from guerdon.runtime.sandbox.lane import Lane
from guerdon.runtime.sandbox.protocol import CaseResult, Limits

_INPUT = 12 << 20  # of arguments; escaped twice they still fit into one order
CANARY = "def double(x):\n    return 2 * x\n"
_CANARY_SECONDS, _CANARY_WALL = 2.0, 1.0  # what a known-good program may use; a machine that needs more is too slow


def once(lane: Lane, order: Mapping[str, Any], limits: Limits) -> CaseResult:
    """One call of a function in a process of its own."""
    run = lane.begin(limits, limits.seconds + 1)
    start = time.monotonic()
    lane.ask(run, order)
    if run.reply is not None and run.ended is None and not run.charge:
        # the time is by its own word, and never more than really passed
        seconds = min(verdict.seconds(run), time.monotonic() - start)
        result = verdict.of_call(run, None, lane.level, seconds, slice(None))
        if result.outcome not in verdict.DOUBTFUL:
            lane.leave(run)
            return result
    ended = lane.end(run)
    return verdict.of_call(run, ended, lane.level, ended.seconds, slice(None))


def healthy(lane: Lane) -> bool:
    """Whether a known-good program passes on a warm process, in good time."""
    number, start = secrets.randbelow(1 << 30), time.monotonic()
    limits = Limits(seconds=_CANARY_SECONDS, memory_mb=128)
    order = order_of(CANARY, "double", (number,), {}, False, limits, "canary")
    result = once(lane, order, limits)
    return result.value == 2 * number and time.monotonic() - start < _CANARY_WALL


def inputs(case: Mapping[str, Any], where: str) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Arguments of a case.

    Raises:
        MethodError: they are no list and no mapping.
    """
    args, kwargs = case.get("args", ()), case.get("kwargs", {})
    if not isinstance(args, (list, tuple)) or not isinstance(kwargs, Mapping):
        raise MethodError("args must be a list and kwargs a mapping", where=where, seen=repr(case))
    return args, kwargs


def order_of(
    source: str, entry: str, args: Sequence[Any], kwargs: Mapping[str, Any], arguments: bool, limits: Limits, where: str
) -> dict[str, Any]:
    """The order to call a function.

    Raises:
        MethodError: an argument is no plain value, or too large.
    """
    try:
        texts = [encode(v, _INPUT).decode() for v in (tuple(args), dict(kwargs))]
    except (NotPlainError, TooLargeError) as error:
        raise MethodError(
            "an input of the sandbox must be a plain value", where=where, seen=str(error) or f"above {_INPUT} bytes",
            allowed="None, bool, int, float, str, bytes, complex, list, tuple, dict, set, frozenset",
        ) from None  # fmt: skip
    return {
        "source": source, "entry": entry, "args": texts[0], "kwargs": texts[1], "arguments": arguments,
        "cap": limits.value_bytes,
    }  # fmt: skip
