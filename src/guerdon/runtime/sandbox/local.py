"""The sandbox of this machine: warm processes that fork a shut-in process for every run."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from guerdon.errors import MethodError, RecipeError
from guerdon.runtime import machine
from guerdon.runtime.sandbox import verdict
from guerdon.runtime.sandbox.lane import Lane
from guerdon.runtime.sandbox.orders import healthy, inputs, once, order_of
from guerdon.runtime.sandbox.protocol import CaseOutcome as Case
from guerdon.runtime.sandbox.protocol import CaseResult, FunctionJob, JobResult, Limits, StdioJob
from guerdon.runtime.sandbox.run import LaneError, Run

TRUST = "GUERDON_TRUST_CODE"
NOTES = {
    0: "",
    1: "isolation level 1: the code could read and change files of this user, because it was declared to be trusted",
    2: "isolation level 2: name spaces and limits only; install bubblewrap for level 3",
    3: "",
}
MAX_STOPS = 3  # cases of a job that gave no answer, after which the rest is not run
_ATTEMPTS = 3
SESSION_FACTOR = 1000  # processor seconds of a whole session, in those of a call: a net, each call is watched


class Holder(Protocol):
    """Where a warm process comes from, and where it goes afterwards."""

    def take(self) -> Lane:
        """A warm process for the caller alone."""
        ...

    def give(self, lane: Lane) -> None:
        """It is in order and not needed now."""
        ...

    def drop(self, lane: Lane) -> None:
        """It is not in order."""
        ...


class LocalSandbox:
    """Runs code on this machine, at the highest level of isolation that it allows.

    Nothing starts before the first run. Threads share it; a process that was forked from the one that uses it gets
    warm processes of its own.

    Args:
        level: 1, 2 or 3; None for the highest from 2 upwards that works here.
        lanes: how many jobs run at the same time; None for as many as this process may use cores.
        preload: packages that the warm processes import first and the code may use, for example ``("numpy",)``.
        trust: level 1 may be used: the code could read and change the files of this user. None asks the environment
            variable ``GUERDON_TRUST_CODE``.
        tasks: runs after which a warm process is replaced.

    Raises:
        RecipeError: a setting is out of range, or level 1 without trust.

    Example:
        >>> with LocalSandbox() as box:  # doctest: +SKIP
        ...     box.run(FunctionJob("def f(x): return 2 * x", "f", [{"args": [3]}])).cases[0].value
        6
    """

    def __init__(self, *, level: int | None = None, lanes: int | None = None, preload: Sequence[str] = (),
                 trust: bool | None = None, tasks: int = 1000):  # fmt: skip
        self.lanes, self.preload, self.tasks = lanes or machine.cores(), tuple(preload), tasks
        self.trust = os.environ.get(TRUST) == "1" if trust is None else trust
        if (level is not None and level not in (1, 2, 3)) or self.lanes < 1 or tasks < 1:
            raise RecipeError(
                "a setting of the sandbox is out of range", where="level, lanes, tasks", seen=(level, lanes, tasks),
                allowed="level 1, 2, 3 or None; the others above 0",
            )  # fmt: skip
        if level == 1 and not self.trust:
            raise RecipeError(
                "level 1 does not keep code away from your files", where="level", seen=1, allowed="2, 3",
                fix=f"say that you trust the code with trust=True or {TRUST}=1",
            )  # fmt: skip
        self._found, self.reason = level, ""
        self._idle: list[Lane] = []
        self._all: set[Lane] = set()
        self._working = 0
        self._free = threading.Condition()
        _SANDBOXES.add(self)

    @property
    def level(self) -> int:
        """The level that runs have here; 0 when nothing can run, and ``reason`` says why."""
        with self._free:
            if self._found is None:
                self._found, self.reason = self._choose()
                if NOTES[self._found]:
                    warnings.warn(NOTES[self._found], RuntimeWarning, stacklevel=2)
            return self._found

    def run(self, job: FunctionJob | StdioJob) -> JobResult:
        """Run a job; see :class:`guerdon.runtime.sandbox.protocol.Sandbox`."""
        results: list[CaseResult] = []
        stops = 0
        with contextlib.ExitStack() as stack:
            session = None
            if isinstance(job, FunctionJob) and not job.fresh:
                session = stack.enter_context(self.session(job.source, limits=job.limits))
            for i, case in enumerate(job.cases):
                if stops >= MAX_STOPS:
                    results.append(CaseResult(results[-1].outcome, error=f"not run: {MAX_STOPS} cases gave no answer"))
                    continue
                where = f"case {i}"
                if isinstance(job, StdioJob):
                    result = self._program(job, case, where)
                elif session is not None:
                    args, kwargs = inputs(case, where)
                    result = session.call(job.entry, args, kwargs)
                else:
                    args, kwargs = inputs(case, where)
                    order = order_of(job.source, job.entry, args, kwargs, False, job.limits, where)
                    result = self.settle(lambda lane, o=order: once(lane, o, job.limits))
                results.append(result)
                stops += result.outcome in verdict.DOUBTFUL
        return JobResult(tuple(results), self.level, NOTES[self.level])

    def session(self, source: str, *, limits: Limits | None = None) -> LocalSession:
        """A process of its own for some source; it has a warm process to itself until it is closed."""
        return LocalSession(self, source, limits or Limits())

    def close(self) -> None:
        """End all warm processes. The next run starts new ones."""
        with self._free:
            lanes, self._idle, self._all, self._working = list(self._all), [], set(), 0
        for lane in lanes:
            lane.close()

    def __enter__(self) -> LocalSandbox:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # warm processes

    def take(self, wait: bool = True) -> Lane:
        """A warm process for the caller alone.

        Raises:
            LaneError: none can be started.
        """
        level = self.level
        if not level:
            raise LaneError(self.reason)
        with self._free:
            while wait and not self._idle and self._working >= self.lanes:
                self._free.wait()
            self._working += 1
            if self._idle:
                return self._idle.pop()
        try:
            lane = Lane(level, self.preload)
        except BaseException:
            with self._free:
                self._working -= 1
                self._free.notify()
            raise
        with self._free:
            self._all.add(lane)
        if level == 3 and lane.missing:
            self.drop(lane)
            raise LaneError(f"level 3 is not reached here: {'; '.join(lane.missing)}")
        return lane

    def give(self, lane: Lane) -> None:
        """Give a warm process back that is in order."""
        with self._free:
            known = lane in self._all
            self._working -= known
            keep = known and lane.served < self.tasks and len(self._idle) < self.lanes
            if keep:
                self._idle.append(lane)
            else:
                self._all.discard(lane)
            self._free.notify()
        if not keep:
            lane.close()

    def drop(self, lane: Lane) -> None:
        """End a warm process that is not in order."""
        with self._free:
            self._working -= lane in self._all
            self._all.discard(lane)
            self._free.notify()
        lane.close()

    def settle(self, work: Callable[[Lane], CaseResult], holder: Holder | None = None) -> CaseResult:
        """Have something run, and decide whose fault it is when it gives no value.

        A time-out or a crash is charged to the code only when a known-good program passes on the same warm process
        right after. What ends a warm process is tried again on a new one, which must pass that program first; what
        ends two healthy ones is at fault.
        """
        holder = holder or self
        reason, ended = "", 0
        for _ in range(_ATTEMPTS):
            try:
                lane = holder.take()
            except LaneError as error:
                return CaseResult(Case.UNAVAILABLE, error=str(error))
            proven = False
            try:
                proven = not ended or healthy(lane)
                if proven:
                    result = work(lane)
                    if result.outcome not in verdict.DOUBTFUL or healthy(lane):
                        holder.give(lane)
                        return result
                    proven = False
                reason = "a known-good program failed on this machine"
                holder.drop(lane)
            except LaneError as error:
                holder.drop(lane)
                reason = str(error)
                ended += proven
                if ended >= 2:
                    return CaseResult(Case.CRASHED, error=f"it ended two healthy processes: {reason}", level=lane.level)
            except BaseException:
                holder.drop(lane)
                raise
        return CaseResult(Case.UNAVAILABLE, error=reason)

    def _program(self, job: StdioJob, case: Mapping[str, Any], where: str) -> CaseResult:
        stdin, argv = case.get("stdin", ""), case.get("argv", ())
        if not isinstance(stdin, str) or not all(isinstance(a, str) for a in argv):
            raise MethodError("stdin must be text and argv texts", where=where, seen=repr(case))
        data = stdin.encode("utf-8", "surrogatepass")
        order = {"source": job.source, "argv": list(argv)}

        def work(lane: Lane) -> CaseResult:
            run = lane.begin(job.limits, job.limits.seconds + 1, data)
            lane.ask(run, order, until_end=True)
            return verdict.of_program(run, lane.end(run), lane.level)

        return self.settle(work)

    def _choose(self) -> tuple[int, str]:
        """The highest level at which a warm process really starts; it is kept for the first run."""
        reasons = []
        for level in (3, 2, 1) if self.trust else (3, 2):
            try:
                lane = Lane(level, self.preload)
            except LaneError as error:
                reasons.append(f"level {level}: {error}")
                continue
            if level == 3 and lane.missing:
                lane.close()
                reasons.append(f"level 3: {'; '.join(lane.missing)}")
                continue
            self._all.add(lane)
            self._idle.append(lane)
            return level, "; ".join(reasons)
        return 0, f"code cannot be isolated on this machine ({'; '.join(reasons)}): install bubblewrap"

    def _forked(self) -> None:
        lanes, self._idle, self._all, self._working = list(self._all), [], set(), 0
        self._free = threading.Condition()  # the old one may be held by a thread that does not exist here
        for lane in lanes:
            lane.abandon()


class LocalSession:
    """A process of its own for some source; see :class:`guerdon.runtime.sandbox.protocol.Session`."""

    def __init__(self, sandbox: LocalSandbox, source: str, limits: Limits):
        self._sandbox, self._source, self._limits = sandbox, source, limits
        self._lane: Lane | None = None
        self._run: Run | None = None

    def call(
        self, entry: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *, arguments: bool = False
    ) -> CaseResult:
        """Call a function of the source."""
        order = order_of(self._source, entry, args, kwargs or {}, arguments, self._limits, f"call of {entry}")
        return self._sandbox.settle(lambda lane: self._ask(lane, order), self)

    def close(self) -> None:
        """End the process and all that it started."""
        lane, run = self._lane, self._run
        self._lane = self._run = None
        if lane is None:
            return
        try:
            if run is not None:
                lane.end(run)
        except LaneError:
            self._sandbox.drop(lane)
        else:
            self._sandbox.give(lane)

    def take(self) -> Lane:
        """Its warm process; sessions never wait for one, or those who hold several would wait for themselves."""
        return self._lane or self._sandbox.take(wait=False)

    def give(self, lane: Lane) -> None:
        """Keep the warm process for the next call."""
        self._lane = lane

    def drop(self, lane: Lane) -> None:
        """Its warm process is not in order."""
        self._lane = self._run = None
        self._sandbox.drop(lane)

    def __enter__(self) -> LocalSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, lane: Lane, order: Mapping[str, Any]) -> CaseResult:
        limits, run = self._limits, self._run
        if run is None:
            run = self._run = lane.begin(limits, SESSION_FACTOR * limits.seconds)
        else:
            lane.begin_call()
        before = len(run.stdout)
        lane.ask(run, order)
        seconds = lane.pause(run)
        result = verdict.of_call(run, run.ended, lane.level, seconds, slice(before, None))
        if run.ended is not None or result.outcome in verdict.DOUBTFUL:
            self._run = None
            lane.end(run)
        return result


# processes belong to a process, not to an object: what ends or forks must find every sandbox
_SANDBOXES: weakref.WeakSet[LocalSandbox] = weakref.WeakSet()


def _close_all() -> None:
    for sandbox in list(_SANDBOXES):
        sandbox.close()


def _forget_all() -> None:
    for sandbox in list(_SANDBOXES):
        sandbox._forked()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
