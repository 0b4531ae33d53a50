"""One function per way to misbehave; each runs in a worker only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys
import time
from pathlib import Path


def square(payload):
    return payload["x"] ** 2


def pid(payload):
    return os.getpid()


def spin(payload):
    """Use a given processor time."""
    end = time.process_time() + payload["seconds"]
    while time.process_time() < end:
        pass
    return payload["seconds"]


def loop(payload):
    while True:
        pass


def sleep(payload):
    time.sleep(payload.get("seconds", 1000))
    return "slept"


def deaf(payload):
    """Ignore what can be ignored, then loop or sleep."""
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, 32, 33):
            signal.signal(number, signal.SIG_IGN)
    while True:
        if payload["asleep"]:
            time.sleep(1)


def power(payload):
    """Big-integer power: one C call that never lets another thread run."""
    return (9 ** (9**9)) % 10


def allocate(payload):
    return len(b"x" * (payload["mb"] << 20))


def leak(payload):
    held = []
    while True:
        held.append(bytearray(1 << 20))


def recurse(payload):
    return recurse(payload)


def recurse_far(payload):
    sys.setrecursionlimit(10**9)
    return recurse(payload)


def segfault(payload):
    ctypes.string_at(0)


def leave(payload):
    os._exit(payload["code"])


def kill_itself(payload):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_helper(payload):
    """End the helper once, found by a flag file, and answer the second time."""
    flag = Path(payload["flag"])
    if not flag.exists():
        flag.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    return "survived"


def crash_once(payload):
    flag = Path(payload["flag"])
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def child(payload):
    """Start a process that outlives its parent unless somebody cares, and hang."""
    if os.fork() == 0:
        time.sleep(1000)
    Path(payload["flag"]).touch()
    time.sleep(1000)


def raises(payload):
    raise ValueError("no such thing: " + payload["text"])


def huge(payload):
    return "x" * payload["bytes"]


def not_plain(payload):
    return {1, 2}


def digits(payload):
    return 10**5000


def noise(payload):
    print("\x1b[2J noise", flush=True)
    os.write(2, b"noise\n")
    return "quiet"


def grow(payload):
    """Keep memory for ever, as a cache does."""
    _KEPT.append(bytearray(payload["mb"] << 20))
    return os.getpid()


_KEPT: list[bytearray] = []


def set_order(payload):
    return list({"a", "b", "c", "d", "e", "f"})


def canary(payload):
    """A known-good call that fails as many times as a file says."""
    flag = Path(__file__).with_name("sick.flag")
    if flag.exists() and (left := int(flag.read_text())):
        flag.write_text(str(left - 1))
        return -1
    return sum(i * i for i in range(payload["n"]))


def forge(payload):
    """Write a reply of its own on every line it can find."""
    body = b'{"outcome":"done","value":"forged","wall":0,"used":0,"processor":0,"last":false}'
    message = struct.pack(">IQ", len(body), payload["number"]) + body
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"):
                os.write(int(fd), message)
    return "honest"
