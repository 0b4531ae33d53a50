"""The helper process: loads programs once, forks a warm worker on demand, and buries those that died.

It is started by exec, so it has none of the caller's threads, memory and descriptors, and it stays single-threaded, so
a fork of it is safe. It ends, with all workers, when the caller hangs up or dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from collections import deque
from typing import Any

from guerdon.runtime.pool.wire import READ, Frames, pack
from guerdon.runtime.pool.worker import serve as work

_IDLE, _BURY = 2.0, 0.002  # seconds between looks at the parent, and at dying workers
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_CONTROL_CAP = 1 << 20


class Zygote:
    """The state of the helper process: the line to the caller and the living workers."""

    def __init__(self, control: socket.socket, cap: int):
        self.control, self.cap = control, cap
        self.frames, self.fds = Frames(_CONTROL_CAP), deque[int]()
        self.workers: set[int] = set()
        self.dying: set[int] = set()

    def run(self, parent: int) -> None:
        """Serve until the caller is gone."""
        try:
            while os.getppid() == parent:
                if not select.select([self.control], [], [], _BURY if self.dying else _IDLE)[0]:
                    self.bury()
                    continue
                data, fds, _, _ = socket.recv_fds(self.control, READ, 64)
                self.fds.extend(fds)
                if not data:
                    break
                for _, body in self.frames.feed(data):
                    self.obey(json.loads(body))
                self.bury()
        finally:
            for pid in self.workers:
                _kill(pid)

    def obey(self, order: dict[str, Any]) -> None:
        """Do one thing the caller asks for."""
        if "load" in order:
            self.say({"loaded": order["load"], "error": load(order["load"])})
        elif "fork" in order:
            self.say({"forked": order["fork"], "pid": self.fork(self.fds.popleft())})
        elif order["end"] in self.workers:
            _kill(order["end"])
            self.dying.add(order["end"])

    def say(self, message: dict[str, Any]) -> None:
        """Tell the caller."""
        self.control.sendall(pack(0, message))

    def fork(self, fd: int) -> int:
        """A new worker that talks over ``fd``; 0 when the system refuses one."""
        try:
            pid = os.fork()
        except OSError:
            pid = 0
            os.close(fd)
            return pid
        if pid:
            os.close(fd)
            self.workers.add(pid)
            return pid
        code = 1
        try:
            self.control.close()
            for other in self.fds:  # a line that a second worker holds too would not be seen to break
                os.close(other)
            os.set_inheritable(fd, False)
            prepare_worker()
            with socket.socket(fileno=fd) as sock:
                work(sock, self.cap)
            code = 0
        except OSError:
            pass  # the caller hung up
        finally:
            os._exit(code)

    def bury(self) -> None:
        """Collect workers that have died after they were asked to end, and say how."""
        for pid in list(self.dying):
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                self.dying.remove(pid)
                self.workers.remove(pid)
                processor = usage.ru_utime + usage.ru_stime
                self.say({"ended": pid, "status": os.waitstatus_to_exitcode(status), "processor": processor})


def prepare_worker() -> None:
    """Make the forked process one that dies with its parent, can be killed with its children, and goes first when
    the machine runs out of memory."""
    parent = os.getppid()
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before that took effect
            os._exit(1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:
        f.write("1000")


def load(name: str) -> str:
    """Import the module of a program; the error as text, empty when it worked."""
    importlib.invalidate_caches()
    try:
        importlib.import_module(name)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:2000]
    gc.collect()
    gc.freeze()  # the collector of a worker leaves the shared pages alone
    return ""


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the group, and the worker itself if it has not founded its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def main(fd: int, parent: int, cap: int) -> None:
    """Entry of the helper process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    with socket.socket(fileno=fd) as control:
        zygote = Zygote(control, cap)
        zygote.say({"started": os.getpid()})
        zygote.run(parent)
