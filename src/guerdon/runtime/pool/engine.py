"""The thread that owns the workers: it hands out calls, listens, looks at the clocks, and replaces what died.

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

from guerdon.errors import MachineError
from guerdon.records.calls import Outcome, Reply
from guerdon.runtime.pool.batch import Batch, Item
from guerdon.runtime.pool.court import GIVE_UP_AFTER, RESTART_AFTER, Court
from guerdon.runtime.pool.hand import Hand, State
from guerdon.runtime.pool.helper import Helper
from guerdon.runtime.pool.watch import TICK
from guerdon.runtime.pool.wire import WireError

_WINDOW = 64  # calls a worker holds at most
_AHEAD = 0.004  # seconds of expected work a worker holds at most; a call of unknown length is sent alone
_STARTING = 2  # workers that start at the same time
_LOAD = 120.0  # seconds an import may take
_CANARY_SQUARES = 2000
_CANARY_ANSWER = sum(i * i for i in range(_CANARY_SQUARES))
_CANARY_BODY = b'{"n":%d}' % _CANARY_SQUARES
_DEATHS = 3  # helper processes in a row that end before a worker says hello


@dataclass(frozen=True)
class Settings:
    """How a pool behaves.

    Args:
        workers: processes that run at the same time.
        package: where programs live: ``module.function`` is a function of ``package.module``.
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
    """The workers and the thread that owns them."""

    def __init__(self, settings: Settings, path: list[str]):
        self.settings, self.path = settings, [*settings.path, *path]
        self.inbox: deque[Batch] = deque()
        self.batches: deque[Batch] = deque()
        self.hands: set[Hand] = set()
        self.court = Court()
        self.helper: Helper | None = None
        self.loaded: set[str] = set()
        self.loading: dict[str, float] = {}
        self.forking: dict[int, Hand] = {}
        self.expected: dict[str, float] = {}
        self.deaths = 0
        self.forks = 0
        self.closing = False
        self.selector = selectors.DefaultSelector()
        self.bell, self.ear = socket.socketpair()
        for end in (self.bell, self.ear):
            end.setblocking(False)
        self.selector.register(self.ear, selectors.EVENT_READ, self._awake)
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
        """In a forked process, where the thread does not exist: let go of every line, or the helper would live on
        after the process that owns it."""
        sockets = [self.bell, self.ear, *(h.sock for h in self.hands)]
        if self.helper is not None:
            sockets.append(self.helper.control)
        for sock in sockets:
            sock.close()
        self.selector.close()

    def _run(self) -> None:
        error: BaseException = _closed()
        try:
            last = time.monotonic()
            while not self.closing:
                self._assign()
                busy = self.batches or self.court.waits or self.forking or self.loading
                for key, _ in self.selector.select(TICK if busy else None):
                    key.data()
                if (now := time.monotonic()) - last >= TICK:
                    last = now
                    self._look(now)
        except BaseException as caught:  # a fault of the pool itself must not leave anybody waiting
            error = caught
        self.closing = True
        for batch in [*self.inbox, *self.batches]:
            batch.fail(error)
        self._end_helper()
        for end in (self.bell, self.ear):
            end.close()
        self.selector.close()

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
        for hand in list(self.hands):
            given_up = hand.window and all(i.batch is not None and i.batch.over for i in hand.held)
            if given_up or (hand.idle and hand.served >= self.settings.tasks):
                self._end(hand)
        self._hold_court()
        touched: set[Hand] = set()
        blocked = 0
        while blocked < len(self.batches):
            batch = self.batches[0]
            self.batches.rotate(-1)
            item = batch.peek()
            hand = self._hand_for(item) if item is not None else None
            if item is None or hand is None:
                blocked += 1
                continue
            blocked = 0
            batch.take()
            hand.give(item, self.expected.get(item.program, 1.0))
            touched.add(hand)
        for hand in touched:
            self._flush(hand)

    def _hand_for(self, item: Item) -> Hand | None:
        """A worker with room for a call; when there is none, one is started if that is allowed."""
        module = item.program.rpartition(".")[0]
        if module not in self.loaded:
            self._load(module)
            return None
        cost = self.expected.get(item.program, 1.0)
        best = None
        for hand in self.hands:
            if hand.state is not State.READY or hand.probe is not None or hand.last or module not in hand.modules:
                continue
            room = not hand.window or (len(hand.window) < _WINDOW and hand.load + cost <= _AHEAD)
            if room and hand.served + len(hand.window) < self.settings.tasks:
                if best is None or hand.load < best.load:
                    best = hand
        if best is None:
            self._fork(module)
        return best

    def _hold_court(self) -> None:
        """Run a canary when somebody is accused or suspected, and suspects on the workers that passed it."""
        if not self.court.waits or any(h.probe is not None for h in self.hands):
            return
        for hand in self.hands:
            if self.court.suspects and hand.idle and hand.proven:
                item = self.court.suspects[0]
                if item.program.rpartition(".")[0] in hand.modules:
                    self.court.suspects.popleft()
                    hand.give(item, 1.0)
                    self._flush(hand)
        if not self.court.waits:
            return
        canary = self.settings.canary
        module = canary.rpartition(".")[0]
        wanted = {module, *(i.program.rpartition(".")[0] for i in self.court.suspects)}
        for name in wanted - self.loaded:
            self._load(name)
        fresh = [h for h in self.hands if h.idle and wanted <= h.modules]
        if not fresh:
            self._fork(*wanted)
            return
        seconds = self.settings.canary_seconds
        hand = min(fresh, key=lambda h: h.served)
        hand.probe = self.court.summon()
        hand.give(Item(None, 0, canary, _CANARY_BODY, seconds, 512, seconds), 1.0)
        self._flush(hand)

    def _flush(self, hand: Hand) -> None:
        if not hand.flush():
            self._end(hand)
        elif hand.state is not State.ENDING:
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if hand.out else 0)
            self.selector.modify(hand.sock, mask, lambda: self._hear(hand))

    # the helper and its workers

    def _load(self, module: str) -> None:
        if module not in self.loading and self._helper() is not None:
            self.loading[module] = time.monotonic()
            self._order(load=module)

    def _fork(self, *modules: str) -> None:
        starting = sum(h.state is State.STARTING for h in self.hands)
        if starting >= _STARTING or not self.loaded.issuperset(modules) or self._helper() is None:
            return
        if len(self.hands) >= self.settings.workers:
            # a worker that was forked before a program was loaded does not know it
            for hand in self.hands:
                if hand.idle and hand.probe is None and not hand.modules.issuperset(modules):
                    self._end(hand)
                    return
            return
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        hand = Hand(ours, frozenset(self.loaded), self.settings.cap)
        self.forks += 1
        self.forking[self.forks] = hand
        self.hands.add(hand)
        self.selector.register(ours, selectors.EVENT_READ, lambda: self._hear(hand))
        with theirs:
            self._order(theirs.fileno(), fork=self.forks)

    def _helper(self) -> Helper | None:
        if self.helper is None:
            try:
                self.helper = Helper(self.path, self.settings.cap)
            except OSError as error:
                self._nothing_works(f"no worker process can be started: {error}")
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
                self._helper_died()
                return
            if "loaded" in message:
                self._loaded(message["loaded"], message["error"])
            elif "forked" in message:
                hand = self.forking.pop(message["forked"])
                hand.pid = message["pid"]
                if not hand.pid:
                    self._drop(hand)
                    self._nothing_works("the system starts no further process")
                elif hand.state is State.ENDING:
                    self._order(end=hand.pid)
            elif "ended" in message:
                self._ended(message["ended"], message["status"], message["processor"])

    def _loaded(self, module: str, error: str) -> None:
        self.loading.pop(module, None)
        if not error:
            self.loaded.add(module)
            return
        if module == self.settings.canary.rpartition(".")[0]:
            self._nothing_works(f"the known-good call cannot be loaded: {error}")
        reply = Reply(Outcome.RAISED, reason=f"{module} cannot be loaded: {error}")
        for item in [i for i in self.court.suspects if i.program.startswith(module + ".")]:
            self.court.suspects.remove(item)
            item.settle(reply)
        for batch in self.batches:
            while (item := batch.peek()) is not None and item.program.startswith(module + "."):
                batch.take()
                batch.settle(item, reply)

    def _helper_died(self) -> None:
        """Every worker dies with it. What they were running is tried again; nobody is blamed."""
        hands = list(self.hands)
        for hand in hands:
            self._drain(hand)
        self._end_helper()
        self.deaths += 1
        for hand in hands:
            held = [i for i in hand.held if i.batch is not None]
            _untouched(held[1:])
            self.court.again([*held[:1], *(hand.probe or [])], "the helper process died")
        if self.deaths >= _DEATHS:
            self._nothing_works("the helper process of the workers dies again and again")

    def _end_helper(self) -> None:
        for hand in list(self.hands):
            self._drop(hand)
        self.loaded.clear()
        self.loading.clear()
        self.forking.clear()
        if self.helper is not None:
            self.selector.unregister(self.helper.control)
            helper, self.helper = self.helper, None
            helper.close()

    def _nothing_works(self, why: str) -> None:
        self.deaths = 0
        self.court.close(why)
        for batch in list(self.batches):
            while (item := batch.peek()) is not None:
                batch.take()
                batch.settle(item, Reply(Outcome.UNAVAILABLE, reason=why))

    # listening

    def _hear(self, hand: Hand) -> None:
        if hand.state is State.ENDING:
            return
        try:
            for item, message in hand.hear():
                self._reply(hand, item, message)
        except EOFError:
            self._end(hand)
            return
        except WireError as error:
            self._end(hand, Reply(Outcome.CRASHED, reason=str(error)))
            return
        if hand.state is State.READY:
            self.deaths = 0
            if hand.out:
                self._flush(hand)

    def _reply(self, hand: Hand, item: Item, message: dict) -> None:
        reply = Reply(Outcome(message["outcome"]), message.get("value"), message.get("reason", ""),
                      message["used"], item.retries)  # fmt: skip
        if item.batch is None:
            probe, hand.probe = hand.probe or [], None
            if reply.ok and reply.value == _CANARY_ANSWER:
                hand.proven = True
                self.court.passed(probe)
            else:
                self._canary_failed(probe)
                self._end(hand)
        elif reply.outcome is Outcome.MEMORY:
            self.court.accuse(item, reply, hand.tested)
        else:
            if reply.ok:
                known = self.expected.get(item.program)
                self.expected[item.program] = message["wall"] if known is None else 0.8 * known + 0.2 * message["wall"]
            item.settle(reply)

    def _canary_failed(self, probe: list[Item]) -> None:
        self.court.failed(probe)
        if self.court.strikes >= GIVE_UP_AFTER:
            self._nothing_works("a known-good call fails on this machine")
        elif self.court.strikes == RESTART_AFTER and self.helper is not None:
            self.helper.process.kill()  # its line reports the end, and the next call starts another

    # ending workers

    def _end(self, hand: Hand, charge: Reply | None = None) -> None:
        """Have a worker ended; what it held is decided when the helper reports how it ended."""
        if hand.state is State.ENDING:
            return
        hand.state, hand.charge = State.ENDING, charge
        self.selector.unregister(hand.sock)
        if hand.pid:
            self._order(end=hand.pid)

    def _ended(self, pid: int, status: int, processor: float) -> None:
        hand = next(h for h in self.hands if h.pid == pid and h.state is State.ENDING)
        self._drain(hand)
        self._drop(hand)
        held = hand.held
        if hand.probe is not None:
            self._canary_failed(hand.probe)
        elif hand.last or not held or held[0].batch is None or held[0].batch.over:
            _untouched(held)
            self._stillborn(hand)
        else:
            _untouched(held[1:])
            charge = hand.died(status, processor)
            if charge.outcome is Outcome.UNAVAILABLE:
                held[0].charge = charge
                self.court.again(held[:1], "the machine is too slow")
            else:
                self.court.accuse(held[0], charge, hand.tested)

    def _stillborn(self, hand: Hand) -> None:
        if not hand.born:
            self.deaths += 1
            if self.deaths >= _DEATHS:
                self._nothing_works("workers die as soon as they are started")

    def _drain(self, hand: Hand) -> None:
        """Replies that were written before the end count."""
        with contextlib.suppress(EOFError, WireError):
            for item, message in hand.hear():
                self._reply(hand, item, message)

    def _drop(self, hand: Hand) -> None:
        self.hands.discard(hand)
        if hand.state is not State.ENDING:
            self.selector.unregister(hand.sock)
            hand.state = State.ENDING
        hand.sock.close()

    def _look(self, now: float) -> None:
        for hand in list(self.hands):
            if hand.state is State.ENDING or not (hand.window or hand.state is State.STARTING):
                continue
            charge = hand.over(now)
            if charge is not None or hand.watch.dead:
                self._end(hand, charge)
        if any(now - since > _LOAD for since in self.loading.values()) and self.helper is not None:
            self.helper.process.kill()


def _untouched(items: list[Item]) -> None:
    for item in reversed(items):
        if item.batch is not None:
            item.batch.back([item])


def _closed() -> MachineError:
    return MachineError("the worker pool was closed while calls were out", fix="send them again: a new pool starts")
