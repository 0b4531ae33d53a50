from __future__ import annotations

import pytest

from guerdon.ops.mathtext.expression import parse
from guerdon.programs import _numeric
from guerdon.programs import math as program


def relation(answer, gold, relative=0.0):
    return program.equal({"answer": answer, "gold": gold, "relative": relative, "units": "ignore"})["relation"]


@pytest.mark.parametrize(
    ("answer", "gold", "wanted"),
    [
        ("\\sin(2x)", "2\\sin x\\cos x", "equal"), ("\\sin^2x + \\cos^2x", "1", "equal"),
        ("\\ln 8", "3 \\ln 2", "equal"),
        ("\\sqrt{2+\\sqrt3}", "\\frac{\\sqrt6+\\sqrt2}{2}", "equal"), ("2^{1/3}", "\\sqrt[3]{2}", "equal"),
        ("\\sqrt[3]{-8}", "-2", "equal"), ("e^{i\\pi}", "-1", "equal"), ("\\sin \\pi", "0", "equal"),
        ("\\tan^{-1} 1", "\\frac{\\pi}{4}", "equal"), ("\\log 1000", "3", "equal"), ("\\log e", "1", "equal"),
        ("x^{2n}", "(x^n)^2", "equal"), ("y = \\sin x", "2y = 2\\sin x", "equal"),
        ("2^{100000}", "4^{50000}", "equal"),
        ("\\sin 1", "\\sin 2", "different"), ("2^{100000}", "2^{100000}+1", "different"),
        ("1", "\\cos 10^{-9}", "different"),
        ("y = \\sin x", "y = \\cos x", "different"), ("\\sqrt x", "\\sqrt y", "different"),
        ("|x|", "x^2", "different"),
        ("\\log_3 8", "3", "different"), ("(\\log_2 8, 1)", "(3, 2)", "different"),
        ("9^{9^9}+1", "9^{9^9}", "bad_answer"),
    ],
)  # fmt: skip
def test_by_values(answer, gold, wanted):
    assert relation(answer, gold) == wanted


@pytest.mark.parametrize(
    ("answer", "gold", "wanted"),
    [
        ("\\int_0^1 x\\,dx", "\\frac12", "equal"), ("\\sum_{k=1}^{5} k", "15", "equal"),
        ("\\lfloor 3.5 \\rfloor", "3", "equal"),
        ("\\sum_{k=1}^{5} k", "14", "different"), ("\\int_0^1 x\\,dx", "1", "different"),
        ("\\foo{3}", "3", "bad_answer"),
        ("3", "\\foo{3}", "bad_gold"), ("5 squared", "5", "different"), ("\\foo", "(1,2)", "bad_answer"),
    ],
)  # fmt: skip
def test_by_math_verify_and_values(answer, gold, wanted):
    pytest.importorskip("math_verify")
    assert relation(answer, gold) == wanted


def test_tolerance():
    assert relation("\\sin 1", "0.8415", 1e-3) == "equal"
    assert relation("\\sin 1", "0.8415", 1e-5) == "different"


def test_what_cannot_be_valued_is_unknown():
    assert _numeric.judge(parse("f(x)"), parse("f(2x)"), False, 0.0) == "unknown"
    assert _numeric.judge(parse("1/(x-x)"), parse("1"), False, 0.0) == "unknown"


def test_readable():
    pytest.importorskip("math_verify")
    assert program.readable({"text": "\\log_2 8"})
    assert not program.readable({"text": "\\foo"})


def test_without_math_verify(monkeypatch):
    monkeypatch.setattr(program, "math_verify", None)
    monkeypatch.setattr(program, "MISSING", "No module named 'math_verify'", raising=False)
    assert relation("\\log_2 8", "3") == "equal"
    assert relation("\\int_0^1 x\\,dx", "1") == "missing"
