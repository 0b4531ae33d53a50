r"""Exact values: quotients of polynomials over the rationals, with square roots of integers, i, and symbols.

A monomial is :math:`\sqrt{r}\, s_1^{k_1} s_2^{k_2} \cdots` with ``r`` free of squares (negative for a factor i) and
symbols such as ``x``, ``π`` and ``e``. Different monomials are linearly independent over the rationals, so two values
are equal exactly if their cross products have the same coefficients. What has no such form becomes an opaque symbol,
whose equality shows that values are equal, while its difference shows nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

MAX_TERMS, MAX_BITS, MAX_RADICAND, MAX_POWER = 100, 65_536, 10**12, 64
OPAQUE = "?"

Key = tuple[int, tuple[tuple[str, int], ...]]
Poly = dict[Key, Fraction]

_ONE: Key = (1, ())


class HardError(Exception):
    """Too large, or of a form that is not exact here; says nothing about the answer."""


class UndefinedError(Exception):
    """A division by zero."""


@dataclass(frozen=True)
class Value:
    """``top / bottom``, both without zero coefficients, ``bottom`` not zero."""

    top: Poly
    bottom: Poly

    @property
    def opaque(self) -> bool:
        """Whether a part of it is known by its form alone."""
        return any(s.startswith(OPAQUE) for p in (self.top, self.bottom) for _, powers in p for s, _ in powers)

    def symbols(self) -> set[str]:
        """The names in it, opaque ones included."""
        return {s for p in (self.top, self.bottom) for _, powers in p for s, _ in powers}

    def rational(self) -> Fraction | None:
        """Its value as a fraction, None if it is irrational or has symbols."""
        if not self.top:
            return Fraction(0)
        if len(self.top) == len(self.bottom) == 1:
            (a, x), (b, y) = *self.top.items(), *self.bottom.items()
            if a == b:
                return x / y
        return None

    def key(self) -> str:
        """A text that equal values mostly share, and different ones never."""
        return "/".join(
            "+".join(f"{c}{k}" for k, c in sorted(_scaled(p, self.bottom).items())) for p in (self.top, self.bottom)
        )


def _scaled(p: Poly, by: Poly) -> Poly:
    lead = by[min(by)]
    return {k: c / lead for k, c in p.items()}


def number(value: Fraction | int) -> Value:
    """A rational constant."""
    value = Fraction(value)
    return Value({_ONE: value} if value else {}, {_ONE: Fraction(1)})


def symbol(name: str) -> Value:
    """A symbol to the first power."""
    return Value({(1, ((name, 1),)): Fraction(1)}, {_ONE: Fraction(1)})


def imaginary() -> Value:
    """The square root of -1."""
    return Value({(-1, ()): Fraction(1)}, {_ONE: Fraction(1)})


def add(a: Value, b: Value) -> Value:
    """The sum."""
    if a.bottom == b.bottom:
        return Value(_sum(a.top, b.top), a.bottom)
    return Value(_sum(_product(a.top, b.bottom), _product(b.top, a.bottom)), _product(a.bottom, b.bottom))


def negative(a: Value) -> Value:
    """The value with the other sign."""
    return Value({k: -c for k, c in a.top.items()}, a.bottom)


def multiply(a: Value, b: Value) -> Value:
    """The product."""
    return Value(_product(a.top, b.top), _product(a.bottom, b.bottom))


def divide(a: Value, b: Value) -> Value:
    """The quotient.

    Raises:
        UndefinedError: the divisor is zero.
    """
    if not b.top:
        raise UndefinedError("division by zero")
    if len(b.top) == 1:
        # a single monomial turns over, so that most values keep the bottom 1
        ((radicand, powers), c), *_ = b.top.items()
        over = Value({(radicand, tuple((s, -k) for s, k in powers)): 1 / (c * radicand)}, {_ONE: Fraction(1)})
        return multiply(Value(a.top, a.bottom), Value(_product(over.top, b.bottom), {_ONE: Fraction(1)}))
    return Value(_product(a.top, b.bottom), _product(a.bottom, b.top))


def power(a: Value, n: int) -> Value:
    """An integer power.

    Raises:
        HardError: too large to be written out.
        UndefinedError: zero to a negative power.
    """
    if n < 0:
        return divide(number(1), power(a, -n))
    q = a.rational()
    if q is not None:
        if n * max(q.numerator.bit_length(), q.denominator.bit_length()) > MAX_BITS and abs(q) != 1 and q:
            raise HardError("a power too large")
        return number(q**n)
    if len(a.top) == len(a.bottom) == 1 and n > MAX_POWER:
        raise HardError("a power too large")
    if n > MAX_POWER:
        raise HardError("a power too large")
    out = number(1)
    for _ in range(n):
        out = multiply(out, a)
    return out


def root(a: Value, n: int) -> Value:
    """The principal n-th root of a rational number.

    Raises:
        HardError: it is no rational number, or its root has no form here.
    """
    q = a.rational()
    if q is None or n < 2 or n > MAX_POWER:
        raise HardError("a root of this has no exact form here")
    if n == 2:
        whole = q.numerator * q.denominator
        outside, inside = _square_free(abs(whole))
        inside = -inside if whole < 0 else inside
        return Value({(inside, ()): Fraction(outside, q.denominator)} if whole else {}, {_ONE: Fraction(1)})
    if q < 0:
        raise HardError("a root of a negative number")
    top, bottom = _whole_root(q.numerator, n), _whole_root(q.denominator, n)
    if top is None or bottom is None:
        raise HardError("an irrational root")
    return number(Fraction(top, bottom))


def equal(a: Value, b: Value) -> bool:
    """Whether two values are the same; with opaque parts, False only means that it is not seen."""
    if a.bottom == b.bottom:
        return a.top == b.top
    return _product(a.top, b.bottom) == _product(b.top, a.bottom)


def proportional(a: Value, b: Value) -> bool:
    """Whether one value is the other times a number, as both sides of one equation brought to zero are."""
    if not a.top or not b.top:
        return not a.top and not b.top
    x, y = _product(a.top, {_ONE: Fraction(1)}), _product(b.top, {_ONE: Fraction(1)})
    x, y = _cleared(x), _cleared(y)
    lead = min(x)
    if lead not in y:
        return False
    ratio = y[lead] / x[lead]
    return y == {k: c * ratio for k, c in x.items()}


def _cleared(p: Poly) -> Poly:
    """Without negative powers of symbols: times the least monomial that removes them."""
    low: dict[str, int] = {}
    for _, powers in p:
        for s, k in powers:
            low[s] = min(low.get(s, 0), k)
    lift: Poly = {(1, tuple(sorted((s, -k) for s, k in low.items() if k))): Fraction(1)}
    return _product(p, lift)


def approximate(a: Value) -> complex | None:
    """A value without symbols other than π as a floating-point number; None for others and for what is too large."""
    if a.symbols() - {"π", "e"}:
        return None
    try:
        return _float(a.top) / _float(a.bottom)
    except (OverflowError, ZeroDivisionError):
        return None


def _float(p: Poly) -> complex:
    total: complex = 0.0
    for (radicand, powers), c in p.items():
        term: complex = float(c) * math.sqrt(abs(radicand)) * (1j if radicand < 0 else 1.0)
        for s, k in powers:
            term *= (math.pi if s == "π" else math.e) ** k
        total += term
    return total


def _sum(a: Poly, b: Poly) -> Poly:
    out = dict(a)
    for k, c in b.items():
        total = out.get(k, Fraction(0)) + c
        if total:
            out[k] = total
        else:
            out.pop(k, None)
    return _bounded(out)


def _product(a: Poly, b: Poly) -> Poly:
    if b == {_ONE: 1}:
        return a
    if len(a) * len(b) > 20 * MAX_TERMS:
        raise HardError("too many terms")
    out: Poly = {}
    for (r, p), c in a.items():
        for (s, q), d in b.items():
            g = math.gcd(r, s)
            sign = -1 if r < 0 and s < 0 else 1
            # sqrt(r) sqrt(s) = g sqrt(r s / g^2), and i i = -1
            inside = abs(r * s) // (g * g) * (-1 if (r < 0) != (s < 0) else 1)
            key = (inside, _joined(p, q))
            total = out.get(key, Fraction(0)) + sign * g * c * d
            if total:
                out[key] = total
            else:
                out.pop(key, None)
    return _bounded(out)


def _joined(p: tuple[tuple[str, int], ...], q: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    if not p or not q:
        return p or q
    out = dict(p)
    for s, k in q:
        out[s] = out.get(s, 0) + k
    return tuple(sorted((s, k) for s, k in out.items() if k))


def _bounded(p: Poly) -> Poly:
    if len(p) > MAX_TERMS:
        raise HardError("too many terms")
    for c in p.values():
        if c.numerator.bit_length() + c.denominator.bit_length() > 2 * MAX_BITS:
            raise HardError("numbers too large")
    return p


def _square_free(n: int) -> tuple[int, int]:
    """``(a, b)`` with ``n = a * a * b`` and ``b`` free of squares."""
    if n > MAX_RADICAND:
        whole = math.isqrt(n)
        if whole * whole == n:
            return whole, 1
        raise HardError("a radicand too large to factor")
    outside, inside, d = 1, 1, 2
    while d * d * d <= n:
        while n % (d * d) == 0:
            n //= d * d
            outside *= d
        if n % d == 0:
            n //= d
            inside *= d
        d += 1 if d == 2 else 2
    # what is left has at most two prime factors: a square, or free of squares
    whole = math.isqrt(n)
    return (outside * whole, inside) if whole * whole == n else (outside, inside * n)


def _whole_root(n: int, k: int) -> int | None:
    if n.bit_length() > 4096:
        raise HardError("a radicand too large")
    low, high = 0, 1 << (n.bit_length() // k + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**k <= n:
            low = middle
        else:
            high = middle - 1
    return low if low**k == n else None
