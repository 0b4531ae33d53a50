"""A request to the world outside a method (a worker, a sandbox, a judge), and what came back."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Outcome(enum.StrEnum):
    """How a call ended, with the question of fault already settled.

    ``DONE`` a value came back. At the fault of what was sent: ``TIMEOUT`` over its time, ``MEMORY`` over its memory,
    ``CRASHED`` its process ended without a value, ``REFUSED`` too large, or over a cap on output. At our fault:
    ``RAISED`` the trusted program raised, ``UNAVAILABLE`` nothing healthy could run it.
    """

    DONE = "done"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    REFUSED = "refused"
    RAISED = "raised"
    UNAVAILABLE = "unavailable"


_THEIRS = (Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASHED, Outcome.REFUSED)


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        channel: who answers: ``pool`` for trusted programs on untrusted data, ``sandbox`` for untrusted code.
        program: what runs there, a name that the channel knows; in the pool ``module.function`` of guerdon's programs,
            or ``package.module:function`` of a plug-in.
        payload: plain data (text, numbers, booleans, None, lists, string-keyed mappings).
        seconds: processor time it may use; the wall limit follows from it and from the load of the machine.
        memory_mb: address space it may use.

    Example:
        >>> Call("pool", "echo", {"value": 1}).seconds
        5.0
    """

    channel: str
    program: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 5.0
    memory_mb: int = 512


@dataclass(frozen=True)
class Reply:
    """What became of one call; replies stand in the order of their calls.

    Example:
        >>> Reply(Outcome.TIMEOUT).theirs, Reply(Outcome.UNAVAILABLE).theirs, Reply(Outcome.DONE, 3).ok
        (True, False, True)
    """

    outcome: Outcome
    value: Any = None
    reason: str = ""
    seconds: float = 0.0
    retries: int = 0

    @property
    def ok(self) -> bool:
        """Whether a value came back."""
        return self.outcome is Outcome.DONE

    @property
    def theirs(self) -> bool:
        """Whether what was sent is at fault for the missing value; the canary rule has been applied."""
        return self.outcome in _THEIRS
