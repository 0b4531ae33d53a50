"""The pool as callers see it: send calls and get replies, from any thread, asyncio, or a forked process."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
import weakref
from collections.abc import Sequence

from guerdon.errors import RecipeError
from guerdon.records.calls import Call, Reply
from guerdon.runtime.machine import cores
from guerdon.runtime.pool.batch import Batch
from guerdon.runtime.pool.engine import Engine, Settings
from guerdon.runtime.pool.helper import search_path

__all__ = ["Pool", "Settings", "default_pool"]


class Pool:
    """Worker processes for trusted programs; starts with the first call and ends with the process.

    Several threads and asyncio tasks share one pool. A process that was forked from the one that uses it gets workers
    of its own with its first call.

    Args:
        settings: how it behaves; None for as many workers as this process may use cores, at least two.

    Raises:
        RecipeError: a setting is out of range.

    Example:
        >>> with Pool(Settings(workers=1)) as pool:
        ...     pool.send([Call("pool", "basic.echo", {"value": 3})])[0].value
        3
    """

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings(workers=max(2, cores()))
        for name in ("workers", "tasks", "cap", "canary_seconds"):
            if not getattr(self.settings, name) > 0:
                raise RecipeError("a pool setting must be above 0", where=name, seen=getattr(self.settings, name))
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = os.getpid()
        _POOLS.add(self)

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Run calls and wait; see :func:`guerdon.runtime.calls.send`."""
        batch = self._submit(calls)
        try:
            return batch.future.result()
        except BaseException:
            self._give_up(batch)
            raise

    async def asend(self, calls: Sequence[Call]) -> list[Reply]:
        """Run calls while the loop runs on; a task that is cancelled gives its calls up."""
        batch = self._submit(calls)
        try:
            return await asyncio.wrap_future(batch.future)
        except BaseException:
            self._give_up(batch)
            raise

    def close(self) -> None:
        """End all workers; calls that are out fail. The next call starts new ones."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def workers(self) -> list[int]:
        """Process numbers of the helper and of its workers, for those who watch them."""
        engine = self._engine
        helper = engine.crew.helper if engine is not None else None
        if engine is None or helper is None:
            return []
        return [helper.process.pid, *(h.pid for h in list(engine.crew.hands) if h.pid)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _submit(self, calls: Sequence[Call]) -> Batch:
        s = self.settings
        batch = Batch(calls, s.package, s.cap, s.workers)
        if not calls:
            batch.future.set_result([])
            return batch
        if self._pid != os.getpid():  # forked by something that does not tell the interpreter
            self._forked()
        with self._lock:
            if self._engine is None or self._engine.closing:
                self._engine = Engine(s, search_path())
            self._engine.submit(batch)
        return batch

    def _give_up(self, batch: Batch) -> None:
        batch.future.cancel()
        engine = self._engine
        if engine is not None:
            engine.ring()

    def _forked(self) -> None:
        engine, self._engine = self._engine, None
        self._pid = os.getpid()
        self._lock = threading.Lock()  # the old one may be held by a thread that does not exist here
        if engine is not None:
            engine.abandon()


@functools.cache
def default_pool() -> Pool:
    """The pool that :func:`guerdon.runtime.calls.send` uses in this process."""
    return Pool()


# processes belong to a process, not to an object: what ends or forks must find every pool
_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def _close_all() -> None:
    for pool in list(_POOLS):
        pool.close()


def _forget_all() -> None:
    for pool in list(_POOLS):
        pool._forked()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
