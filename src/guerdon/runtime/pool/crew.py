"""The workers and the helper process that makes them: started when needed, heard, and buried.

Every method runs in the thread of the engine. What happens is reported to it as an event.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from typing import Protocol

from guerdon.records.calls import Reply
from guerdon.runtime.pool.hand import Hand, State
from guerdon.runtime.pool.helper import Helper

_STARTING = 2  # workers that start at the same time
_LOAD = 120.0  # seconds an import may take


class Events(Protocol):
    """What a crew reports."""

    def heard(self, hand: Hand) -> None:
        """A worker has written something, or can be written to again."""

    def ended(self, hand: Hand, status: int, processor: float) -> None:
        """A worker has ended and was removed; ``status`` as in the exit code of a process."""

    def loaded(self, module: str, error: str) -> None:
        """A module was loaded, or could not be."""

    def helper_died(self, hands: list[Hand]) -> None:
        """The helper died, and with it these workers."""

    def nothing_works(self, why: str) -> None:
        """The system gives no process."""


class Crew:
    """The living workers.

    Args:
        events: who is told.
        path: where programs are found.
        cap: the largest call and reply in bytes.
        workers: how many may live at the same time.
    """

    def __init__(self, events: Events, path: list[str], cap: int, workers: int):
        self.events, self.path, self.cap, self.workers = events, path, cap, workers
        self.selector = selectors.DefaultSelector()
        self.hands: set[Hand] = set()
        self.helper: Helper | None = None
        self.modules: set[str] = set()
        self._loading: dict[str, float] = {}
        self._forking: dict[int, Hand] = {}
        self._forks = 0

    @property
    def busy(self) -> bool:
        """Whether something was ordered that has not happened yet."""
        return bool(self._loading or self._forking)

    def load(self, module: str) -> None:
        """Have a module loaded, for the workers that start after it."""
        if module not in self._loading and self._started() is not None:
            self._loading[module] = time.monotonic()
            self._order(load=module)

    def fork(self, *modules: str) -> None:
        """Start a worker that knows these modules, if there is room for one more."""
        starting = sum(h.state is State.STARTING for h in self.hands)
        if starting >= _STARTING or not self.modules.issuperset(modules) or self._started() is None:
            return
        if len(self.hands) >= self.workers:
            # a worker that was forked before a program was loaded does not know it
            ignorant = [h for h in self.hands if h.idle and h.probe is None and not h.modules.issuperset(modules)]
            if ignorant:
                self.end(ignorant[0])
            return
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        hand = Hand(ours, frozenset(self.modules), self.cap)
        self._forks += 1
        self._forking[self._forks] = hand
        self.hands.add(hand)
        self.selector.register(ours, selectors.EVENT_READ, lambda: self.events.heard(hand))
        with theirs:
            self._order(theirs.fileno(), fork=self._forks)

    def flush(self, hand: Hand) -> None:
        """Write what a worker's line takes, and ask to be told when it takes more."""
        if hand.state is State.ENDING:
            return
        if not hand.flush():
            self.end(hand)
            return
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if hand.out else 0)
        self.selector.modify(hand.sock, mask, self.selector.get_key(hand.sock).data)

    def end(self, hand: Hand, charge: Reply | None = None) -> None:
        """Have a worker ended; what it held is decided when the helper reports how it ended."""
        if hand.state is State.ENDING:
            return
        hand.state, hand.charge = State.ENDING, charge
        self.selector.unregister(hand.sock)
        if hand.pid:
            self._order(end=hand.pid)

    def end_helper(self) -> None:
        """End the helper and by that every worker."""
        for hand in list(self.hands):
            self._drop(hand)
        self.modules.clear()
        self._loading.clear()
        self._forking.clear()
        if self.helper is not None:
            self.selector.unregister(self.helper.control)
            helper, self.helper = self.helper, None
            helper.close()

    def replace_helper(self) -> None:
        """Kill the helper: its line reports the end, and the next call starts another."""
        if self.helper is not None:
            self.helper.process.kill()

    def look(self, now: float) -> None:
        """Look at every clock, and end what is over its time."""
        for hand in list(self.hands):
            if hand.state is State.ENDING or not (hand.window or hand.state is State.STARTING):
                continue
            charge = hand.over(now)
            if charge is not None or hand.watch.dead:
                self.end(hand, charge)
        if any(now - since > _LOAD for since in self._loading.values()):
            self.replace_helper()

    def abandon(self) -> None:
        """In a forked process: let go of every line, or the helper would outlive the process that owns it."""
        for hand in self.hands:
            hand.sock.close()
        if self.helper is not None:
            self.helper.control.close()
        self.selector.close()

    def _started(self) -> Helper | None:
        if self.helper is None:
            try:
                self.helper = Helper(self.path, self.cap)
            except OSError as error:
                self.events.nothing_works(f"no worker process can be started: {error}")
                return None
            self.selector.register(self.helper.control, selectors.EVENT_READ, self._news)
        return self.helper

    def _order(self, *fds: int, **order: str | int) -> None:
        if self.helper is not None:
            self.helper.order(*fds, **order)  # when it is gone, its line says so too

    def _news(self) -> None:
        assert self.helper is not None
        for message in self.helper.news():
            if "gone" in message:
                hands = list(self.hands)
                self.end_helper()
                self.events.helper_died(hands)
                return
            if "loaded" in message:
                self._loading.pop(message["loaded"], None)
                if not message["error"]:
                    self.modules.add(message["loaded"])
                self.events.loaded(message["loaded"], message["error"])
            elif "forked" in message:
                self._forked(self._forking.pop(message["forked"]), message["pid"])
            elif "ended" in message:
                hand = next(h for h in self.hands if h.pid == message["ended"])
                self._drop(hand)
                self.events.ended(hand, message["status"], message["processor"])

    def _forked(self, hand: Hand, pid: int) -> None:
        hand.pid = pid
        if not pid:
            self._drop(hand)
            self.events.nothing_works("the system starts no further process")
        elif hand.state is State.ENDING:
            self._order(end=pid)

    def _drop(self, hand: Hand) -> None:
        self.hands.discard(hand)
        if hand.state is not State.ENDING:
            self.selector.unregister(hand.sock)
            hand.state = State.ENDING
        hand.drain()
        with contextlib.suppress(OSError):
            hand.sock.close()
