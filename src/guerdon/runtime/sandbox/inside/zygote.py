"""The warm process of a lane: it forks a shut-in process per run, watches it from outside, and ends it.

It has one thread, so a fork of it is safe, and it runs nothing of the code: what the code could break is only its own
process. It ends when the caller hangs up, and everything in its process name space ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from guerdon.runtime.sandbox.inside import box, calls, seccomp, task

TICK = 0.02  # seconds between two looks at a run
_SLOW = 2 * TICK  # a look that comes later was late itself: the machine is slow, which is not charged
_DYING = 5.0  # seconds in which a killed run must be gone
_CLOCK, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_MB = 1 << 20
_ORDER = 1 << 16
# what solutions import most: costs nothing per run once it is here
_USUAL = (
    "abc", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "itertools", "math", "operator", "queue", "random", "re", "statistics", "string", "typing",
)  # fmt: skip


@dataclass
class Run:
    """A process that runs code, and the clocks of its present call."""

    number: int
    pid: int
    watch: int
    limits: Mapping[str, Any]
    cause: str = ""
    asleep: float = 0.0
    base: float = 0.0
    seen: float = 0.0
    last: float = field(default_factory=time.monotonic)
    calling: bool = True

    def begin(self) -> None:
        """The next call begins; what it did since the last one counts towards it."""
        self.asleep, self.calling, self.last = 0.0, True, time.monotonic()

    def pause(self) -> None:
        """The call is answered. Time asleep is not counted until the next one, processor time is."""
        self.base, self.calling = self.seen, False


@dataclass(frozen=True)
class Spare:
    """A process that waits for a run, and the line to it."""

    pid: int
    line: socket.socket


class Zygote:
    """The state of the warm process: the line to the caller, at most one run, and who waits for the next."""

    def __init__(self, control: socket.socket, spaces: bool):
        self.control, self.spaces = control, spaces
        self.run: Run | None = None
        self.dying: list[Run] = []
        self.spare: Spare | None = None
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY) if spaces else -1
        self.resident = _resident(os.getpid())

    def serve(self) -> None:
        """Follow orders until the caller is gone, or a run cannot be ended."""
        while True:
            poll = select.poll()
            poll.register(self.control, select.POLLIN)
            runs = [*self.dying, *([self.run] if self.run else [])]
            for run in runs:
                if run.watch >= 0:
                    poll.register(run.watch, select.POLLIN)
            found = poll.poll(TICK * 1000 if runs else None)
            for run in list(self.dying):
                if self._buried(run):
                    self.dying.remove(run)
                elif time.monotonic() - run.last > _DYING:
                    return
            if self.run is not None:
                self._look(self.run)
                if self._over(self.run):
                    continue
            if any(fd == self.control.fileno() for fd, _ in found) and not self._order():
                return

    def _order(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self.control, _ORDER, 4)
        if not data:
            return False
        order = json.loads(data)
        if order["do"] == "start":
            self._start(order["number"], order["limits"], fds)
        elif self.run is not None and order["do"] == "begin":
            self.run.begin()
        elif self.run is not None and order["do"] == "pause":
            self._say(paused=max(self._spent(self.run), self.run.asleep))
            self.run.pause()
        elif self.run is not None and order["do"] == "end":
            self._kill(self.run, "ended")
        elif self.run is not None and order["do"] == "leave":
            self._leave(self.run)
        return True

    def _leave(self, run: Run) -> None:
        """End a run that has said what it had to say; the kernel takes its time for that, and nobody waits."""
        many = sum(p[3] for p in self._processes(run)) > 1
        self._kill(run, "left")
        run.last = time.monotonic()
        self.dying.append(run)
        self.run = None
        if many and run.watch >= 0:
            # what it started would count against the processes of the next run
            poll = select.poll()
            poll.register(run.watch, select.POLLIN)
            poll.poll(_DYING * 1000)

    def _say(self, **message: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(json.dumps(message).encode())

    def _start(self, number: int, limits: Mapping[str, Any], fds: Sequence[int]) -> None:
        try:
            spare = self._handed(limits, fds)
        except OSError as error:
            ended = {"cause": "not started", "error": str(error), "status": 0, "seconds": 0.0}
            self._say(number=number, ended=ended)
            return
        finally:
            for fd in fds:
                os.close(fd)
        try:
            watch = os.pidfd_open(spare)
        except OSError:
            watch = -1  # an older kernel: the end is seen at the next look
        self.run = Run(number, spare, watch, limits)
        with contextlib.suppress(OSError):
            self.spare = self._fork()

    def _handed(self, limits: Mapping[str, Any], fds: Sequence[int]) -> int:
        """Hand a run over to the process that waits for one; its number."""
        for _ in range(2):
            spare, self.spare = self.spare or self._fork(), None
            with spare.line:
                try:
                    socket.send_fds(spare.line, [json.dumps(limits).encode()], list(fds))
                    return spare.pid
                except (BrokenPipeError, ConnectionResetError):  # killed while it waited
                    os.waitpid(spare.pid, 0)
        raise OSError("a process that waits for a run dies at once")

    def _fork(self) -> Spare:
        """A process with name spaces of its own that waits for a run, made while another one is at work."""
        base = int(_read("/proc/self/statm").split()[0]) * _PAGE
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self.spaces:
            calls.unshare(calls.CLONE_NEWPID)
        try:
            pid = os.fork()
            if not pid:
                self._child(theirs.detach(), base)
        finally:
            theirs.close()
            if self.spaces:
                # back to our own: only from there can the next one get a new one
                calls.setns(self.own, calls.CLONE_NEWPID)
        return Spare(pid, ours)

    def _child(self, line: int, base: int) -> NoReturn:
        try:
            os.dup2(line, task.CHANNEL, inheritable=False)
            os.closerange(task.CHANNEL + 1, 1 << 16)
            box.prepare(self.spaces)
            with socket.socket(fileno=os.dup(task.CHANNEL)) as heard:
                data, fds, _, _ = socket.recv_fds(heard, _ORDER, 4)
            if data:
                _only(fds)
                box.close_in(json.loads(data), self.spaces, base)
                task.serve(base)
        except BaseException:
            # before the boot line this is our fault, and what it says is read by nobody else
            with contextlib.suppress(OSError):
                os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(77)

    # the watch

    def _look(self, run: Run) -> None:
        now = time.monotonic()
        if now - run.last < TICK / 2 or self.dying:  # what is dying could not be told from what runs
            return
        step, run.last = min(now - run.last, _SLOW), now
        found = self._processes(run)
        total = sum(p[1] for p in found)
        used, run.seen = max(total - run.seen, 0.0), max(total, run.seen)
        if run.calling and all(p[0] in "SDTtZX" for p in found):
            run.asleep += max(step - used, 0.0)
        limits = run.limits
        seconds, spent = limits["seconds"], run.seen - run.base
        if spent > seconds:
            self._kill(run, "processor")
        elif run.asleep > seconds:
            self._kill(run, "asleep")
        elif sum(max(p[2] - self.resident, 0) for p in found) > limits["memory_mb"] * _MB:
            self._kill(run, "memory")
        elif sum(p[3] for p in found) > limits["processes"] + 1:
            self._kill(run, "processes")

    def _spent(self, run: Run) -> float:
        run.seen = max(run.seen, sum(p[1] for p in self._processes(run)))
        return run.seen - run.base

    def _processes(self, run: Run) -> list[tuple[str, float, int, int]]:
        """State, processor seconds, resident bytes and threads of every process of a run, the dead ones it has not
        buried included."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in (os.getpid(), self.spare and self.spare.pid):
                continue
            fields = _read(f"/proc/{name}/stat").rpartition(")")[2].split()
            # in a process name space of our own there is nobody else; without one the session tells
            if len(fields) > 21 and (self.spaces or run.pid in (int(name), int(fields[3]))):
                seconds = sum(int(fields[i]) for i in (11, 12, 13, 14)) / _CLOCK
                found.append((fields[0], seconds, int(fields[21]) * _PAGE, int(fields[17])))
        return found

    def _kill(self, run: Run, cause: str) -> None:
        run.cause = run.cause or cause
        if self.spaces:
            os.kill(run.pid, signal.SIGKILL)  # the first of its name space: the kernel ends all others with it
        else:
            self._sweep(run)

    def _buried(self, run: Run) -> tuple[int, float] | None:
        """Status and processor seconds of a run that is over, None for one that is not."""
        pid, status, usage = os.wait4(run.pid, os.WNOHANG)
        if not pid:
            return None
        if not self.spaces:
            self._sweep(run)
        if run.watch >= 0:
            os.close(run.watch)
        return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime

    def _over(self, run: Run) -> bool:
        found = self._buried(run)
        if found is None:
            return False
        self.run = None
        seconds = max(max(found[1], run.seen) - run.base, run.asleep)
        self._say(number=run.number, ended={"cause": run.cause, "status": found[0], "seconds": seconds})
        return True

    def _sweep(self, run: Run) -> None:
        """Without name spaces: end every process of its session, and bury those that came to us."""
        for name in os.listdir("/proc"):
            fields = _read(f"/proc/{name}/stat").rpartition(")")[2].split() if name.isdigit() else []
            if len(fields) > 3 and run.pid in (int(name), int(fields[3])):
                with contextlib.suppress(OSError):
                    os.kill(int(name), signal.SIGKILL)
        own = {
            run.pid,
            self.spare and self.spare.pid,
            *(r.pid for r in self.dying),
            *([self.run.pid] if self.run else []),
        }
        with contextlib.suppress(OSError):
            while (info := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and info.si_pid not in own:
                os.waitpid(info.si_pid, 0)


def _only(fds: Sequence[int]) -> None:
    """Keep the four descriptors of a run, as 3, 0, 1 and 2, and close all others."""
    high = [os.dup2(fd, 200 + i, inheritable=False) for i, fd in enumerate(fds)]
    for fd, target in zip(high, (task.CHANNEL, 0, 1, 2), strict=True):
        os.dup2(fd, target, inheritable=target != task.CHANNEL)
    os.closerange(4, 1 << 16)


def _resident(pid: int) -> int:
    return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def main(control: int, settings: Mapping[str, Any]) -> None:
    """Get ready, say so, and serve.

    Args:
        control: descriptor of the line to the caller.
        settings: ``level``; ``binds`` and ``links`` of a root to build (level 2); ``path`` and ``preload``, where to
            find modules and which to import before the first run.
    """
    line = socket.socket(fileno=control)
    line.set_inheritable(False)
    spaces = settings["level"] >= 2
    errors = []
    try:
        if settings["level"] == 2:
            box.build_root(settings["binds"], settings["links"])
        if spaces and (why := box.no_nested_user_spaces()):
            errors.append(f"further user name spaces: {why}")
        if not spaces:
            calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
            os.chdir(settings["folder"])
        calls.bound_capabilities()
        if seccomp.known_architecture():
            seccomp.program(os.uname().machine)  # made once, for all runs
        else:
            errors.append(f"no table of system calls for {os.uname().machine}")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            # those that the caller has set for itself are not meant for what outlives its present work
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (hard, hard))
        sys.path[len(sys.path) :] = settings["path"]
        for name in (*_USUAL, *settings["preload"]):
            importlib.import_module(name)
    except (OSError, ImportError) as error:
        line.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        return
    for name in [n for n in sys.modules if n.partition(".")[0] == "guerdon"]:
        del sys.modules[name]  # the code has no business here
    gc.collect()
    gc.freeze()
    zygote = Zygote(line, spaces)
    with contextlib.suppress(OSError):
        zygote.spare = zygote._fork()
    line.send(json.dumps({"ready": errors}).encode())
    zygote.serve()
