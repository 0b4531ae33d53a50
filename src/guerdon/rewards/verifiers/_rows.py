"""What the verifiers of this folder share: one row's outcome, and gold answers with their alternatives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from guerdon.records import Reply, Status, Verdict

Row = tuple[float, Status, str]


def scored(value: float | bool, reason: str = "") -> Row:
    """The completion was read and judged; ``reason`` says what was missing, where that helps."""
    return float(value), Status.SCORED, reason


def failed(reason: str) -> Row:
    """The completion is at fault: the floor, 0."""
    return 0.0, Status.FAILED, reason


def unscored(reason: str) -> Row:
    """Our side is at fault: NaN, never 0."""
    return math.nan, Status.UNSCORED, reason


def without_value(reply: Reply, what: str) -> Row:
    """A row whose call brought no value: whose fault it is, the runtime has settled."""
    text = f"{what} ended with {reply.outcome}" + (f": {reply.reason}" if reply.reason else "")
    return failed(text) if reply.theirs else unscored(text)


def verdict(rows: Iterable[Row]) -> Verdict:
    """Rows as the columns of a verdict."""
    found = list(rows)
    return Verdict([r[0] for r in found], [r[1] for r in found], [r[2] for r in found])


def alternatives(gold: Any) -> list[str]:
    """The accepted answers of a row as text: a list or tuple is several, None is none."""
    several = gold if isinstance(gold, (list, tuple, set, frozenset)) else (gold,)
    return [str(g) for g in several if g is not None]


def item_lists(gold: Any) -> list[list[Any]]:
    """The accepted answers of a row where one answer has several items.

    A flat list is one answer, a list of lists is several, and anything else is one answer of one item; None is none.

    Example:
        >>> item_lists(["a", "b"]), item_lists([["a"], ["b"]]), item_lists("a, b"), item_lists(None)
        ([['a', 'b']], [['a'], ['b']], [['a, b']], [])
    """
    several = (list, tuple, set, frozenset)
    if gold is None:
        return []
    if not isinstance(gold, several):
        return [[gold]]
    if gold and all(isinstance(g, several) for g in gold):
        return [list(g) for g in gold]
    return [[g for g in gold if g is not None]]


def short(text: str, limit: int = 40) -> str:
    """Text for a reason, cut."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
