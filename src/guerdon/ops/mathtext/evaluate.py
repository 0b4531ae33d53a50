"""Formulas to exact values; what has no exact form here becomes an opaque symbol named after its parts."""

from __future__ import annotations

import math
from fractions import Fraction

from guerdon.ops.mathtext import exact
from guerdon.ops.mathtext.exact import HardError, Value
from guerdon.ops.mathtext.expression import Node

MAX_FACTORIAL = 3_000


def evaluate(node: Node) -> Value:
    """The exact value of a formula.

    Raises:
        HardError: it has more terms or digits than are written out here, or holds an infinity.
        UndefinedError: it divides by zero.
    """
    if node.kind == "num":
        return exact.number(node.value)
    if node.kind == "sym":
        if node.value == "∞":
            raise HardError("infinity is no number")
        return exact.symbol(node.value)
    if node.kind == "i":
        return exact.imaginary()
    if node.kind == "pm":
        raise HardError("both signs")
    if node.kind in ("root", "fact", "fn", "pow"):
        return _special(node)
    parts = [evaluate(p) for p in node.parts]
    if node.kind == "neg":
        return exact.negative(parts[0])
    if node.kind == "div":
        return exact.divide(*parts)
    combine = exact.add if node.kind == "add" else exact.multiply
    total = parts[0]
    for part in parts[1:]:
        total = combine(total, part)
    return total


def _special(node: Node) -> Value:
    parts = [evaluate(p) for p in node.parts]
    try:
        if node.kind == "root":
            return exact.root(parts[0], node.value)
        if node.kind == "fact":
            return exact.number(math.factorial(_whole(parts[0], MAX_FACTORIAL)))
        if node.kind == "pow":
            return _power(*parts)
        if node.value == "abs":
            q = parts[0].rational()
            if q is not None:
                return exact.number(abs(q))
        if node.value == "binom":
            return exact.number(math.comb(_whole(parts[0], MAX_FACTORIAL), _whole(parts[1], MAX_FACTORIAL)))
        if node.value == "exp":
            return _power(exact.symbol("e"), parts[0])
    except HardError:
        pass
    name = str(node.value or node.kind)
    return exact.symbol(f"{exact.OPAQUE}{name}({';'.join(p.key() for p in parts)})")


def _power(base: Value, raised: Value) -> Value:
    n = raised.rational()
    if n is None:
        raise HardError("an exponent with symbols")
    if n.denominator == 1:
        return exact.power(base, int(n))
    if n.denominator > exact.MAX_POWER or abs(n.numerator) > exact.MAX_POWER:
        raise HardError("a root of a high degree")
    rooted = exact.root(base, n.denominator)
    return exact.power(rooted, n.numerator)


def _whole(value: Value, most: int) -> int:
    n = value.rational()
    if n is None or n.denominator != 1 or not 0 <= n <= most:
        raise HardError("no whole number of moderate size")
    return int(n)


def magnitude(node: Node) -> float | None:
    """The binary logarithm of the size of a product of powers, infinite for a tower of them; None where not seen.

    Example:
        >>> from guerdon.ops.mathtext.expression import parse
        >>> magnitude(parse("1/8")), magnitude(parse("9^9^9^9")), magnitude(parse("x"))
        (-3.0, inf, None)
    """
    if node.kind == "num":
        return _log2(node.value)
    if node.kind == "sym":
        return {"π": math.log2(math.pi), "e": math.log2(math.e)}.get(node.value)
    parts = [magnitude(p) for p in node.parts]
    known = [p for p in parts if p is not None]
    if not parts or len(known) < len(parts):
        return None
    if node.kind == "neg":
        return known[0]
    if node.kind == "root":
        return known[0] / node.value
    if node.kind in ("mul", "div"):
        total = sum(known) if node.kind == "mul" else known[0] - known[1]
        return None if math.isnan(total) else total
    if node.kind == "add":
        largest, second = sorted(known)[-1], sorted(known)[-2]
        # the others change less than the last of 64 bits
        return largest if largest - second > 64 else None
    if node.kind == "fact":
        return _log2_factorial(known[0]) if known[0] > 4 else None
    if node.kind == "pow":
        sign = -1.0 if node.parts[1].kind == "neg" else 1.0
        raised = 2.0 ** known[1] if known[1] < 1000 else math.inf
        return sign * raised * known[0] if known[0] else None
    return None


def _log2(value: Fraction) -> float:
    return math.log2(abs(value.numerator)) - math.log2(value.denominator) if value else -math.inf


def _log2_factorial(size: float) -> float:
    """Stirling's formula for a number given by its logarithm."""
    return 2.0**size * (size - math.log2(math.e)) if size < 900 else math.inf


def signs(node: Node) -> list[Node]:
    """The formula with every ± read as plus and every ∓ as minus, and the other way round; itself without them.

    Example:
        >>> from guerdon.ops.mathtext.expression import parse
        >>> [evaluate(n).rational() for n in signs(parse("3 ± 2"))]
        [Fraction(5, 1), Fraction(1, 1)]
    """
    upper, lower = _signed(node, 1), _signed(node, -1)
    return [upper] if upper == lower else [upper, lower]


def _signed(node: Node, sign: int) -> Node:
    if not node.parts:
        return node
    parts = tuple(_signed(p, sign) for p in node.parts)
    if node.kind != "pm":
        return node if parts == node.parts else Node(node.kind, node.value, parts)
    return parts[0] if node.value * sign > 0 else Node("neg", None, parts)
