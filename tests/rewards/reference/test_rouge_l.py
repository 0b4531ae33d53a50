from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, RecipeError
from guerdon.rewards.reference.rouge_l import rouge_l


@pytest.mark.parametrize(
    ("text", "gold", "beta", "value"),
    [
        ("police kill the gunman", "police killed the gunman", 1.0, 0.75),  # the examples of Lin 2004, section 3
        ("the gunman kill police", "police killed the gunman", 1.0, 0.5),
        ("a b c d", "a c", 0.0, 0.5), ("a b c d", "a c", 1.0, 2 / 3), ("a b c d", "a c", 2.0, 5 * 0.5 / (1 + 2)),
        ("A, B!", "a b", 1.0, 1.0), ("città è", "la città è", 1.0, 0.8), ("", "a", 1.0, 0.0), ("x", "a", 1.0, 0.0),
        ("b", ["a", "b"], 1.0, 1.0),
    ],
)  # fmt: skip
def test_values(text, gold, beta, value):
    assert rouge_l([text], [gold], beta=beta).item() == pytest.approx(value)


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), min_size=1, max_size=12))
def test_equals_rouge_score(a, b):
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
    theirs = rouge_scorer.RougeScorer(["rougeL"]).score(" ".join(b), " ".join(a))["rougeL"].fmeasure
    assert rouge_l([" ".join(a)], [" ".join(b)]).item() == pytest.approx(theirs)


def test_only_the_explanation_is_compared():
    text = "<explanation>the cat sat</explanation> Answer: the mat on the mat"
    assert rouge_l([text, "the cat sat"], ["the cat sat"] * 2, segment="explanation").tolist() == [1.0, 0.0]


def test_what_is_not_scored_and_what_cannot_be_asked():
    found = rouge_l(["a", "a", None], [None, "--", "a"]).tolist()
    assert [math.isnan(v) for v in found] == [True, True, False]
    with pytest.raises(RecipeError, match="beta"):
        rouge_l(["a"], ["a"], beta=-1.0)
    with pytest.raises(DataError, match="one value per signal"):
        rouge_l(["a"], [])
