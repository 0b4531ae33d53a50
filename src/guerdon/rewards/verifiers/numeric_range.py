"""Numbers that must lie in an interval."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import number_of, same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored, verdict

_BRACKETED = re.compile(r"([\[(])([^,;]*)[,;]([^,;]*)([\])])")
_DOTS = re.compile(r"(.+?)\s*(?:\.\.\.?|…)\s*(.+)")
_COMPARED = re.compile(r"(<=|>=|<|>|≤|≥)\s*(.+)")
_AROUND = re.compile(r"(.+?)\s*(?:±|\+/-|\+-)\s*(.+)")


@dataclass(frozen=True)
class _Interval:
    low: Fraction | None
    high: Fraction | None
    low_open: bool = False
    high_open: bool = False

    def holds(self, x: Fraction) -> bool:
        above = self.low is None or x > self.low or (x == self.low and not self.low_open)
        return above and (self.high is None or x < self.high or (x == self.high and not self.high_open))


@method(
    paper=Paper(
        "arXiv:2110.14168", "Training Verifiers to Solve Math Word Problems", "rewards/verifiers-baseline",
        where="final-answer checking; the interval is this library's",
    ),
    tags=("numbers",),
    policy=Policy(
        several="The parser hands over one, the last; a list of numbers is no number.",
        empty="Failed with the floor.",
        copied="Counts like any other number; a copied interval is no number.",
    ),
)  # fmt: skip
def numeric_range(answer: Sequence[str | None], gold: Sequence[Any]) -> Verdict:
    r"""Accept a number of an interval.

    .. math:: s = \mathbb{1}[\,l \le a \le h\,]

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the interval, in the unit of the answer: ``"[3, 5]"``, ``"(3, 5]"`` (open below), ``"3..5"``, ``">= 3"``,
            ``"< 5"``, ``"4 ± 1"``, a pair ``(3, 5)`` where None is no bound, or a mapping with ``low`` and ``high``; a
            list of these holds several accepted ones.

    Returns:
        1 or 0, scored; an answer that is no number failed with 0; a gold answer that is no interval, or an empty one
        such as ``[5, 3]``, unscored. Numbers are compared exactly, percent signs are dropped.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> numeric_range(["3", "3", "5.01", "-7"], ["[3, 5]", "(3, 5]", "4 ± 1", "< 0"]).score
        [1.0, 0.0, 0.0, 1.0]

    Source: the common range check of forecasting and estimation tasks; the notation is this library's.
    Differs: no paper states it; a plain number is no interval (use ``numeric_close`` for a tolerance).
    """
    same_length("numeric_range", answer=answer, gold=gold)
    return verdict(_row(a or "", g) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any) -> Row:
    wanted = [i for g in _several(gold) if (i := _interval(g)) is not None]
    if not wanted:
        return unscored("no gold answer" if gold is None else f"gold is not an interval: {short(str(gold))}")
    if not answer.strip():
        return failed("no answer found")
    value = number_of(answer)
    if value is None:
        return failed(f"answer is not a number: {short(answer)}")
    return scored(any(i.holds(value) for i in wanted))


def _several(gold: Any) -> list[Any]:
    if isinstance(gold, (list, tuple)):
        pair = len(gold) == 2 and all(g is None or isinstance(g, (int, float, Fraction)) for g in gold)
        return [gold] if pair else list(gold)
    return [] if gold is None else [gold]


def _interval(gold: Any) -> _Interval | None:
    if isinstance(gold, Mapping):
        return _between(gold.get("low"), gold.get("high"))
    if isinstance(gold, (list, tuple)):
        return _between(*gold) if len(gold) == 2 else None
    text = str(gold).strip()
    if m := _BRACKETED.fullmatch(text):
        return _between(m[2].strip() or None, m[3].strip() or None, m[1] == "(", m[4] == ")")
    if m := _COMPARED.fullmatch(text):
        below, is_open = m[1] in ("<", "<=", "≤"), m[1] in ("<", ">")
        return _between(None if below else m[2], m[2] if below else None, is_open, is_open)
    if m := _DOTS.fullmatch(text):
        return _between(m[1], m[2])
    if m := _AROUND.fullmatch(text):
        middle, width = number_of(m[1]), number_of(m[2])
        return None if middle is None or width is None else _between(middle - width, middle + width)
    return None


def _between(low: Any, high: Any, low_open: bool = False, high_open: bool = False) -> _Interval | None:
    bounds = [None if b is None else number_of(str(b)) for b in (low, high)]
    if any(b is None and given is not None for b, given in zip(bounds, (low, high), strict=True)):
        return None
    if bounds[0] is None and bounds[1] is None:
        return None
    if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
        return None
    return _Interval(bounds[0], bounds[1], low_open, high_open)
