"""One worker as the caller sees it: the line to it, the calls it holds, and the clocks of the one it works on."""

from __future__ import annotations

import contextlib
import enum
import json
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from guerdon.records.calls import Outcome, Reply
from guerdon.runtime.pool.batch import Item, request
from guerdon.runtime.pool.watch import Watch
from guerdon.runtime.pool.wire import READ, Frames, WireError, frame

SLACK = 0.25  # seconds of sleep beyond the limit: a page from the disk, a child process that starts
_WALL_FACTOR, _WALL_SLACK = 20.0, 10.0
_HELLO = 30.0  # seconds until a forked worker must have said hello


class State(enum.Enum):
    """Where a worker stands."""

    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"


class Hand:
    """A worker.

    ``window`` holds the calls it was given, the first one being run; ``probe`` the accused whose canary it runs.
    ``proven``: it has passed a canary and done nothing since; ``tested``: what it runs now came right after a canary.
    ``charge`` is why it was ended, None when it died by itself.
    """

    def __init__(self, sock: socket.socket, modules: frozenset[str], cap: int):
        self.sock, self.modules = sock, modules
        self.state = State.STARTING
        self.pid = 0
        self.window: deque[tuple[int, Item, float]] = deque()
        self.probe: list[Item] | None = None
        self.proven = self.tested = self.last = self.born = False
        self.charge: Reply | None = None
        self.served = 0
        self.load = 0.0  # seconds that the calls in the window are expected to take
        self.out = bytearray()
        self.last_words: list[tuple[Item, dict[str, Any]]] = []
        self.watch = Watch()
        self._frames = Frames(cap + 4096)
        self._processor = 0.0
        self._number = 0
        self.watch.begin(0.0, time.monotonic())

    @property
    def idle(self) -> bool:
        """Whether it is ready and has nothing to do."""
        return self.state is State.READY and not self.window and not self.last

    @property
    def held(self) -> list[Item]:
        """The calls it was given and has not answered, the one it runs first."""
        return [item for _, item, _ in self.window]

    def give(self, item: Item, expected: float) -> None:
        """Put a call at the end of its window; :meth:`flush` sends it."""
        self._number += 1
        self.window.append((self._number, item, expected))
        self.out += frame(self._number, request(item))
        self.load += expected
        if item.batch is not None:
            self.tested, self.proven = self.proven, False
        if len(self.window) == 1:
            self._begin()

    def flush(self) -> bool:
        """Write what the line takes now; False when the worker is gone."""
        try:
            while self.out:
                del self.out[: self.sock.send(self.out)]
        except BlockingIOError:
            pass
        except OSError:
            self.out.clear()
            return False
        return True

    def hear(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        """Replies that have arrived, each with its call.

        Raises:
            EOFError: it has hung up.
            WireError: what it wrote is not the reply to the call it runs.
        """
        while True:
            try:
                data = self.sock.recv(READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                raise EOFError
            for number, body in self._frames.feed(data):
                message = _read(body)
                if "pid" in message:
                    self.pid, self._processor = message["pid"], message["processor"]
                    self.born = True
                    self.state = State.READY if self.state is State.STARTING else self.state
                    continue
                if not self.window or self.window[0][0] != number or "outcome" not in message:
                    raise WireError(f"a reply with number {number} that nobody waits for")
                _, item, expected = self.window.popleft()
                self.load = self.load - expected if self.window else 0.0
                self._processor = message["processor"]
                self.last = message["last"]
                self.served += 1
                if self.window:
                    self._begin()
                yield item, message

    def drain(self) -> None:
        """Keep the replies that arrived before the end as ``last_words``; after a broken one nothing is believed."""
        if self.charge is not None and self.charge.outcome is Outcome.CRASHED:
            return
        with contextlib.suppress(EOFError, WireError):
            for found in self.hear():
                self.last_words.append(found)

    def over(self, now: float) -> Reply | None:
        """Why it should be ended now, None when all is well."""
        self.watch.look(self.pid, now)
        watch = self.watch
        if self.state is State.STARTING:
            return Reply(Outcome.UNAVAILABLE, reason="a worker did not start") if watch.passed > _HELLO else None
        item = self.window[0][1]
        words = item.batch.over_time(item) if item.batch else ""
        if watch.processor > item.limit:
            return Reply(Outcome.TIMEOUT, None, f"over {item.limit:g} s of processor time{words}", watch.processor)
        if watch.slept > item.limit + SLACK:
            return Reply(Outcome.TIMEOUT, None, f"slept for more than {item.limit:g} s{words}", watch.slept)
        if watch.passed > _WALL_FACTOR * item.seconds + _WALL_SLACK:
            reason = f"got {watch.processor:.2g} s of processor time in {watch.passed:.0f} s"
            return Reply(Outcome.UNAVAILABLE, None, reason, watch.processor)
        return None

    def died(self, status: int, processor: float) -> Reply:
        """What the call it was running is accused of."""
        if self.charge is not None:
            return self.charge
        if -status == signal.SIGXCPU:
            return Reply(Outcome.TIMEOUT, None, f"over its processor time: {processor:.2g} s", processor)
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with code {status}"
        return Reply(Outcome.CRASHED, None, f"the worker was {how}" if status < 0 else f"the worker {how}", processor)

    def _begin(self) -> None:
        item = self.window[0][1]
        if item.batch is not None:
            item.limit = item.batch.limit(item)
        self.watch.begin(self._processor, time.monotonic())


def _read(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a reply that cannot be read: {type(error).__name__}") from error
    if not isinstance(message, dict):
        raise WireError("a reply that is no mapping")
    return message
