"""Equality of plain values by exact type, for values that came from code nobody trusts.

``==`` is never asked of the value itself: its type is looked up first, and what is no plain type is equal to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Any, Literal

Sequences = Literal["same", "any"]
_EXACT = (str, bytes, bool, type(None))
_ORDERED = (list, tuple)
_SETS = (set, frozenset)
MAX_DEPTH = 100


def same_value(actual: Any, expected: Any, *, sequences: Sequences = "any", tolerance: float = 0.0) -> bool:
    """Whether two plain values are equal.

    Text, bytes, booleans and None equal only their own type: True is not 1. An int equals a float (or complex) of the
    same value. Where one side is a float, ``|a - e| <= tolerance * max(1, |e|)`` is enough; two ints must be equal,
    NaN equals nothing, an infinity only itself. Lists and tuples are compared in order, sets and the keys of mappings
    without; ``sequences="any"`` lets a list equal a tuple. Elements of sets and keys are found by their exact value
    first, the tolerance then decides among what is left.

    Example:
        >>> same_value(2, 2.0), same_value(True, 1), same_value((1, 2), [1, 2]), same_value(float("nan"), float("nan"))
        (True, False, True, False)
        >>> same_value(0.1 + 0.2, 0.3), same_value(0.1 + 0.2, 0.3, tolerance=1e-9)
        (False, True)
    """
    return _same(actual, expected, sequences, Fraction(str(tolerance)), MAX_DEPTH)


def holds_nan(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a plain value holds a NaN anywhere, or is nested too deeply to say: nothing can equal it.

    Example:
        >>> holds_nan([1.0, (float("nan"),)]), holds_nan({"a": 1})
        (True, False)
    """
    kind = type(value)
    if depth < 0:
        return True
    if kind is float:
        return math.isnan(value)
    if kind is complex:
        return math.isnan(value.real) or math.isnan(value.imag)
    if kind is dict:
        return any(holds_nan(k, depth - 1) or holds_nan(v, depth - 1) for k, v in value.items())
    return kind in (*_ORDERED, *_SETS) and any(holds_nan(v, depth - 1) for v in value)


def is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is made of exact plain types alone, no deeper than a hundred levels.

    Example:
        >>> is_plain({"a": [1, (2.5, None)]}), is_plain([object()])
        (True, False)
    """
    kind = type(value)
    if kind is dict:
        return depth > 0 and all(is_plain(k, depth - 1) and is_plain(v, depth - 1) for k, v in value.items())
    if kind in (*_ORDERED, *_SETS):
        return depth > 0 and all(is_plain(v, depth - 1) for v in value)
    return kind in (*_EXACT, int, float, complex)


def shown(value: Any, limit: int = 40) -> str:
    """A plain value as text for a reason, cut; never raises, whatever its size.

    Example:
        >>> shown([1, 2]), shown("x" * 50, 5), shown(10**5000)
        ('[1, 2]', "'xxx…", 'an int too large to show')
    """
    try:
        text = repr(value[: limit + 1] if type(value) in (str, bytes) else value)
    except (ValueError, RecursionError, MemoryError):  # an int of more digits than Python writes, or depth
        return f"{'an int' if type(value) is int else f'a {type(value).__name__}'} too large to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _same(a: Any, e: Any, sequences: str, tolerance: Fraction, depth: int) -> bool:
    kind, wanted = type(a), type(e)
    if depth < 0:
        return False
    if wanted in _EXACT:
        return kind is wanted and a == e
    if wanted in (int, float, complex):
        return kind in (int, float, complex) and _number(a, e, tolerance)
    if wanted in _ORDERED:
        fits = kind is wanted or (sequences == "any" and kind in _ORDERED)
        return fits and len(a) == len(e) and all(
            _same(x, y, sequences, tolerance, depth - 1) for x, y in zip(a, e, strict=True)
        )  # fmt: skip
    if wanted in _SETS:
        return kind in _SETS and _matched(
            list(a), list(e), lambda x: x, lambda x, y: _same(x, y, sequences, tolerance, depth - 1)
        )
    if wanted is dict:
        return kind is dict and _matched(
            list(a.items()), list(e.items()), lambda item: item[0],
            lambda x, y: all(_same(x[i], y[i], sequences, tolerance, depth - 1) for i in (0, 1)),
        )  # fmt: skip
    return False


def _number(a: complex, e: complex, tolerance: Fraction) -> bool:
    if type(a) is complex or type(e) is complex:
        x, y = complex(a) if type(a) is complex else a, complex(e) if type(e) is complex else e
        parts = ((x.real, y.real), (x.imag, y.imag))
        return all(_number(p, q, tolerance) for p, q in parts)
    if type(a) is float and not math.isfinite(a):
        return type(e) is float and a == e
    if type(e) is float and not math.isfinite(e):
        return False
    if type(a) is int and type(e) is int:
        return a == e
    # rationals, because an int of a thousand digits has no float
    exact = Fraction(e)  # type: ignore[arg-type]
    return abs(Fraction(a) - exact) <= tolerance * max(Fraction(1), abs(exact))  # type: ignore[arg-type]


def _matched(
    actual: Sequence[Any], expected: Sequence[Any], key: Callable[[Any], Any], same: Callable[[Any, Any], bool]
) -> bool:
    """Whether the elements of two unordered collections of distinct elements pair up."""
    if len(actual) != len(expected):
        return False
    known = {k: x for x in actual if (k := _label(key(x))) is not None}
    left = []
    for e in expected:
        label = _label(key(e))
        if label is None or label not in known:
            left.append(e)
        elif not same(known.pop(label), e):
            return False
    rest = [*known.values(), *[x for x in actual if _label(key(x)) is None]]
    for e in left:
        at = next((i for i, x in enumerate(rest) if same(x, e)), -1)
        if at < 0:
            return False
        del rest[at]
    return not rest


def _label(value: Any) -> Hashable | None:
    """What tells simple elements apart, equal for an int and the float of the same value; None for nested ones."""
    kind = type(value)
    if kind in (int, float):
        return "number", value
    return (kind.__name__, value) if kind in _EXACT else None
