"""The thread that owns the workers: it hands out calls, listens, looks at the clocks, and judges what did not end.

Everything here runs in that one thread, so nothing is locked; callers put batches into a queue and wait for a future.
The thread is not a time limit: limits are kept by killing processes.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from guerdon.errors import MachineError
from guerdon.records.calls import Outcome, Reply
from guerdon.runtime.pool.batch import Batch, Item
from guerdon.runtime.pool.court import GIVE_UP_AFTER, RESTART_AFTER, Court
from guerdon.runtime.pool.crew import Crew
from guerdon.runtime.pool.hand import Hand, State
from guerdon.runtime.pool.watch import TICK
from guerdon.runtime.pool.wire import WireError

_WINDOW = 64  # calls a worker holds at most
_AHEAD = 0.004  # seconds of expected work a worker holds at most; a call of unknown length is sent alone
_UNKNOWN = 1.0
_LOOK_AT = 64
_CANARY_SQUARES = 2000
_CANARY_ANSWER = sum(i * i for i in range(_CANARY_SQUARES))
_CANARY_BODY = b'{"n":%d}' % _CANARY_SQUARES
_DEATHS = 3  # processes in a row that end as soon as they are started, before nothing here is believed to work


@dataclass(frozen=True)
class Settings:
    """How a pool behaves.

    Args:
        workers: processes that run at the same time.
        package: where programs live: ``module.function`` is a function of ``package.module``; a plug-in's program is
            named in full, ``its_package.module:function``.
        path: further folders in which modules are found.
        canary: the known-good program, with the package; it returns the sum of the squares below its ``n``.
        canary_seconds: processor seconds, or seconds of sleep, that it may take.
        tasks: calls after which a worker is replaced.
        cap: bytes that a payload or a reply may have.
    """

    workers: int
    package: str = "guerdon.programs"
    path: tuple[str, ...] = ()
    canary: str = "guerdon.programs.basic.canary"
    canary_seconds: float = 2.0
    tasks: int = 5000
    cap: int = 8 << 20


class Engine:
    """The thread, the batches that wait, the workers, and the court."""

    def __init__(self, settings: Settings, path: list[str]):
        self.settings = settings
        self.inbox: deque[Batch] = deque()
        self.batches: deque[Batch] = deque()
        self.crew = Crew(self, [*settings.path, *path], settings.cap, settings.workers)
        self.court = Court()
        self.expected: dict[str, float] = {}
        self.deaths = 0
        self.closing = False
        self.bell, self.ear = socket.socketpair()
        for end in (self.bell, self.ear):
            end.setblocking(False)
        self.crew.selector.register(self.ear, selectors.EVENT_READ, self._awake)
        self.thread = threading.Thread(target=self._run, name="guerdon-pool", daemon=True)
        self.thread.start()

    def submit(self, batch: Batch) -> None:
        """Any thread: have a batch done."""
        self.inbox.append(batch)
        self.ring()
        if self.closing:  # the thread may have looked at the queue for the last time
            batch.fail(_closed())

    def ring(self) -> None:
        """Any thread: look at the queue, and at batches that nobody waits for any more."""
        with contextlib.suppress(BlockingIOError, OSError):
            self.bell.send(b"!")

    def close(self) -> None:
        """Any thread: end all workers; what is not done fails."""
        self.closing = True
        self.ring()
        self.thread.join()

    def abandon(self) -> None:
        """In a forked process, where the thread does not exist."""
        self.bell.close()
        self.ear.close()
        self.crew.abandon()

    def _run(self) -> None:
        error: BaseException = _closed()
        try:
            last = time.monotonic()
            while not self.closing:
                self._assign()
                busy = self.batches or self.court.waits or self.crew.busy
                for key, _ in self.crew.selector.select(TICK if busy else None):
                    key.data()
                if (now := time.monotonic()) - last >= TICK:
                    last = now
                    self.crew.look(now)
        except BaseException as caught:  # a fault of the pool itself must not leave anybody waiting
            error = caught
        self.closing = True
        for batch in [*self.inbox, *self.batches]:
            batch.fail(error)
        self.crew.end_helper()
        for end in (self.bell, self.ear):
            end.close()
        self.crew.selector.close()

    def _awake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.ear.recv(4096):
                pass

    # handing out

    def _assign(self) -> None:
        while self.inbox:
            self.batches.append(self.inbox.popleft())
        for batch in [b for b in self.batches if b.over]:
            self.batches.remove(batch)
        for hand in list(self.crew.hands):
            given_up = hand.window and all(i.batch is not None and i.batch.over for i in hand.held)
            if given_up or (hand.idle and hand.served >= self.settings.tasks):
                self.crew.end(hand)
        self._hold_court()
        touched: set[Hand] = set()
        blocked = 0
        # one call of each batch in turn, so that a large one keeps nobody waiting; after some that cannot go on the
        # workers are taken to be full, because thousands of tasks may wait with a batch each
        while blocked < min(len(self.batches), _LOOK_AT):
            batch = self.batches[0]
            self.batches.rotate(-1)
            item = batch.peek()
            hand = self._hand_for(item) if item is not None else None
            if item is None or hand is None:
                blocked += 1
                continue
            blocked = 0
            batch.take()
            hand.give(item, self.expected.get(item.program, _UNKNOWN))
            touched.add(hand)
        for hand in touched:
            self.crew.flush(hand)

    def _hand_for(self, item: Item) -> Hand | None:
        """The worker with most room for a call; when there is none, one is started if that is allowed."""
        module = item.module
        if module not in self.crew.modules:
            self.crew.load(module)
            return None
        cost = self.expected.get(item.program, _UNKNOWN)
        best = None
        for hand in self.crew.hands:
            if hand.state is not State.READY or hand.probe is not None or hand.last or module not in hand.modules:
                continue
            room = not hand.window or (len(hand.window) < _WINDOW and hand.load + cost <= _AHEAD)
            if room and hand.served + len(hand.window) < self.settings.tasks:
                if best is None or hand.load < best.load:
                    best = hand
        if best is None:
            self.crew.fork(module)
        return best

    def _hold_court(self) -> None:
        """Run a canary when somebody is accused or suspected, and suspects on the workers that passed it."""
        if not self.court.waits or any(h.probe is not None for h in self.crew.hands):
            return
        for hand in [h for h in self.crew.hands if h.idle and h.proven]:
            if self.court.suspects and self.court.suspects[0].module in hand.modules:
                hand.give(self.court.suspects.popleft(), _UNKNOWN)
                self.crew.flush(hand)
        if not self.court.waits:
            return
        canary = self.settings.canary
        wanted = {canary.rpartition(".")[0], *(i.module for i in self.court.suspects)}
        for name in wanted - self.crew.modules:
            self.crew.load(name)
        able = [h for h in self.crew.hands if h.idle and wanted <= h.modules]
        if not able:
            self.crew.fork(*wanted)
            return
        seconds = self.settings.canary_seconds
        hand = min(able, key=lambda h: h.served)
        hand.probe = self.court.summon()
        hand.give(Item(None, 0, canary, _CANARY_BODY, seconds, 512, seconds), _UNKNOWN)
        self.crew.flush(hand)

    # events of the crew

    def heard(self, hand: Hand) -> None:
        """Take the replies of a worker, and send it what its line did not take before."""
        if hand.state is State.ENDING:
            return
        try:
            for item, message in hand.hear():
                self._reply(hand, item, message)
        except EOFError:
            self.crew.end(hand)
        except WireError as error:
            self.crew.end(hand, Reply(Outcome.CRASHED, reason=str(error)))
        if hand.state is State.READY:
            self.deaths = 0
            if hand.out:
                self.crew.flush(hand)

    def ended(self, hand: Hand, status: int, processor: float) -> None:
        """Decide about the call that a worker was running when it ended; those behind it were not touched."""
        self._last_words(hand)
        held = hand.held
        if hand.probe is not None:
            self._canary_failed(hand.probe)
        elif not hand.born:
            self._died_young("workers die as soon as they are started")
        elif hand.last or not held or held[0].batch is None or held[0].batch.over:
            _untouched(held)
        else:
            _untouched(held[1:])
            charge = hand.died(status, processor)
            if charge.outcome is Outcome.UNAVAILABLE:
                held[0].charge = charge
                self.court.again(held[:1], "the machine is too slow")
            else:
                self.court.accuse(held[0], charge, hand.tested)

    def helper_died(self, hands: list[Hand]) -> None:
        """Every worker died with the helper. What they were running is tried again; nobody is blamed."""
        for hand in hands:
            self._last_words(hand)
            held = [i for i in hand.held if i.batch is not None]
            _untouched(held[1:])
            self.court.again([*held[:1], *(hand.probe or [])], "the helper process died")
        self._died_young("the helper process of the workers dies again and again")

    def loaded(self, module: str, error: str) -> None:
        """Calls of a module that cannot be loaded have their answer."""
        if not error:
            return
        if module == self.settings.canary.rpartition(".")[0]:
            self.nothing_works(f"the known-good call cannot be loaded: {error}")
        reply = Reply(Outcome.RAISED, reason=f"{module} cannot be loaded: {error}")
        for item in [i for i in self.court.suspects if i.module == module]:
            self.court.suspects.remove(item)
            item.settle(reply)
        for batch in self.batches:
            while (item := batch.peek()) is not None and item.module == module:
                batch.take()
                batch.settle(item, reply)

    def nothing_works(self, why: str) -> None:
        """Everything that waits is unavailable; the next batch tries afresh."""
        self.deaths = 0
        self.court.close(why)
        for batch in self.batches:
            while (item := batch.peek()) is not None:
                batch.take()
                batch.settle(item, Reply(Outcome.UNAVAILABLE, reason=why))

    def _died_young(self, why: str) -> None:
        self.deaths += 1
        if self.deaths >= _DEATHS:
            self.nothing_works(why)

    def _last_words(self, hand: Hand) -> None:
        """Replies that a worker wrote before it ended count."""
        for item, message in hand.last_words:
            self._reply(hand, item, message)

    def _reply(self, hand: Hand, item: Item, message: dict[str, Any]) -> None:
        reply = Reply(Outcome(message["outcome"]), message.get("value"), message.get("reason", ""),
                      message["used"], item.retries)  # fmt: skip
        if item.batch is None:
            probe, hand.probe = hand.probe or [], None
            if reply.ok and reply.value == _CANARY_ANSWER:
                hand.proven = True
                self.court.passed(probe)
            else:
                self._canary_failed(probe)
                self.crew.end(hand)
        elif reply.outcome is Outcome.MEMORY:
            self.court.accuse(item, reply, hand.tested)
        else:
            if reply.ok:
                took = float(message["wall"])
                self.expected[item.program] = 0.8 * self.expected.get(item.program, took) + 0.2 * took
            item.settle(reply)

    def _canary_failed(self, probe: list[Item]) -> None:
        self.court.failed(probe)
        if self.court.strikes >= GIVE_UP_AFTER:
            self.nothing_works("a known-good call fails on this machine")
        elif self.court.strikes == RESTART_AFTER:
            self.crew.replace_helper()


def _untouched(items: list[Item]) -> None:
    for item in reversed(items):
        if item.batch is not None:
            item.batch.back([item])


def _closed() -> MachineError:
    return MachineError("the worker pool was closed while calls were out", fix="send them again: a new pool starts")
