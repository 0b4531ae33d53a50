"""The life of a worker: read a call, run it within its limits, write the reply, and stop when it has grown.

Runs in a process that the zygote forked. It handles one call at a time, in the order in which they come.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from guerdon.runtime.pool.wire import READ, Frames, frame

_MB = 1 << 20
GROWTH_MB = 64  # a worker that holds this much more than at its start is replaced
_GRACE = 2  # seconds of processor time beyond the limit, before the system itself ends the worker
_TEXT = 2_000  # characters of an error message that are passed on
_NESTED = "the payload is nested too deeply to be read"


@dataclass
class Life:
    """What a worker knows about itself; ``cap`` is the size of the largest call and reply in bytes."""

    cap: int
    warm: int = field(default_factory=lambda: size())
    known: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    tired: bool = False


def serve(sock: socket.socket, cap: int) -> None:
    """Answer calls until the caller hangs up, or until this worker should be replaced."""
    life = Life(cap)
    hello = {"pid": os.getpid(), "processor": time.process_time()}
    sock.sendall(frame(0, json.dumps(hello).encode()))
    frames = Frames(cap)
    while data := sock.recv(READ):
        for number, body in frames.feed(data):
            sock.sendall(frame(number, answer(life, body)))
            if life.tired:
                return


def answer(life: Life, body: bytes) -> bytes:
    """Run one call and return the reply as JSON; raises only where this worker must end."""
    start, busy = time.perf_counter(), time.process_time()
    reply = _outcome(life, body)
    # the handlers in there have ended, so the frames of a failed call are free and there is memory for the reply
    life.tired = life.tired or size() - life.warm > GROWTH_MB * _MB
    now = time.process_time()
    spent = f'"wall":{time.perf_counter() - start:.6f},"used":{now - busy:.6f},"processor":{now:.6f}'
    return f'{reply[:-1]},"last":{"true" if life.tired else "false"},{spent}}}'.encode()


def _outcome(life: Life, body: bytes) -> str:
    try:
        try:
            program, seconds, memory_mb, payload = json.loads(body)
        except RecursionError:
            return _reply("refused", _NESTED)
        _limit(life, seconds, memory_mb)
        value = _program(life, program)(payload)
        text = json.dumps({"outcome": "done", "value": value}, separators=(",", ":"))
        if len(text) > life.cap - 1000:
            return _reply("refused", f"the reply has {len(text)} bytes, above the cap of {life.cap}")
        return text
    except MemoryError:
        life.tired = True
        reason = "ran out of its memory"
    except RecursionError:
        # depth is a resource like memory: a text that is nested deeply enough exhausts any program
        life.tired = True
        reason = "ran out of its memory: recursion too deep"
    except SystemError:
        raise  # the interpreter itself is broken, by lack of memory as a rule: this process must not go on
    except BaseException as error:
        return _reply("raised", f"{type(error).__name__}: {error}"[:_TEXT])
    finally:
        _limit(life, None, None)
    return _reply("memory", reason)


def _reply(outcome: str, reason: str) -> str:
    return json.dumps({"outcome": outcome, "reason": reason})


def _program(life: Life, name: str) -> Callable[[Any], Any]:
    if name not in life.known:
        module, _, function = name.rpartition(".")
        found = getattr(sys.modules[module], function, None)
        # what a module merely imported is not a program
        if not isinstance(found, FunctionType) or found.__module__ != module or function.startswith("_"):
            raise LookupError(f"no program {function!r} in {module}")
        life.known[name] = found
    return life.known[name]


def _limit(life: Life, seconds: float | None, memory_mb: int | None) -> None:
    """Soft limits of the system, raised for every call; the caller measures too and is stricter about the time."""
    for kind, wanted in (
        (resource.RLIMIT_CPU, None if seconds is None else int(time.process_time() + seconds) + _GRACE),
        (resource.RLIMIT_AS, None if memory_mb is None else life.warm + memory_mb * _MB),
    ):
        hard = resource.getrlimit(kind)[1]
        soft = hard if wanted is None else wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # a hard limit that the program itself lowered
            resource.setrlimit(kind, (soft, hard))


def size() -> int:
    """Bytes of address space of this process; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as f:
            return int(f.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
