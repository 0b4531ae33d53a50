"""Hostile text: no exception, the same decision twice, and in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.ops.mathtext import Rules, decide
from guerdon.ops.mathtext.final import final_answer

NIGHTLY = 10_000
_PIECES = st.sampled_from([
    "\\frac", "\\sqrt", "{", "}", "(", ")", "[", "]", "1", "23", ".", ",", "^", "_", "x", "\\pi", "+", "-", "*",
    "/", "=",
    "\\pm", "!", "\\boxed{", "\\text{", "%", "°", "\\left", "\\right", "\\infty", "\\cup", "<", "≤", "|", " ", "$",
    "\\\\",
    "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\{", "\\}", "e", "i", "sin", "log", "e9", "²", "½", "１", "٣",
    "\u200b",
    "\u202e", "\u0301", "\ud800", "and", "or", "cm", "…", "#### ", "Answer: ", "\\overline{", "0.", "inf", "nan",
    "\x00",
])  # fmt: skip
_TEXT = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join))


def check(answer: str, gold: str) -> None:
    first = decide(answer, gold, Rules())
    assert first == decide(answer, gold, Rules())
    assert first.relation in ("equal", "different", "unknown", "bad_answer", "bad_gold")
    found, problem = final_answer(answer)
    assert bool(found) != bool(problem)
    if first.relation in ("equal", "different", "unknown"):
        assert decide(answer, answer, Rules()).relation == "equal"  # whatever it means, it equals itself


@settings(max_examples=500, deadline=None)
@given(_TEXT, _TEXT)
def test_any_text(answer, gold):
    check(answer, gold)


@pytest.mark.nightly
@settings(max_examples=NIGHTLY, deadline=None)
@given(_TEXT, _TEXT)
def test_any_text_at_length(answer, gold):
    check(answer, gold)


BOMBS = {
    "tower": "9^{9^{9^{9}}}", "tower, plain": "9**9**9**9", "factorial": "(10^9)!", "factorials": "9!!!!",
    "parentheses": "(" * 3000 + "1" + ")" * 3000, "sum": "+".join(["1"] * 20_000), "digits": "7" * 100_000,
    "short sum": "+".join(["1"] * 1000), "fractions": "\\frac{1}{1+" * 200 + "1" + "}" * 200,
    "nested to the cap": "\\frac{1}{1+" * 63 + "1" + "}" * 63, "open braces": "\\frac{" * 400,
    "roots without braces": "\\sqrt" * 300 + "2", "minus signs": "-" * 1900 + "1", "powers": "2^" * 900 + "2",
    "expansion": "(a+b+c+d+f)^{60}", "product": "(a+b)" * 300, "primes": f"\\sqrt{{{10**12 - 11}}}",
    "large root": "\\sqrt{" + "9" * 399 + "}", "commas": ",".join("1" * 900),
    "sets": "\\{" + ",".join("12345678" * 60) + "\\}",
    "equations": "=".join("x" * 900), "accents": "e" + "\u0301" * 1900, "fullwidth": "１" * 1900,
    "units": "1 " + "m " * 900,
    "thousands": "1" + ",000" * 130, "text": "\\text{" * 60 + "a" + "}" * 60, "quotes": "'" * 1999, "bars": "|" * 1999,
    "words": "a " * 999, "leads": "x is " * 390, "matrix": "\\begin{pmatrix}" + "1&" * 900 + "\\end{pmatrix}",
    "plus minus": "\\pm 1" * 300, "exponent": "10^{999999}", "mixed": "1 1/2 " * 300, "decimals": "1e999" * 300,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little(name):
    start = time.process_time()
    for gold in ("7", "(1,2)", "\\{1,2\\}", "x+1"):
        decide(BOMBS[name], gold, Rules())
        final_answer(BOMBS[name])
    # a decision is bounded by the size caps; a second for four of them is 50 times what the worst takes here
    assert time.process_time() - start < 1.0
