"""One run of code nobody trusts, in a process that is already shut in: read orders, run, reply.

Whatever this process says about itself is worth no more than the value it returns: the code can reach everything here.
So a reply holds a value or a fault of the code, never a fault of ours, and how the process ended is known outside.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import json
import os
import random
import resource
import sys
import threading
import time
import traceback
import types
from collections.abc import Mapping
from typing import Any

from guerdon.runtime.pool.wire import READ, Frames, frame
from guerdon.runtime.sandbox.inside.codec import ForgedError, NotPlainError, TooLargeError, decode, encode

CHANNEL = 3
ORDER_CAP = 64 << 20
_TEXT = 500
# kept from here on: the code may replace what the modules hold
_write, _read, _leave, _clock = os.write, os.read, os._exit, time.process_time
_WARM = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
_SPACE = [0]  # address space of the warm process
_STREAMS: list[Any] = []  # the code may put others in their place


def serve(base: int) -> None:
    """Say that the walls stand, then follow orders until the line is cut. Never returns.

    Args:
        base: bytes of address space of the warm process.
    """
    _SPACE[0] = base
    for fd, mode in ((0, "r"), (1, "w"), (2, "w")):
        errors = "backslashreplace" if fd == 2 else "strict"
        stream = open(fd, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        name = ("stdin", "stdout", "stderr")[fd]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
        if fd:
            _STREAMS.append(stream)
    random.seed(0)  # every process starts alike, so that a result can be had again
    _send(0, {"boot": os.getpid()})
    solution: dict[str, Any] | None = None
    broken: dict[str, Any] = {}
    frames = Frames(ORDER_CAP)
    while data := _read(CHANNEL, READ):
        for number, body in frames.feed(data):
            order = json.loads(body)
            if "argv" in order:
                _program(number, order)
            if solution is None:
                solution = _module("solution")
                broken = _load(order["source"], solution)
            reply = dict(broken) or _call(solution, order)
            _flush()
            reply["seconds"] = _clock()
            value, args = reply.pop("value", b""), reply.pop("args", b"")
            _send(number, reply, value, args)
    _leave(0)


def _send(number: int, head: Mapping[str, Any], *parts: bytes) -> None:
    body = b"\n".join([json.dumps(head).encode(), *parts])
    data = memoryview(frame(number, body))
    while data:
        data = data[_write(CHANNEL, data) :]


def _module(name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = builtins
    sys.modules[name] = module
    return module.__dict__


def _load(source: str, names: dict[str, Any]) -> dict[str, Any]:
    try:
        exec(compile(source, "<solution>", "exec"), names)
    except BaseException as error:
        return _raised(error)
    return {}


def _call(names: dict[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    try:
        args, kwargs = decode(order["args"].encode()), decode(order["kwargs"].encode())
        value = _entry(names, order["entry"])(*args, **kwargs)
        reply = {"outcome": "returned", "value": encode(value, order["cap"])}
        if order["arguments"]:
            try:
                reply["args"] = encode(tuple(args), order["cap"])
            except (NotPlainError, TooLargeError):
                reply["args"] = b""
        return reply
    except NotPlainError as error:
        return {"outcome": "not_plain", "error": f"returned {error}"}
    except TooLargeError:
        return {"outcome": "too_large", "error": f"the value takes more than {order['cap']} bytes"}
    except ForgedError as error:
        return {"outcome": "memory", "error": str(error)}  # our own bytes can be read unless memory is short
    except BaseException as error:
        return _raised(error)


def _entry(names: Mapping[str, Any], entry: str) -> Any:
    first, *rest = entry.split(".")
    if first not in names:
        raise NameError(f"the code defines no {first!r}")
    found = names[first]
    for name in rest:
        found = getattr(found() if isinstance(found, type) else found, name)
    return found


def _raised(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and _full()):
        return {"outcome": "memory", "error": "MemoryError"}
    name = type.__getattribute__(type(error), "__name__")
    try:
        text = str(error)[:_TEXT]
    except BaseException:  # the text is made by the code
        text = "its text raises"
    return {"outcome": "raised", "error": f"{name}: {text}" if text else name}


def _full() -> bool:
    """Whether the memory was used up: the interpreter itself then fails in ways that name another cause."""
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - _WARM
    return grown > 0.8 * (resource.getrlimit(resource.RLIMIT_AS)[0] - _SPACE[0])


def _flush() -> bool:
    done = True
    for stream in (sys.stdout, sys.stderr, *_STREAMS):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            done = False
    return done


def _program(number: int, order: Mapping[str, Any]) -> None:
    """Run source as a program and end as an interpreter ends. Never returns."""
    sys.argv = ["program.py", *order["argv"]]
    code, names = 1, _module("__main__")
    try:
        exec(compile(order["source"], "program.py", "exec"), names)
        code = 0
    except SystemExit as error:
        code = _exit_code(error)
    except MemoryError:
        _send(number, {"outcome": "memory", "error": "MemoryError"})
    except BaseException as error:
        # the first frame is this one
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        _show(error)
    for end in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            end()
        except BaseException as error:
            _show(error)
    names.clear()
    gc.collect()  # files that the program left open are written when they go
    if not _flush():
        code = code or 120  # as the interpreter itself does
    _leave(code & 0xFF)


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    try:
        out = io.StringIO()
        traceback.print_exception(error, file=out)
        sys.stderr.write(out.getvalue())
    except BaseException:
        return
