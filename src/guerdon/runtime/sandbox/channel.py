"""The channel ``sandbox``: calls become jobs, results become replies."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from guerdon.records.calls import Call, Outcome, Reply
from guerdon.runtime.machine import cores
from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import CaseOutcome, FunctionJob, Limits, Sandbox, StdioJob

PROGRAMS = ("function", "stdio")
_SOURCE = 1 << 20


def send(calls: Sequence[Call]) -> list[Reply]:
    """Run calls in the sandbox of this machine; see :func:`sender`."""
    return sender(default_sandbox())(calls)


def sender(sandbox: Sandbox, *, at_once: int | None = None) -> Callable[[Sequence[Call]], list[Reply]]:
    """A function that answers the calls of the channel with a sandbox, for ``guerdon.runtime.calls.using``.

    Programs: ``function`` with ``source``, ``entry``, ``cases`` of ``args`` and ``kwargs``, and ``fresh``; ``stdio``
    with ``source`` and ``cases`` of ``stdin`` and ``argv``. The value of a reply is a list of
    :class:`guerdon.runtime.sandbox.protocol.CaseResult`, one per case; the reply is ``unavailable`` when no case could
    be run at all. Its reason carries the note of an isolation level below 3.

    Args:
        sandbox: what runs the jobs.
        at_once: jobs at the same time; None for as many as this process may use cores.
    """
    width = at_once or cores()

    def answer(calls: Sequence[Call]) -> list[Reply]:
        if len(calls) < 2 or width == 1:
            return [_reply(sandbox, call) for call in calls]
        with ThreadPoolExecutor(min(width, len(calls)), "guerdon-sandbox") as threads:
            return list(threads.map(functools.partial(_reply, sandbox), calls))

    return answer


@functools.cache
def default_sandbox() -> LocalSandbox:
    """The sandbox that :func:`guerdon.runtime.calls.send` uses in this process."""
    return LocalSandbox()


def _reply(sandbox: Sandbox, call: Call) -> Reply:
    job = _job(call)
    if isinstance(job, Reply):
        return job
    result = sandbox.run(job)
    seconds = sum(c.seconds for c in result.cases)
    if result.cases and all(c.outcome is CaseOutcome.UNAVAILABLE for c in result.cases):
        return Reply(Outcome.UNAVAILABLE, reason=result.cases[0].error, seconds=seconds)
    return Reply(Outcome.DONE, list(result.cases), result.note, seconds)


def _job(call: Call) -> FunctionJob | StdioJob | Reply:
    if call.program not in PROGRAMS:
        return Reply(Outcome.RAISED, reason=f"no program {call.program!r} in the sandbox: {' or '.join(PROGRAMS)}")
    payload = call.payload
    lacking = [k for k in ("source", "cases", *(["entry"] if call.program == "function" else [])) if k not in payload]
    if lacking:
        return Reply(Outcome.RAISED, reason=f"the payload of {call.program} lacks {', '.join(lacking)}")
    if len(payload["source"]) > _SOURCE:
        return Reply(Outcome.REFUSED, reason=f"{len(payload['source'])} characters of source, above {_SOURCE}")
    limits = Limits(seconds=call.seconds, memory_mb=call.memory_mb)
    if call.program == "stdio":
        return StdioJob(payload["source"], payload["cases"], limits)
    return FunctionJob(payload["source"], payload["entry"], payload["cases"], limits, payload.get("fresh", True))
