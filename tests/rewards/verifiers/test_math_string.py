from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.ops.mathtext.strings import hendrycks, last_box, last_number, minerva
from guerdon.records import Status
from guerdon.rewards.verifiers.math_string import math_string

GSM8K = {"extract": "hash", "normalise": "none", "tail": 300}
MATH = {"extract": "boxed", "normalise": "hendrycks", "tail": None}


@pytest.mark.parametrize(
    ("text", "gold", "params", "score"),
    [
        ("#### 1,000", "1000", GSM8K, 1), ("#### 42.", "42", GSM8K, 0), ("#### 42.0", "42", GSM8K, 0),
        ("#### $42", "42", GSM8K, 0), ("#### 42" + "." * 300, "42", GSM8K, 0), ("#### 41\n#### 42", "42", GSM8K, 1),
        ("so 42", "42", {**GSM8K, "extract": "last_number"}, 1),
        ("so 1,000", "1000", {**GSM8K, "extract": "last_number"}, 0),
        ("\\boxed{0.25}", "1/4", MATH, 0), ("\\boxed{1,000}", "1000", MATH, 0), ("\\boxed{1,2}", "2,1", MATH, 0),
        ("\\boxed{0.5}", "\\frac{1}{2}", MATH, 1), ("\\boxed{x = 3}", "3", MATH, 1), ("\\boxed 3$", "3", MATH, 1),
        ("\\boxed{2} so \\boxed{3}", "3", MATH, 1), ("\\boxed{\\frac{1}{2}", "\\frac{1}{2}", MATH, 0),
        ("Answer: \\dfrac{3}{4}", "\\frac{3}{4}", {}, 0), ("Answer: 50\\%", "50", {}, 0), ("answer:  $7$", "7", {}, 1),
        ("Answer: 7 square inches", "7", {}, 1), ("Answer: 1,000", "1000", {}, 1), ("Answer: 6\nAnswer: 7", "7", {}, 1),
    ],
)  # fmt: skip
def test_the_recipes_with_their_blind_spots(text, gold, params, score):
    """The checks and known false negatives of the verifier dossier."""
    assert math_string([text], [gold], **params).score == [float(score)]


def test_status():
    v = math_string([None, "", "no", "Answer: 7", "Answer: 7", "Answer: " + "1" * 3000], ["7"] * 3 + ["", None, "7"],
                    tail=None)  # fmt: skip
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 2 + [Status.FAILED]
    assert v.score[:3] == [0.0] * 3
    assert all(math.isnan(s) for s in v.score[3:5])
    assert v.reason == ["no answer found"] * 3 + ["no gold answer"] * 2 + ["longer than 2,000 characters"]
    assert math_string(["Answer: 7"], [["8", "7"]]).score == [1.0]


def test_normal_forms():
    assert hendrycks("\\left(\\tfrac12, .5\\right) \\text{ cm}") == "(\\frac{1}{2},0.5)"
    assert hendrycks("\\sqrt3^{\\circ}") == "\\sqrt{3}"
    assert hendrycks("\\frac") == "\\frac"  # nothing to brace
    assert hendrycks("1/2/3") == "1/2/3"
    assert minerva("the an$swer$ = $x^2$ \\text{ cm}") == "x^2"
    assert minerva("\\text{and}") == ","
    assert (last_number("1 . 2 ,"), last_box("\\fbox{a{b}c}"), last_box("none")) == (",", "a{b}c", "")


def test_errors():
    with pytest.raises(RecipeError, match="one character"):
        math_string(["1"], ["1"], tail=0)
    with pytest.raises(UnknownNameError, match="normalisation"):
        math_string(["1"], ["1"], normalise="minervas")
    with pytest.raises(DataError, match="one value per signal"):
        math_string(["1"], [])
