"""Scoring in Python: rows or completions in, one graded row each out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon.errors import DataError
from guerdon.grading.batch import Graded, Item
from guerdon.grading.grader import Grader
from guerdon.grading.sources import FileSource, peek
from guerdon.grading.tally import Tally
from guerdon.grading.work import BATCH, batches, texts
from guerdon.records import Status

Rewards = str | Sequence[str] | Grader


@dataclass(frozen=True)
class Scored(Sequence[Graded]):
    """Scores in the order of the rows: one :class:`Graded` each, its columns as lists, and a summary."""

    rows: tuple[Graded, ...]
    tally: Tally

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[Graded]:
        return iter(self.rows)

    @property
    def score(self) -> list[float]:
        """Weighted sum of the rewards per row, NaN where it could not be scored."""
        return [g.score for g in self.rows]

    @property
    def status(self) -> list[Status]:
        """Status per row."""
        return [g.status for g in self.rows]

    @property
    def reason(self) -> list[str]:
        """Why a row is not plainly scored, else empty."""
        return [g.reason for g in self.rows]

    @property
    def aspects(self) -> dict[str, list[float]]:
        """Every single reward by its label."""
        names = dict.fromkeys(n for g in self.rows for n in g.aspects)
        return {n: [g.aspects.get(n, float("nan")) for g in self.rows] for n in names}

    def summary(self) -> dict[str, Any]:
        """Counts by status and cause, and the mean of every reward with its 95% interval."""
        return self.tally.data()


def reward(
    *rewards: str,
    columns: Mapping[str, str] | None = None,
    group: str = "",
    gold_format: str = "",
    allow_code: bool = False,
) -> Grader:
    """Rewards by name as one callable thing, for :func:`score` and the adapters of trainers.

    Args:
        rewards: as behind ``--with``: ``"numeric_close:gold=answer,relative=0.01"``.
        columns: signals read from columns of another name, for all rewards: ``{"gold": "answer"}``.
        group: column that tells which rows are samples of one prompt.
        gold_format: how the answer is cut out of a gold text that holds a whole solution: ``hash`` for GSM8K.
        allow_code: whether a dotted path to your own code may be imported.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.

    Example:
        >>> reward("answer_equal", "length_penalty:length=@words").name
        'answer_equal+length_penalty'
    """
    return Grader(rewards, columns=columns, group_column=group, gold_format=gold_format, allow_code=allow_code)


def score(
    rows: Iterable[Mapping[str, Any] | str] | Path,
    rewards: Rewards,
    *,
    gold: str | Sequence[Any] | None = None,
    prompt: str | Sequence[Any] | None = None,
    columns: Mapping[str, str] | None = None,
    group: str = "",
    gold_format: str = "",
    batch: int = BATCH,
    allow_code: bool = False,
) -> Scored:
    """Score rows, completions or a file with rewards by name.

    Args:
        rows: mappings of columns; or completions, each a text; or the path of a JSONL, JSON or parquet file.
        rewards: one or several, as behind ``--with``, or what :func:`reward` made.
        gold, prompt: the column of that name, or for completions a value per row.
        columns: further signals read from columns of another name.
        group: column that tells which rows are samples of one prompt.
        gold_format: how the answer is cut out of a gold text that holds a whole solution: ``hash`` for GSM8K.
        batch: rows scored at a time, 0 for all at once.
        allow_code: whether a dotted path to your own code may be imported.

    Returns:
        One graded row per row, in order; what could not be scored is NaN with a reason, never 0.

    Raises:
        RecipeError, UnknownNameError: a reward, key, value or column is wrong.
        DataError: there is no row, or values given per row do not match them in number.

    Example:
        >>> found = score(["4", "5", "four"], "answer_equal:normalise=number", gold=["4", "4", "4"])
        >>> found.score, found.reason[2]
        ([1.0, 0.0, 0.0], "answer is not a number: 'four'")
    """
    values = {n: v for n, v in (("gold", gold), ("prompt", prompt)) if v is not None and not isinstance(v, str)}
    named = {n: v for n, v in (("gold", gold), ("prompt", prompt)) if isinstance(v, str)}
    chosen = {**(columns or {}), **named}
    if isinstance(rewards, Grader):
        grader = rewards.over(chosen, group, gold_format)
    else:
        asks = [rewards] if isinstance(rewards, str) else list(rewards)
        grader = Grader(
            asks, columns=chosen, group_column=group, gold_format=gold_format, allow_code=allow_code
        )  # fmt: skip
    if isinstance(rows, Path):
        source = FileSource(rows)
        known, items = peek(source), source.items()
    else:
        listed = _items(rows, values)
        known = {str(n): None for i in listed if isinstance(i.row, Mapping) for n in i.row}
        items = iter(listed)
    bound = grader.bind(known)
    batch = 0 if grader.scope == "batch" else batch
    tally, out = Tally(), []
    for part in batches(items, bound, batch):
        graded = bound.grade(part)
        for item, found in zip(part, graded, strict=True):
            tally.add(found, texts(bound, item))
        out += graded
    return Scored(tuple(out), tally)


def _items(rows: Iterable[Mapping[str, Any] | str], values: Mapping[str, Sequence[Any]]) -> list[Item]:
    if isinstance(rows, str):
        raise DataError("rows are a list", seen="one text", fix="score([text], …)")
    listed = [{"completion": r} if isinstance(r, str) else r for r in rows]
    if not listed:
        raise DataError("no row to score", seen="0 rows")
    for name, given in values.items():
        if len(given) != len(listed):
            raise DataError("every row needs one value", where=name, seen=len(given), allowed=len(listed))
    extra = [{n: v[i] for n, v in values.items()} for i in range(len(listed))]
    whole = [
        DataError("a row is a mapping or a text", seen=type(r).__name__) if not isinstance(r, Mapping) else {**r, **e}
        for r, e in zip(listed, extra, strict=True)
    ]
    return [Item(i, f"row {i}", row) for i, row in enumerate(whole, start=1)]
