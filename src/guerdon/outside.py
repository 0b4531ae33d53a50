"""Methods that ask the world outside: pure generators that yield calls and are handed the replies.

A method under ``@outside`` never sends anything. It yields a list of calls, receives their replies in order, may ask
again, and returns its result. What drives it decides where the calls go: the worker pool and the sandbox of this
machine, a scripted list in a test, a remote service.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from guerdon.errors import MethodError
from guerdon.records import Call, Reply

T = TypeVar("T")
Exchange: TypeAlias = Generator[Sequence[Call], Sequence[Reply], T]
Send: TypeAlias = Callable[[Sequence[Call]], Sequence[Reply]]


class Outside(Protocol):
    """What ``@outside`` makes of a generator function: the call runs it, ``exchange`` is the generator itself."""

    exchange: Callable[..., Exchange[Any]]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result, after every call has been answered."""
        ...


def outside(function: Callable[..., Exchange[Any]]) -> Outside:
    """Turn a generator of calls into a function that sends them and returns the result.

    Example:
        >>> @outside
        ... def doubled(x):
        ...     replies = yield [Call("pool", "echo", {"value": 2 * x})]
        ...     return replies[0].value
        >>> from guerdon.records import Outcome
        >>> drive(doubled.exchange(4), lambda calls: [Reply(Outcome.DONE, c.payload["value"]) for c in calls])
        8
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        from guerdon.runtime.calls import send  # most scores need no call, so no worker starts for them

        return drive(function(*args, **kwargs), send)

    signature = inspect.signature(function)
    result = str(signature.return_annotation).removeprefix("Exchange[").removesuffix("]")
    run.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined]
    run.exchange = function  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]


def drive(exchange: Exchange[T], send: Send) -> T:
    """Answer every request of an exchange with ``send`` and return its result.

    Raises:
        MethodError: the number of replies is not the number of calls.
    """
    try:
        calls = next(exchange)
        while True:
            replies = send(calls)
            if len(replies) != len(calls):
                raise MethodError("every call needs one reply", seen=len(replies), allowed=len(calls))
            calls = exchange.send(replies)
    except StopIteration as end:
        return end.value
