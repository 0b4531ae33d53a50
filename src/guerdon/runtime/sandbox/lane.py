"""One warm process from the caller's side: start it, have it run code, hear what became of it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from guerdon.runtime.pool.wire import READ, Frames, WireError, frame
from guerdon.runtime.sandbox.launch import start
from guerdon.runtime.sandbox.protocol import Limits
from guerdon.runtime.sandbox.run import Ended, LaneError, Run

BOOT_SECONDS = 60.0  # to start, with all imports, on a busy machine
WALL_FACTOR, WALL_SLACK = 10, 10.0  # by the clock, for what escapes the watch
_ENDING = 5.0
_HEAD = 4096  # bytes of a reply beside the value
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008  # no further seals, no shrinking, growing or writing


class Lane:
    """A warm process that runs one thing at a time, each in a process of its own.

    Args:
        level: 1, 2 or 3.
        preload: packages it imports first.

    Raises:
        LaneError: it did not start; the text says why.
    """

    def __init__(self, level: int, preload: Sequence[str] = ()):
        self.level, self.served = level, 0
        self.run: Run | None = None
        self.folder = tempfile.mkdtemp(prefix="guerdon-") if level == 1 else ""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        blob = os.memfd_create("start")
        self._process: subprocess.Popen[bytes] | None = None
        try:
            plan = start(level, blob, theirs.fileno(), preload, self.folder)
            os.pwrite(blob, plan.settings, 0)
            self._process = subprocess.Popen(
                plan.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                pass_fds=(blob, theirs.fileno()), env=plan.environment, cwd="/", start_new_session=True,
            )  # fmt: skip
            theirs.close()
            self.missing: list[str] = self._hello()
        except (OSError, LaneError) as error:
            self.close()
            raise error if isinstance(error, LaneError) else LaneError(str(error)) from None
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(blob)

    @property
    def process(self) -> int:
        """Number of the outermost process of this lane, 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def begin(self, limits: Limits, lifetime: float, stdin: bytes = b"") -> Run:
        """Have a new process made, with its walls; it waits for orders.

        Raises:
            LaneError: the warm process is gone.
        """
        self.served += 1
        ours, theirs = socket.socketpair()
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        source = _input(stdin)
        run = Run(limits, ours, out, err, Frames(limits.value_bytes * 2 + _HEAD), self.served)
        try:
            ours.setblocking(False)
            for fd in (out, err):
                os.set_blocking(fd, False)
            order = {"do": "start", "number": self.served, "limits": {**asdict(limits), "lifetime": lifetime}}
            self._order(order, theirs.fileno(), source, out_end, err_end)
        except BaseException:
            run.close()
            raise
        finally:
            theirs.close()
            for fd in (source, out_end, err_end):
                os.close(fd)
        self.run = run
        return run

    def ask(self, run: Run, order: Mapping[str, Any], *, until_end: bool = False) -> None:
        """Send an order to a run, and wait for its reply or its end.

        Raises:
            LaneError: the warm process is gone, or does not end the run.
        """
        run.reply, run.number = None, secrets.randbits(63) + 1
        data = memoryview(frame(run.number, json.dumps(order).encode()))
        limits = run.limits
        deadline = time.monotonic() + WALL_FACTOR * limits.seconds + WALL_SLACK
        with selectors.DefaultSelector() as wait:
            wait.register(self.control, selectors.EVENT_READ, "control")
            wait.register(run.channel, selectors.EVENT_READ | selectors.EVENT_WRITE, "channel")
            for fd, name in ((run.out, "stdout"), (run.err, "stderr")):
                wait.register(fd, selectors.EVENT_READ, name)
            while run.ended is None and (until_end or run.reply is None):
                if (left := deadline - time.monotonic()) <= 0:
                    if run.charge:
                        raise LaneError("a run was not ended in time")
                    self._accuse(run, "clock")
                    deadline, left = deadline + _ENDING, _ENDING
                for key, mask in wait.select(left):
                    if key.data == "channel":
                        if mask & selectors.EVENT_WRITE:
                            data = self._send(run, data)
                            if not data:
                                wait.modify(run.channel, selectors.EVENT_READ, "channel")
                        if mask & selectors.EVENT_READ and not self._hear(run):
                            wait.unregister(run.channel)
                    elif key.data == "control":
                        self._news(run)
                    elif not self._drain(run, key.data):
                        wait.unregister(key.fd)
        self._rest(run)

    def begin_call(self) -> None:
        """Start the clocks of the present run again: another call follows."""
        self._order({"do": "begin"})

    def pause(self, run: Run) -> float:
        """Stop the clocks of a run that nothing is asked of now; the seconds of its last call.

        Raises:
            LaneError: the warm process is gone.
        """
        run.spent = None
        self._order({"do": "pause"})
        self._until(lambda: run.spent is not None or run.ended is not None, run)
        return run.ended.seconds if run.ended is not None else run.spent or 0.0

    def end(self, run: Run) -> Ended:
        """End a run and all that it started; how it ended.

        Raises:
            LaneError: the warm process is gone, or does not end it.
        """
        if run.ended is None:
            self._order({"do": "end"})
            self._until(lambda: run.ended is not None, run)
        assert run.ended is not None
        self._rest(run)
        run.close()
        self.run = None
        return run.ended

    def leave(self, run: Run) -> None:
        """End a run that has replied, without waiting for it.

        Raises:
            LaneError: the warm process is gone.
        """
        self._order({"do": "leave"})
        run.close()
        self.run = None

    def close(self) -> None:
        """End the warm process, and with it whatever runs there."""
        if self.run is not None:
            self.run.close()
            self.run = None
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # reaches it even where a forked process holds the line too
        self.control.close()
        if self._process is not None:
            self._bury(self._process)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def abandon(self) -> None:
        """In a forked process: let go of the lines of a lane that belongs to the other one."""
        self.control.close()
        if self.run is not None:
            self.run.close()
        if self._process is not None and self._process.stderr is not None:
            self._process.stderr.close()

    def _until(self, done: Callable[[], bool], run: Run) -> None:
        self.control.settimeout(_ENDING)
        try:
            while not done():
                self._news(run)
        except TimeoutError:
            raise LaneError("the warm process of the sandbox does not answer") from None
        finally:
            self.control.settimeout(None)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            # it hangs where it should have heard the end of its line: its first process takes all others along
            for pid in [*_below(process.pid), process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        if process.stderr is not None:
            process.stderr.close()

    def _hello(self) -> list[str]:
        self.control.settimeout(BOOT_SECONDS)
        try:
            data = self.control.recv(READ)
        except OSError as error:
            raise LaneError(f"the sandbox did not start: {error}") from None
        finally:
            self.control.settimeout(None)
        if not data:
            process = self._process
            assert process is not None
            assert process.stderr is not None
            said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise LaneError(f"the sandbox did not start: {said[-1] if said else f'code {process.wait()}'}")
        message = json.loads(data)
        if "failed" in message:
            raise LaneError(f"the sandbox did not start: {message['failed']}")
        return message["ready"]

    def _order(self, order: Mapping[str, Any], *fds: int) -> None:
        try:
            socket.send_fds(self.control, [json.dumps(order).encode()], list(fds))
        except OSError as error:
            raise LaneError(f"the warm process of the sandbox is gone: {error}") from None

    def _news(self, run: Run) -> None:
        try:
            data = self.control.recv(READ)
        except ConnectionError:
            data = b""
        if not data:
            raise LaneError("the warm process of the sandbox died")
        message = json.loads(data)
        if "paused" in message:
            run.spent = message["paused"]
        elif message["number"] == run.place:  # not that of a run which was left
            run.ended = Ended(**message["ended"])

    def _send(self, run: Run, data: memoryview) -> memoryview:
        try:
            return data[run.channel.send(data) :]
        except BlockingIOError:
            return data
        except OSError:
            return data[len(data) :]  # it is gone, and its end will be told

    def _hear(self, run: Run) -> bool:
        """Read its channel once; False when it is closed."""
        try:
            data = run.channel.recv(READ)
        except BlockingIOError:
            return True
        except OSError:
            return False
        try:
            for number, body in run.frames.feed(data):
                self._frame(run, number, body)
        except (WireError, ValueError, RecursionError, TypeError):
            self._accuse(run, "forged")
        return bool(data)

    def _frame(self, run: Run, number: int, body: bytes) -> None:
        if not run.booted:
            if number != 0 or "boot" not in json.loads(body):
                raise WireError("no boot line")
            run.booted = True
            return
        head, *parts = body.split(b"\n")
        message = json.loads(head)
        if number != run.number or run.reply is not None or type(message) is not dict:
            raise WireError("a reply that nobody waits for")
        run.reply = message, parts

    def _drain(self, run: Run, name: str) -> bool:
        """Read one of its outputs once; False when there is no more."""
        fd, held = (run.out, run.stdout) if name == "stdout" else (run.err, run.stderr)
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        held += data[: run.limits.output_bytes + 1 - len(held)]
        if len(held) > run.limits.output_bytes:
            self._accuse(run, "output")
            return False
        return bool(data)

    def _accuse(self, run: Run, charge: str) -> None:
        if not run.charge:
            run.charge = charge
            if run.ended is None:
                self._order({"do": "end"})

    def _rest(self, run: Run) -> None:
        """What it wrote before its reply or its end counts."""
        if run.ended is not None and run.reply is None:
            with contextlib.suppress(LaneError):
                while self._more(run.channel.fileno()) and self._hear(run):
                    pass
        for fd, name in ((run.out, "stdout"), (run.err, "stderr")):
            while self._more(fd) and self._drain(run, name):
                pass
        if run.ended is not None:
            run.ended.booted, run.ended.reply = run.booted, run.reply
            run.ended.cause = run.charge or run.ended.cause

    def _more(self, fd: int) -> bool:
        poll = selectors.PollSelector()
        poll.register(fd, selectors.EVENT_READ)
        return bool(poll.select(0))


def _input(data: bytes) -> int:
    """A descriptor to read bytes from, which nobody can write to."""
    if not data:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def _below(pid: int) -> list[int]:
    """The processes that a process started, where the system says so."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
