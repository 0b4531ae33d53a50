"""What a sandbox is: jobs in, results out; a container or a remote service can take the place of the local one.

Expected values never enter a sandbox. An input goes in, a plain value comes out, and what decides about it is outside.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol

Level = Literal[0, 1, 2, 3]


class CaseOutcome(enum.StrEnum):
    """How one case ended, with the question of fault already settled.

    A value: ``RETURNED`` (a function), ``EXITED`` (a program ended by itself, with any exit code). At the fault of the
    code: ``RAISED`` an exception left it, ``TIMEOUT``, ``MEMORY``, ``CRASHED`` its process ended without a value,
    ``NOT_PLAIN`` the value is no plain data, ``TOO_LARGE`` the value or the output is above its cap. At our fault:
    ``UNAVAILABLE`` nothing healthy could run it.
    """

    RETURNED = "returned"
    EXITED = "exited"
    RAISED = "raised"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    NOT_PLAIN = "not_plain"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Limits:
    """What one case may use.

    Args:
        seconds: processor time, or time asleep; time in which a busy machine lets it wait is not counted.
        memory_mb: memory beyond that of the interpreter.
        output_bytes: what it may write on each of standard output and standard error.
        value_bytes: the value it returns, encoded.
        disk_mb: files in its own folder, which is a memory file system that vanishes with it.
        processes: processes and threads at the same time.
    """

    seconds: float = 5.0
    memory_mb: int = 512
    output_bytes: int = 1 << 20
    value_bytes: int = 4 << 20
    disk_mb: int = 16
    processes: int = 32


@dataclass(frozen=True)
class CaseResult:
    """One call of a function, or one run of a program.

    Args:
        outcome: how it ended.
        value: the plain value of a call that ``returned``: None, bool, int, float, str, bytes, complex, list, tuple,
            dict, set and frozenset of exactly these types; NaN stays NaN. None otherwise, so look at ``outcome`` first.
        error: why there is no value, ``Name: text`` for an exception; control characters are visible escapes.
        stdout: of a program, exactly what it wrote (bytes that are no UTF-8 as ``\\xff``): never show it unescaped. Of
            a function, the first part of what it printed, with visible escapes.
        stderr: of a program, with visible escapes.
        exit_code: of a program that ``exited``.
        seconds: processor time it used, or slept if that is more.
        args: the positional arguments after the call, when asked for; None where they are no plain data any more.
        level: the isolation level it ran at, 0 when it did not run.
    """

    outcome: CaseOutcome
    value: Any = None
    error: str = ""
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    args: tuple[Any, ...] | None = None
    level: int = 0

    @property
    def theirs(self) -> bool:
        """Whether the code is at fault for a missing value."""
        return self.outcome not in (CaseOutcome.RETURNED, CaseOutcome.EXITED, CaseOutcome.UNAVAILABLE)


@dataclass(frozen=True)
class FunctionJob:
    """Call a function of some source once per case.

    Args:
        source: the code nobody trusts; it is executed first, as the module ``__main__`` is not (``__name__`` is
            ``"solution"``).
        entry: name of the function; ``Class.method`` makes an object without arguments first.
        cases: each with ``args``, a sequence, and perhaps ``kwargs``, a mapping; plain values only.
        limits: of every case; executing the source counts as part of the first call in its process.
        fresh: a new process for every case; otherwise one process goes on as long as it answers.
    """

    source: str
    entry: str
    cases: Sequence[Mapping[str, Any]]
    limits: Limits = field(default_factory=Limits)
    fresh: bool = True


@dataclass(frozen=True)
class StdioJob:
    """Run some source as a program once per case, each time in a new process.

    Args:
        source: the code nobody trusts; ``__name__`` is ``"__main__"``.
        cases: each with ``stdin``, a text, and perhaps ``argv``, texts.
        limits: of every case.
    """

    source: str
    cases: Sequence[Mapping[str, Any]]
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class JobResult:
    """What became of a job.

    Args:
        cases: one result per case, in order.
        level: the isolation level.
        note: what everybody who reads the results should know (isolation weaker than level 3), else empty.
    """

    cases: tuple[CaseResult, ...]
    level: int
    note: str = ""


class Session(Protocol):
    """A process of its own in which some source has been executed; it keeps what the calls change.

    When it ended (a time-out, a crash), the next call runs in a new process with the same source.
    """

    def call(
        self, entry: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *, arguments: bool = False
    ) -> CaseResult:
        """Call a function of the source. Source that raised when executed gives that as the result of every call.

        Args:
            entry: name of the function, or ``Class.method``.
            args: plain values.
            kwargs: plain values.
            arguments: also return the positional arguments as they are after the call.

        Raises:
            MethodError: an argument is no plain value.
        """
        ...

    def close(self) -> None:
        """End the process and all that it started."""
        ...

    def __enter__(self) -> Session: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sandbox(Protocol):
    """Runs code nobody trusts. Implementations are safe to use from several threads."""

    @property
    def level(self) -> int:
        """Isolation level of what runs here: 3 full, 2 name spaces, 1 a separate process only, 0 nothing can run."""
        ...

    def session(self, source: str, *, limits: Limits | None = None) -> Session:
        """A process of its own in which ``source`` is executed with the first call."""
        ...

    def run(self, job: FunctionJob | StdioJob) -> JobResult:
        """Run a job and wait. What goes wrong with it is in the results: this raises for faults of the caller only.

        Raises:
            MethodError: an input of a case is no plain value, or a case lacks a part.
        """
        ...
