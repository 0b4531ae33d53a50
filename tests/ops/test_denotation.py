from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.denotation import date_of, fold, same_items, value_of


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  The   Moon. ", "the moon"), ("“Blue Train”", "blue train"), ("Café‡*", "cafe"), ("1982–1985", "1982-1985"),
        ("Brazil (2)[a][1]", "brazil"), ("[12]", ""), ("(only)", "(only)"), ('"a" and "b"', '"a" and "b"'), ("*", ""),
        ("O’Neil", "o'neil"), ("U.S.", "u.s"), ("x (a) (b)", "x"), ("", ""),
    ],
)  # fmt: skip
def test_folding(text, folded):
    """The normalisations that the evaluator of WikiTableQuestions lists, one or two each."""
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("january 26, 1995", (1995, 1, 26)), ("jan. 26 1995", (1995, 1, 26)), ("26th of january 1995", (1995, 1, 26)),
        ("1995-01-26", (1995, 1, 26)), ("xx-01-02", (-1, 1, 2)), ("october 2011", (2011, 10, -1)),
        ("september 3", (-1, 9, 3)), ("sept 3", (-1, 9, 3)), ("3 may", (-1, 5, 3)), ("may", None), ("1995", None),
        ("1995-13-01", None), ("32 may", None), ("1914-15", None), ("xx-xx-xx", None), ("1995-xx-xx", None),
    ],
)  # fmt: skip
def test_dates(text, date):
    assert date_of(text) == date


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("1,000", 1000, ""), ("17 years", 17, "year"), ("$1.56 billion", Fraction("1560000000"), ""), ("2 s", 2, "s"),
        ("48.4%", Fraction("48.4"), "%"), ("5 km", 5, "km"), ("1939/40", None, ""), ("3rd", None, ""), ("-5", -5, ""),
        ("Mig-15", None, ""), ("1:47.066", None, ""), ("3 Doors Down", None, ""),
    ],
)  # fmt: skip
def test_numbers(text, number, unit):
    value = value_of(text)
    assert (value.number, value.unit) == (number, unit)


def test_what_fits():
    def fits(a, b):
        assert value_of(a).fits(value_of(b)) == value_of(b).fits(value_of(a))
        return value_of(a).fits(value_of(b))

    assert fits("17 years", "17")
    assert fits("17 years", "17 Year")
    assert not fits("17 years", "17 months")
    assert fits("100,000", "100000.0")
    assert not fits("0.484", "48.4%")
    assert fits("26 January 1995", "1995-01-26")
    assert not fits("January 26", "January 26, 1995")  # exact on all fields
    assert not fits("1995", "January 1995")
    assert not fits("x" * 3000, "x" * 3001)


def test_lists_are_bags():
    a, b = value_of("a"), value_of("b")
    assert same_items([a, b, a], [a, a, b])
    assert not same_items([a, b, b], [a, a, b])
    # 5 fits both, 5 km only km: the pairing must not be greedy
    assert same_items([value_of(t) for t in ("5", "5 km")], [value_of(t) for t in ("5 km", "5 miles")])


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_fits_itself_and_fitting_is_symmetric(a, b):
    assert value_of(a).fits(value_of(a))
    assert value_of(a).fits(value_of(b)) == value_of(b).fits(value_of(a))


def test_marks_do_not_take_quadratic_time():
    start = time.process_time()
    for _ in range(10):
        value_of("x" + "*]" * 999)
        value_of("x" + " (a)" * 499)
    assert time.process_time() - start < 2
