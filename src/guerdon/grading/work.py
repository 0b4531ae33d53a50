"""Rows through a grader in batches: memory flat, every batch written before the next, resumable at any moment."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Literal

from guerdon.errors import DataError, RecipeError, RunError
from guerdon.grading.batch import Graded, Item
from guerdon.grading.cells import pick
from guerdon.grading.grader import Bound
from guerdon.grading.output import Output
from guerdon.grading.sources import Digest, Source
from guerdon.grading.tally import Tally

BATCH = 256
See = Callable[[list[tuple[Item, Graded]], bool], None]  # rows just finished, and whether an earlier run scored them


@dataclass(frozen=True)
class Ended:
    """How the work ended, and the account of it; ``error`` is the bad row that stopped it."""

    tally: Tally
    how: Literal["finished", "interrupted", "unscored", "bad row"]
    error: DataError | None = None


class Stop:
    """SIGINT or SIGTERM once: finish the batch, keep it, end. Twice: end at once; the open batch is lost."""

    def __init__(self, say: Callable[[str], None] = lambda text: None):
        self.asked, self.say = False, say
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._caught)
        except ValueError:  # not the main thread: the caller owns the signals
            self._before = {}
        return self

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.say("stopping after this batch; once more stops at once and loses the batch")

    def __exit__(self, *args: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def request(bound: Bound, found: Digest, *, batch: int, limit: int | None) -> dict[str, Any]:
    """Everything that determines the lines of the output; stored beside them."""
    from importlib.metadata import version

    grader = bound.grader
    return {
        "v": 1, "guerdon": version("guerdon"), "rewards": bound.describe(), "id": grader.id_column,
        "group": grader.group_column, "gold_format": grader.gold_format, "batch": batch, "limit": limit,
        "size": found.size, "sha256": found.sha256,
    }  # fmt: skip


def check(bound: Bound, *, batch: int, limit: int | None, resume: bool) -> None:
    """Refuse what cannot work before anything is read.

    Raises:
        RecipeError: a batch or limit out of range, or rewards that cannot be cut into batches or resumed.
    """
    if batch < 0 or (limit is not None and limit < 1):
        where, seen = ("--batch", batch) if batch < 0 else ("--limit", limit)
        raise RecipeError("not a number of rows", where=where, seen=seen, allowed="1 and more; --batch 0 for all")
    parts = bound.grader.parts
    if bound.grader.scope == "batch" and batch:
        raise RecipeError(
            "a reward takes statistics over everything it is given", where="--batch", seen=batch,
            allowed=[p.label for p in parts if p.component.card.scope not in ("row", "group")],
            fix="--batch 0, which holds the whole file in memory",
        )  # fmt: skip
    if bound.grader.stateful and resume:
        raise RecipeError(
            "a reward remembers the rows before, which a file of scores does not hold", where="--resume",
            seen=[p.label for p in parts if p.component.method.stateful], fix="score again from the start",
        )  # fmt: skip


def batches(items: Iterable[Item], bound: Bound, size: int) -> Iterator[list[Item]]:
    """Items in batches; where a reward compares the samples of a group, a batch ends only between groups.

    Raises:
        DataError: rows of a group do not stand together.
    """
    whole = bound.grader.scope != "row"
    open_group, closed = "", set()
    batch: list[Item] = []
    for item in items:
        group = _group(bound, item) if whole else None
        between = group is not None and group != open_group
        if between and whole:
            if hash(group) in closed:
                raise DataError("the rows of a group do not stand together", where=item.place, seen=group,
                                fix="sort the file by its group column")  # fmt: skip
            closed.add(hash(open_group))
            open_group = group or ""
        if size and len(batch) >= size and (not whole or between):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _group(bound: Bound, item: Item) -> str | None:
    try:
        return None if isinstance(item.row, DataError) else bound.group(item)
    except DataError:
        return None  # a bad row stays with the group it stands in


def run(
    source: Source, bound: Bound, *, output: Output | None = None, batch: int = BATCH, limit: int | None = None,
    strict: bool = False, keep_going: bool = False, see: See = lambda rows, old: None,
    stop: Callable[[], bool] = lambda: False, tally: Tally | None = None,
) -> Ended:  # fmt: skip
    """Score every row of a source, after those that the output already has.

    Args:
        source: the rows.
        bound: the rewards.
        output: where lines go; None writes none.
        batch, limit: rows per batch, and rows at most.
        strict: end at the first bad row; the rows before it are kept.
        keep_going: go on although more than 20% cannot be scored.
        see: is told every finished batch, rows of an earlier run included.
        stop: asked after every batch whether to end.
        tally: the account to fill, for whoever wants to watch it.

    Raises:
        DataError: the source cannot be read further.
        RunError: the output is not that of this source.
    """
    tally = Tally() if tally is None else tally
    old = output.lines() if output is not None else iter(())
    offset, replaying = 0, output is not None
    for items in batches(itertools.islice(source.items(), limit), bound, batch):
        if replaying and output is not None:
            known = list(itertools.islice(old, len(items)))
            if len(known) == len(items):
                rows = [(i, _same(bound, i, g, output)) for i, (g, _) in zip(items, known, strict=True)]
                offset = known[-1][1]
                _count(tally, rows, bound)
                see(rows, True)
                continue
            output.keep(offset)
            replaying = False
        graded, problem = _cut(bound.grade(items), strict)
        if output is not None:
            output.write(graded)
        rows = list(zip(items, graded, strict=False))
        _count(tally, rows, bound)
        see(rows, False)
        if problem is not None:
            return Ended(tally, "bad row", problem)
        if stop():
            return Ended(tally, "interrupted")
        if not keep_going and tally.too_many(done=False):
            return Ended(tally, "unscored")
    if replaying and output is not None and next(old, None) is not None:
        raise RunError("the file of scores has more lines than the input has rows", where=str(output.path),
                       fix="score again into another file")  # fmt: skip
    return Ended(tally, "unscored" if tally.too_many(done=True) and not keep_going else "finished")


def _cut(graded: list[Graded], strict: bool) -> tuple[list[Graded], DataError | None]:
    for i, found in enumerate(graded):
        if strict and found.error is not None:
            return graded[:i], found.error
    return graded, None


def _same(bound: Bound, item: Item, found: Graded, output: Output) -> Graded:
    if found.id != bound.id(item):
        raise RunError(
            "the file of scores does not follow the rows of the input", where=str(output.path),
            seen=f"{found.id} where {bound.id(item)} should stand", fix="score again into another file",
        )  # fmt: skip
    return replace(found, place=item.place)


def _count(tally: Tally, rows: list[tuple[Item, Graded]], bound: Bound) -> None:
    for item, found in rows:
        tally.add(found, texts(bound, item))


def texts(bound: Bound, item: Item) -> dict[str, Any]:
    """Prompt, completion and gold answer of a row as they stand in it, for showing."""
    out: dict[str, Any] = {}
    if not isinstance(item.row, DataError):
        for name in ("prompt", "completion", "gold"):
            try:
                out[name] = pick(item.row, bound.column(name))
            except DataError:
                out[name] = None
    return out
