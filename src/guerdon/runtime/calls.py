"""The door to the world outside: every call goes to its channel, and every reply comes back in its place.

Channels: ``pool``, trusted programs in worker processes, and ``sandbox``, untrusted code. Both can be replaced for a
while, by a container, a remote service or a script of a test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias

from guerdon.errors import MachineError, UnknownNameError
from guerdon.records.calls import Call, Reply

Send: TypeAlias = Callable[[Sequence[Call]], Sequence[Reply]]

CHANNELS = ("pool", "sandbox")
_REPLACED: ContextVar[Mapping[str, Send]] = ContextVar("channels", default=MappingProxyType({}))


def send(calls: Sequence[Call]) -> list[Reply]:
    """Send calls to their channels and wait for all of them.

    Args:
        calls: any number of calls, for one channel or several; programs and payloads may repeat.

    Returns:
        One reply per call, in the order of the calls. What goes wrong with a call is an outcome of its reply.

    Raises:
        UnknownNameError: no such channel.
        MethodError: a payload holds something that is not plain data.
        MachineError: a channel that a user plugged in broke its contract.

    Example:
        >>> from guerdon.records import Outcome
        >>> def shout(calls):
        ...     return [Reply(Outcome.DONE, c.payload["text"].upper()) for c in calls]
        >>> with using(pool=shout):
        ...     [r.value for r in send([Call("pool", "any", {"text": "a"}), Call("pool", "any", {"text": "b"})])]
        ['A', 'B']
    """
    replies: list[Reply | None] = [None] * len(calls)
    for channel, places in _by_channel(calls).items():
        _place(replies, places, _sender(channel)([calls[i] for i in places]), channel)
    return [r for r in replies if r is not None]


async def asend(calls: Sequence[Call]) -> list[Reply]:
    """:func:`send` for asyncio: the loop runs on while the calls are out, and the channels answer side by side."""
    replies: list[Reply | None] = [None] * len(calls)
    parts = _by_channel(calls)
    found = await asyncio.gather(*(_asked(c, [calls[i] for i in places]) for c, places in parts.items()))
    for (channel, places), answers in zip(parts.items(), found, strict=True):
        _place(replies, places, answers, channel)
    return [r for r in replies if r is not None]


@contextmanager
def using(*, pool: Send | None = None, sandbox: Send | None = None) -> Iterator[None]:
    """Let other functions answer the calls of a channel, for this thread or asyncio task and inside the block only.

    A task started in the block keeps the choice; a thread started in it begins with the usual channels. What runs in a
    worker process is not reached by it.

    Args:
        pool: answers the calls of the channel ``pool``; gets a list of calls, returns one reply each, in order.
        sandbox: the same for the channel ``sandbox``.

    Example:
        >>> from guerdon.records import Outcome
        >>> with using(sandbox=lambda calls: [Reply(Outcome.UNAVAILABLE) for _ in calls]):
        ...     send([Call("sandbox", "function")])[0].theirs
        False
    """
    given = {name: f for name, f in (("pool", pool), ("sandbox", sandbox)) if f is not None}
    token = _REPLACED.set(MappingProxyType({**_REPLACED.get(), **given}))
    try:
        yield
    finally:
        _REPLACED.reset(token)


def _by_channel(calls: Sequence[Call]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for i, call in enumerate(calls):
        if call.channel not in CHANNELS:
            raise UnknownNameError("channel", call.channel, CHANNELS, where=f"call {i} of program {call.program!r}")
        places.setdefault(call.channel, []).append(i)
    return places


def _sender(channel: str) -> Send:
    replaced = _REPLACED.get().get(channel)
    if replaced is not None:
        return replaced
    # imported late: most methods need neither, and each starts processes of its own
    if channel == "pool":
        from guerdon.runtime.pool.pool import default_pool

        return default_pool().send
    from guerdon.runtime.sandbox import channel as sandbox

    return sandbox.send


async def _asked(channel: str, calls: list[Call]) -> Sequence[Reply]:
    if channel == "pool" and channel not in _REPLACED.get():
        from guerdon.runtime.pool.pool import default_pool

        return await default_pool().asend(calls)
    return await asyncio.to_thread(_sender(channel), calls)


def _place(replies: list[Reply | None], places: list[int], found: Sequence[Reply], channel: str) -> None:
    if len(found) != len(places) or not all(isinstance(r, Reply) for r in found):
        raise MachineError(
            "a channel must return one reply per call", where=f"channel {channel!r}",
            seen=f"{len(found)} for {len(places)} calls, of {sorted({type(r).__name__ for r in found})}",
            allowed=f"{len(places)} of Reply", fix="match replies to calls where the channel is plugged in",
        )  # fmt: skip
    for place, reply in zip(places, found, strict=True):
        replies[place] = reply
