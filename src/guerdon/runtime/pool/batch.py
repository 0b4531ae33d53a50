"""What is to be done: the calls of one ``send``, handed out one by one, and the time each of them may take."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

from guerdon.errors import MethodError
from guerdon.records.calls import Call, Outcome, Reply

LEAST = 0.25  # processor seconds that no shortening goes below
_ROOM = 2.0  # nor below this many times what the slowest finished call of the same program took

Kind = tuple[str, float, int]


@dataclass(eq=False, slots=True)
class Item:
    """One call on its way.

    ``crashes`` counts healthy workers that ended under it, ``retries`` how often it was started again, ``charge`` is
    what it is accused of while a known-good call is asked for.
    """

    batch: Batch | None
    place: int
    program: str
    body: bytes
    seconds: float
    memory_mb: int
    limit: float
    crashes: int = 0
    retries: int = 0
    charge: Reply | None = None

    @property
    def module(self) -> str:
        """The module of its program."""
        return self.program.rpartition(".")[0]

    def settle(self, reply: Reply) -> None:
        """Give the call its reply."""
        if self.batch is not None:
            self.batch.settle(self, reply)


class Batch:
    """The calls of one ``send`` and what became of them.

    **Deadlines shrink in a batch of bombs.** Calls of one program that run out of time in the same batch shorten what
    the calls that start after them may take: every ``halve_after`` of them halves the limit, never below ``LEAST``,
    and never below twice what the slowest finished call of that program took. The reason of a reply says so. A call
    that ran out of time is not run again for an equal call of the same batch.

    Args:
        calls: in the order in which they are handed out.
        package: where programs live.
        cap: the largest payload in bytes.
        halve_after: time-outs that halve the limit of the calls still to start.
    """

    def __init__(self, calls: Sequence[Call], package: str, cap: int, halve_after: int):
        self.calls, self.package, self.cap, self.halve_after = calls, package, cap, halve_after
        self.future: Future[list[Reply]] = Future()
        self.replies: list[Reply | None] = [None] * len(calls)
        self.left = len(calls)
        self._next = 0
        self._again: deque[Item] = deque()
        self._over: dict[str, int] = {}
        self._slowest: dict[str, float] = {}
        self._failed: dict[tuple[Kind, bytes], Reply] = {}

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.done()

    @property
    def waiting(self) -> int:
        """Calls that no worker has been given yet."""
        return len(self.calls) - self._next + len(self._again)

    def peek(self) -> Item | None:
        """The next call to start; None when all are on their way. Calls that cannot be sent are settled on the way."""
        while not self.over and (self._again or self._next < len(self.calls)):
            if not self._again:
                self._again.append(self._item(self._next))
                self._next += 1
            item = self._again[0]
            reply = self._refused(item)
            if reply is None:
                return item
            self._again.popleft()
            self.settle(item, reply)
        return None

    def take(self) -> None:
        """The call that :meth:`peek` showed is on its way."""
        self._again.popleft()

    def back(self, items: Sequence[Item]) -> None:
        """Calls that were on their way and were not touched."""
        self._again.extendleft(reversed(items))

    def limit(self, item: Item) -> float:
        """Processor seconds that a call may take when it starts now."""
        halved = item.seconds * 0.5 ** (self._over.get(item.program, 0) // self.halve_after)
        return max(halved, min(item.seconds, max(LEAST, _ROOM * self._slowest.get(item.program, 0.0))))

    def over_time(self, item: Item) -> str:
        """Words for a limit that was shortened, empty when it was not."""
        if item.limit >= item.seconds:
            return ""
        return f" instead of {item.seconds:g} s, because {self._over[item.program]} calls of this batch took too long"

    def settle(self, item: Item, reply: Reply) -> None:
        """Note the reply of a call; the last one wakes whoever waits."""
        if reply.ok:
            self._slowest[item.program] = max(self._slowest.get(item.program, 0.0), reply.seconds)
        elif reply.outcome is Outcome.TIMEOUT and not reply.reason.startswith(_EQUAL):
            self._over[item.program] = self._over.get(item.program, 0) + 1
            self._failed.setdefault((_kind(item), item.body), reply)
        self.replies[item.place] = reply
        self.left -= 1
        if self.left == 0:
            with contextlib.suppress(InvalidStateError):  # nobody waits any more
                self.future.set_result([r for r in self.replies if r is not None])

    def fail(self, error: BaseException) -> None:
        """Give up: whoever waits gets the error."""
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)

    def _item(self, place: int) -> Item:
        call = self.calls[place]
        body = b""
        try:
            body = json.dumps(call.payload, separators=(",", ":")).encode()
        except TypeError as error:
            self.fail(MethodError(
                f"a payload must be plain data: {error}", where=f"call {place} of program {call.program!r}",
                allowed="text, numbers, booleans, None, lists, mappings with text as keys",
            ))  # fmt: skip
        except (ValueError, RecursionError, OverflowError):
            pass  # too deep, or a number of too many digits: what was sent is at fault, and an empty body says so
        # a plug-in names the module of its program in full: "package.module:function"
        name = call.program.replace(":", ".") if ":" in call.program else f"{self.package}.{call.program}"
        return Item(self, place, name, body, call.seconds, call.memory_mb, call.seconds)

    def _refused(self, item: Item) -> Reply | None:
        if not item.body:
            return Reply(Outcome.REFUSED, reason="the payload is too deep, or holds a number of too many digits")
        if len(item.body) > self.cap:
            return Reply(Outcome.REFUSED, reason=f"a payload of {len(item.body)} bytes, above the cap of {self.cap}")
        known = self._failed.get((_kind(item), item.body)) if self._failed else None
        return None if known is None else Reply(known.outcome, reason=f"{_EQUAL}: {known.reason}")


_EQUAL = "an equal call of this batch ended so"


def _kind(item: Item) -> Kind:
    return item.program, item.seconds, item.memory_mb


def request(item: Item) -> bytes:
    """The body of the frame that asks a worker for a call."""
    head = json.dumps([item.program, item.seconds, item.memory_mb])
    return head[:-1].encode() + b"," + item.body + b"]"
