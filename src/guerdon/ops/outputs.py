"""Equality of what two programs printed."""

from __future__ import annotations

import math
import re
from typing import Literal

Checker = Literal["tokens", "lines", "exact", "floats"]
CHECKERS = ("tokens", "lines", "exact", "floats")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST = 400


def same_output(actual: str, expected: str, checker: str, tolerance: float = 0.0) -> bool:
    """Whether two outputs are the same to a checker.

    Example:
        >>> same_output("1  2 ", "1 2", "tokens"), same_output("1  2 ", "1 2", "lines")
        (True, False)
        >>> same_output("0.3333333", "0.33333333", "floats", 1e-6)
        True
    """
    if checker == "exact":
        return actual == expected
    if checker == "lines":
        return _lines(actual) == _lines(expected)
    a, e = actual.split(), expected.split()
    if checker == "tokens" or len(a) != len(e):
        return a == e
    return all(x == y or _close(x, y, tolerance) for x, y in zip(a, e, strict=True))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _close(a: str, e: str, tolerance: float) -> bool:
    if max(len(a), len(e)) > _LONGEST or not (_FLOAT.fullmatch(a) and _FLOAT.fullmatch(e)):
        return False
    x, y = float(a), float(e)
    return math.isfinite(x) and math.isfinite(y) and abs(x - y) <= tolerance * max(1.0, abs(y))
