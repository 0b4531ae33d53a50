"""Formulas as numbers of many digits: whether two of them agree at points, seen at two precisions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

import mpmath
from mpmath import mp

from guerdon.ops.mathtext.evaluate import magnitude
from guerdon.ops.mathtext.expression import Node

LOW, HIGH, SLACK = 60, 150, 25  # digits, and how many of them rounding may eat
POINTS, TRIES = 3, 8
MAX_EXTRA = 200_000  # digits of a number that is worked out in full

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot, "sec": mpmath.sec,
    "csc": mpmath.csc, "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "arccot": mpmath.acot,
    "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "ln": mpmath.log, "exp": mpmath.exp,
    "abs": mpmath.fabs, "binom": mpmath.binomial,
}  # fmt: skip


class NoNumberError(Exception):
    """The formula has no value at this point, or none that is known here."""


def agreement(
    a: Callable[[Mapping[str, Any]], Any],
    b: Callable[[Mapping[str, Any]], Any],
    names: Iterable[str],
    *,
    ratio: bool = False,
    relative: float = 0.0,
    digits: tuple[int, int] = (LOW, HIGH),
) -> Literal["equal", "different", "unknown"]:
    """Whether two functions of the named variables take the same values.

    Args:
        a: from values of the variables to a number of the current precision.
        b: likewise; the gold side.
        names: the variables, which are taken to be positive.
        ratio: ask whether ``a / b`` is the same everywhere instead, as for equations brought to zero.
        relative: tolerance for two numbers without variables, 0 for none.
        digits: the two precisions.
    """
    names = sorted(names)
    pairs: list[tuple[Any, Any, Any, Any]] = []
    for k in range(TRIES if names else 1):
        at = {n: _point(n, k) for n in names}
        try:
            with mp.workdps(digits[0]):
                low = a(_numbers(at)), b(_numbers(at))
            with mp.workdps(digits[1]):
                high = a(_numbers(at)), b(_numbers(at))
        except (NoNumberError, ZeroDivisionError, OverflowError, ValueError, TypeError):
            continue
        if any(not mpmath.isfinite(v) for v in (*low, *high)):
            continue
        pairs.append((*low, *high))
        if len(pairs) == POINTS + ratio:
            break
    if not pairs or (ratio and len(pairs) < 2):
        return "unknown"
    if ratio:
        first = pairs[0]
        # a1 b0 = a0 b1: the quotient is the same at both points
        crossed = [(p[0] * first[1], first[0] * p[1], p[2] * first[3], first[2] * p[3]) for p in pairs[1:]]
        return "equal" if all(_same(c, digits) for c in crossed) and any(first) else "different"
    with mp.workdps(digits[1]):
        if relative and not names:
            return (
                "equal"
                if abs(pairs[0][2] - pairs[0][3]) <= mpmath.mpf(str(relative)) * abs(pairs[0][3])
                else "different"
            )
        return "equal" if all(_same(p, digits) for p in pairs) else "different"


def _same(pair: Sequence[Any], digits: tuple[int, int]) -> bool:
    """Equal to nearly all digits; or, where both cancel to zero, a difference that shrinks as digits are added."""
    with mp.workdps(digits[1]):
        low, high = abs(pair[0] - pair[1]), abs(pair[2] - pair[3])
        scale = max(abs(pair[2]), abs(pair[3]))
        near = high <= scale * mpmath.mpf(10) ** (SLACK - digits[1])
        gain = digits[1] - digits[0] - SLACK
        return bool(near or (low > 0 and gain > 0 and high <= low * mpmath.mpf(10) ** -gain))


def _point(name: str, k: int) -> Fraction:
    seed = hashlib.sha256(f"{name}/{k}".encode()).digest()
    return Fraction(1, 3) + Fraction(int.from_bytes(seed[:4], "big"), 2**32) * Fraction(8, 3)


def _numbers(at: Mapping[str, Fraction]) -> dict[str, Any]:
    return {n: mpmath.mpf(q.numerator) / q.denominator for n, q in at.items()}


def symbols(node: Node) -> set[str]:
    """Names of the variables in a formula."""
    own = {node.value} if node.kind == "sym" and node.value not in ("π", "e", "∞") else set()
    return own.union(*(symbols(p) for p in node.parts))


def value(node: Node, at: Mapping[str, Any], log_base: int | None) -> Any:
    """The value of a formula at a point, in the current precision.

    Args:
        node: the formula.
        at: values of its variables.
        log_base: what ``log`` without a base means, None for natural.

    Raises:
        NoNumberError: it holds an infinity or a function that is not known.
    """
    if node.kind == "num":
        return mpmath.mpf(node.value.numerator) / node.value.denominator
    if node.kind == "sym":
        if node.value in ("π", "e"):
            return +mp.pi if node.value == "π" else +mp.e
        if node.value not in at:
            raise NoNumberError(node.value)
        return at[node.value]
    if node.kind == "i":
        return mpmath.mpc(0, 1)
    parts = [value(p, at, log_base) for p in node.parts]
    if node.kind == "add":
        return mpmath.fsum(parts)
    if node.kind == "mul":
        return mpmath.fprod(parts)
    if node.kind == "neg":
        return -parts[0]
    if node.kind == "div":
        return parts[0] / parts[1]
    if node.kind == "pow":
        return mpmath.power(*parts)
    if node.kind == "root":
        odd = node.value % 2 and mpmath.im(parts[0]) == 0 and mpmath.re(parts[0]) < 0
        return -mpmath.root(-parts[0], node.value) if odd else mpmath.root(parts[0], node.value)
    if node.kind == "fact":
        return mpmath.factorial(parts[0])
    if node.value == "log":
        base = parts[1] if len(parts) > 1 else log_base
        return mpmath.log(parts[0]) if base is None else mpmath.log(parts[0], base)
    if node.kind == "fn" and node.value in _FUNCTIONS:
        return _FUNCTIONS[node.value](*parts)
    raise NoNumberError(node.value or node.kind)


def judge(a: Node, b: Node, equations: bool, relative: float) -> Literal["equal", "different", "unknown"]:
    """Two formulas by their values; ``log`` without a base is read as natural on both sides, else as of base 10."""
    names = symbols(a) | symbols(b)
    digits = precision(a, b)
    if digits is None:
        return "unknown"
    found: Literal["equal", "different", "unknown"] = "unknown"
    for log_base in (None, 10):
        found = agreement(
            lambda at, k=log_base: value(a, at, k), lambda at, k=log_base: value(b, at, k), names,
            ratio=equations, relative=relative, digits=digits,
        )  # fmt: skip
        if found == "equal" or not (_bare_log(a) or _bare_log(b)):
            break
    return found


def precision(a: Node, b: Node) -> tuple[int, int] | None:
    """The two precisions: enough for the last digit of the largest part; None for a part that is too large."""
    extra = 0.3011 * max(_largest(a), _largest(b))
    return (int(LOW + extra), int(HIGH + extra)) if extra < MAX_EXTRA else None


def _largest(node: Node) -> float:
    return max(0.0, magnitude(node) or 0.0, *(_largest(p) for p in node.parts))


def _bare_log(node: Node) -> bool:
    own = node.kind == "fn" and node.value == "log" and len(node.parts) == 1
    return own or any(_bare_log(p) for p in node.parts)
