"""Pools with the programs that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.runtime.pool.support import hostile

from guerdon.records import Call, Reply
from guerdon.runtime.pool.pool import Pool


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One pool for the tests of a file: what one test does to it must not hurt the next."""
    with Pool(hostile()) as found:
        yield found


@pytest.fixture
def ask(pool: Pool) -> Callable[..., Reply]:
    """One call of a program that misbehaves, with short limits."""

    def one(program: str, limit: float = 0.3, memory_mb: int = 200, **payload) -> Reply:
        return pool.send([Call("pool", f"bombs.{program}", payload, limit, memory_mb)])[0]

    return one
