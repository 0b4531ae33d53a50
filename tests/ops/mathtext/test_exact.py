from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.mathtext import exact
from guerdon.ops.mathtext.evaluate import evaluate
from guerdon.ops.mathtext.exact import HardError, UndefinedError, number, root
from guerdon.ops.mathtext.expression import UnreadableError, parse

small = st.fractions(min_value=-20, max_value=20, max_denominator=12)
radicand = st.integers(min_value=-60, max_value=60)


def value(a: Fraction, b: Fraction, r: int) -> exact.Value:
    return exact.add(number(a), exact.multiply(number(b), root(number(r), 2)))


@given(small, small, radicand, small, small, radicand)
def test_sums_and_products_are_those_of_complex_numbers(a, b, r, c, d, s):
    x, y = value(a, b, r), value(c, d, s)
    for combined, wanted in (
        (exact.add(x, y), exact.approximate(x) + exact.approximate(y)),
        (exact.multiply(x, y), exact.approximate(x) * exact.approximate(y)),
    ):
        assert exact.approximate(combined) == pytest.approx(wanted, abs=1e-9)


@given(small, small, radicand)
def test_a_number_over_itself_is_one(a, b, r):
    x = value(a, b, r)
    if x.top:
        assert exact.equal(exact.divide(x, x), number(1))
        assert exact.equal(exact.multiply(exact.divide(number(1), x), x), number(1))
    else:
        with pytest.raises(UndefinedError):
            exact.divide(number(1), x)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_root_squared_is_the_number(n):
    assert exact.equal(exact.power(root(number(n), 2), 2), number(n))
    ((inside, _),) = root(number(n), 2).top or {(1, ()): 0}
    assert all(inside % (p * p) for p in range(2, 100) if p * p <= inside)


def test_bounds():
    with pytest.raises(HardError):
        exact.power(number(3), 10**6)
    with pytest.raises(HardError):
        exact.power(exact.add(exact.symbol("x"), number(1)), 65)
    with pytest.raises(HardError, match="too many terms"):
        exact.power(evaluate(parse("a+b+c+d")), 8)  # C(11, 3) = 165 terms
    assert exact.power(number(1), 10**9).rational() == 1
    assert evaluate(parse("\\sqrt[3]{27/8}")).rational() == Fraction(3, 2)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2+3*4", 14), ("-2^2", -4), ("(-2)^2", 4), ("2^3^2", 512), ("6/2*3", 9), ("2*-3", -6), ("1/2 + 1/3", "5/6"),
        ("\\frac12", "1/2"), ("\\frac1{20}", "1/20"), ("3\\frac12", "7/2"),
        ("10^-2", "1/100"), ("2^{-3}", "1/8"), ("|-3|", 3), ("\\binom{5}{2}", 10), ("3!!", 720), ("2*3/4*6/9", 1),
        ("--", None),
    ],
)  # fmt: skip
def test_grammar(text, wanted):
    if wanted is None:
        with pytest.raises(UnreadableError):
            parse(text)
    else:
        assert evaluate(parse(text)).rational() == Fraction(str(wanted))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 3",
        "2+",
        "x_",
        "hello",
        "\\foo",
        "2^",
        "(1",
        "f'",
        "1" + "!" * 9,
        "2\\frac{3}{2}",
        "\\frac{1}20",
        "\\sqrt[0]{2}",
    ],
)
def test_what_is_not_understood_to_the_end_is_refused(text):
    with pytest.raises(UnreadableError):
        parse(text)
