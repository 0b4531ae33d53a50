"""One sandbox at level 3 for the tests of a file: what one attack does to it must not hurt the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import CaseResult, FunctionJob, Limits, StdioJob


@pytest.fixture(scope="module")
def box() -> Iterator[LocalSandbox]:
    with LocalSandbox(lanes=2) as found:
        if found.level != 3:
            pytest.skip(f"no isolation of level 3 here: {found.reason}")
        yield found


@pytest.fixture
def ask(box: LocalSandbox) -> Callable[..., CaseResult]:
    """One call of ``f`` in a new process, with short limits."""

    def one(source: str, *args, seconds: float = 0.5, memory_mb: int = 100, **limits) -> CaseResult:
        job = FunctionJob(source, "f", [{"args": args}], Limits(seconds, memory_mb, **limits))
        return box.run(job).cases[0]

    return one


@pytest.fixture
def execute(box: LocalSandbox) -> Callable[..., CaseResult]:
    """One run of a program."""

    def one(
        source: str, stdin: str = "", *argv: str, seconds: float = 0.5, memory_mb: int = 100, **limits
    ) -> CaseResult:
        job = StdioJob(source, [{"stdin": stdin, "argv": argv}], Limits(seconds, memory_mb, **limits))
        return box.run(job).cases[0]

    return one


@pytest.fixture
def below() -> Callable[[LocalSandbox], list[int]]:
    """The processes that belong to a sandbox, seen from outside."""

    def children(pid: int) -> list[int]:
        try:
            own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []
        return [p for c in own for p in (int(c), *children(int(c)))]

    def found(sandbox: LocalSandbox) -> list[int]:
        return [p for lane in list(sandbox._all) if lane.process for p in (lane.process, *children(lane.process))]

    return found
