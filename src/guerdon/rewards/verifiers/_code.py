"""What the code verifiers share: the tests of a task, the outcome of a row, and the signals per test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.records import Reply, Task
from guerdon.rewards.verifiers._program import program_of
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored

Form = Literal["all", "fraction"]
WRITES = ("item_passed", "item_credit")


class TestsError(Exception):
    """The tests of a task cannot be used; the text says why."""

    __test__ = False


@dataclass(frozen=True)
class Item:
    """The outcome of one test: None where our side could not decide it."""

    passed: bool | None
    reason: str = ""


@dataclass(frozen=True)
class Graded:
    """A row and the outcomes of its tests; ``items`` is None where it is not known how many there are."""

    row: Row
    items: Sequence[Item] | None = None


def check_limits(where: str, seconds: float, memory_mb: int) -> None:
    """Refuse limits that let nothing run.

    Raises:
        RecipeError: a limit is not positive and finite.
    """
    for name, value in (("seconds", seconds), ("memory_mb", memory_mb)):
        if not 0 < value < float("inf"):
            raise RecipeError("a limit must be positive and finite", where=f"{where}.{name}", seen=value)


def tests_of(task: Task, **needed: type) -> Mapping[str, Any]:
    """The mapping ``fields["tests"]`` of a task; its parts may also stand beside it, as columns of a data file do.

    Raises:
        TestsError: it is absent, or a needed part is absent or of another type.
    """
    found = task.fields.get("tests")
    if isinstance(found, str):
        found = {"file": found}
    elif isinstance(found, (list, tuple)):
        found = {"cases": found}
    if not isinstance(found, Mapping):
        raise TestsError("the task has no tests")
    beside = {k: task.fields[k] for k in ("entry", "preamble", "module") if k in task.fields}
    tests = {**beside, **found}
    for name, kind in {**{k: str for k in ("preamble", "module") if k in tests}, **needed}.items():
        fits = isinstance(tests.get(name), kind) or (kind is list and isinstance(tests.get(name), tuple))
        if not fits or not (tests[name] or name == "preamble"):
            raise TestsError(f"the task's tests need {name!r}, a {kind.__name__} that is not empty")
    return tests


def source_of(completion: str | None, tests: Mapping[str, Any]) -> str:
    """The program of a completion behind the preamble of its task, ``""`` for none."""
    program = program_of(completion or "")
    preamble = tests.get("preamble", "")
    # nothing between them but a line's end: the completion may be the indented body of the preamble's last function
    return f"{preamble.rstrip(chr(10))}\n{program}" if program and preamble else program


def no_program(tests: Sequence[Any] | None) -> Graded:
    """The row of a completion without a program: it passes no test."""
    return Graded(failed("no program found"), None if tests is None else [Item(False, "no program found")] * len(tests))


def missing(reply: Reply, count: int | None) -> Graded:
    """The row of a call that gave no value."""
    reason = f"{reply.outcome}: {reply.reason}" if reply.reason else str(reply.outcome)
    items = None if count is None else [Item(False if reply.theirs else None, reason)] * count
    return Graded(failed(reason) if reply.theirs else unscored(reason), items)


def judged(items: Sequence[Item], form: Form, *, ran: bool) -> Graded:
    """The row that follows from the outcomes of its tests.

    ``ran`` is False when no test got as far as a value: the completion is at fault as a whole. A test our side could
    not decide leaves the row unscored, except under ``all`` where another one has failed: it decides.
    """
    passed = sum(i.passed is True for i in items)
    open_ = [i for i in items if i.passed is None]
    first = next((f"test {k}: {i.reason}" for k, i in enumerate(items, 1) if i.passed is False), "")
    if open_ and (form == "fraction" or not first):
        return Graded(unscored(open_[0].reason), items)
    if not ran:
        return Graded(failed(items[0].reason), items)
    score = passed / len(items) if form == "fraction" else float(passed == len(items))
    _, status, _ = scored(score)
    return Graded((score, status, f"{passed} of {len(items)} passed; {first}" if first else ""), items)


def item_signals(graded: Sequence[Graded], task: Sequence[Task]) -> tuple[Tensor, Tensor]:
    """``item_passed`` [batch, 1, items] and ``item_credit`` with NaN where a row has no such test, or it is open.

    A row that was stopped before its tests were counted failed as many as the other rows of its task have.
    """
    known: dict[str, int] = {}
    for g, t in zip(graded, task, strict=True):
        known[t.id] = max(known.get(t.id, 0), len(g.items or ()))
    width = max(known.values(), default=0)
    credit = torch.full((len(graded), 1, width), torch.nan)
    for i, (g, t) in enumerate(zip(graded, task, strict=True)):
        stopped = [Item(False if g.row[1].counts else None)] * known[t.id]
        for j, item in enumerate(stopped if g.items is None else g.items):
            if item.passed is not None:
                credit[i, 0, j] = float(item.passed)
    return credit == 1.0, credit


def results_of(reply: Reply, count: int) -> Sequence[Any] | None:
    """The results of a sandbox job, one per case; None where their number is another."""
    return reply.value if len(reply.value) == count else None


def outcome_item(result: Any) -> Item:
    """The test of a case that gave no value."""
    reason = f"{str(result.outcome).replace('_', ' ')}: {result.error}".removesuffix(": ")
    return Item(None if result.outcome == "unavailable" else False, short(reason, 160)[1:-1])


def noted(graded: Graded, note: str) -> Graded:
    """The row with what everybody who reads it should know, such as a weak isolation."""
    score, status, reason = graded.row
    return replace(graded, row=(score, status, "; ".join(filter(None, (reason, note))))) if note else graded
