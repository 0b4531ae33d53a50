"""What the verifiers of this folder share: one row's outcome, and gold answers with their alternatives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from guerdon.records import Status, Verdict

Row = tuple[float, Status, str]


def scored(value: float | bool) -> Row:
    """The completion was read and judged."""
    return float(value), Status.SCORED, ""


def failed(reason: str) -> Row:
    """The completion is at fault: the floor, 0."""
    return 0.0, Status.FAILED, reason


def unscored(reason: str) -> Row:
    """Our side is at fault: NaN, never 0."""
    return math.nan, Status.UNSCORED, reason


def verdict(rows: Iterable[Row]) -> Verdict:
    """Rows as the columns of a verdict."""
    found = list(rows)
    return Verdict([r[0] for r in found], [r[1] for r in found], [r[2] for r in found])


def alternatives(gold: Any) -> list[str]:
    """The accepted answers of a row as text: a list or tuple is several, None is none."""
    several = gold if isinstance(gold, (list, tuple, set, frozenset)) else (gold,)
    return [str(g) for g in several if g is not None]


def short(text: str, limit: int = 40) -> str:
    """Text for a reason, cut."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
