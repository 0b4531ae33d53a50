"""One process that runs code, as the caller sees it: its lines, what came over them, and how it ended."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import Any

from guerdon.runtime.pool.wire import Frames
from guerdon.runtime.sandbox.protocol import Limits


class LaneError(Exception):
    """The warm process is of no use any more: it did not start, has died, or does not follow."""


@dataclass
class Ended:
    """How a run ended, as the warm process saw it.

    Args:
        cause: why it was killed (``processor``, ``asleep``, ``clock``, ``memory``, ``processes``, ``output``,
            ``forged``), empty when it ended by itself, ``ended`` when it was told to.
        status: exit code, or minus the signal.
        seconds: processor time of its last call, or time asleep when that is more.
        booted: whether its walls stood, so that the code had begun.
        reply: what it said before, if anything.
        error: what kept it from starting.
    """

    cause: str
    status: int
    seconds: float
    booted: bool = False
    reply: tuple[dict[str, Any], list[bytes]] | None = None
    error: str = ""


@dataclass
class Run:
    """A process that runs code, seen from here."""

    limits: Limits
    channel: socket.socket
    out: int
    err: int
    frames: Frames
    place: int
    number: int = 0
    booted: bool = False
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    reply: tuple[dict[str, Any], list[bytes]] | None = None
    ended: Ended | None = None
    spent: float | None = None
    charge: str = ""

    def close(self) -> None:
        """Let go of its lines."""
        self.channel.close()
        for fd in (self.out, self.err):
            os.close(fd)
