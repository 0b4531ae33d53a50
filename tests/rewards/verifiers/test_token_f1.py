from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, UnknownNameError
from guerdon.records import Status
from guerdon.rewards.verifiers.token_f1 import token_f1


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("the red fox", "A red fox!", 1.0),
        ("paris", "rome", 0.0),
        ("red red", "red", 2 / 3),  # a repeat counts: P = 1/2, R = 1
        ("big red dog", "red dog", 0.8),  # P = 2/3, R = 1
        ("b", ["a", "b c"], 2 / 3),  # the better of two golds: P = 1, R = 1/2
    ],
)
def test_squad_f1(answer, gold, score):
    assert token_f1([answer], [gold]).score == [pytest.approx(score)]


def test_other_normalisations():
    assert token_f1(["The fox."], ["the fox"], normalise="text").score == [1.0]
    assert token_f1(["Fox"], ["fox"], normalise="none").score == [0.0]
    with pytest.raises(UnknownNameError, match="squad"):
        token_f1([], [], normalise="squd")  # type: ignore[arg-type]


def test_whose_fault():
    v = token_f1(["", None, "the", "x", "x", "x"], ["a b", "a b", "b", None, "", "the"])
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 3
    assert all(math.isnan(s) for s in v.score[3:])
    assert v.reason[2] == "answer has no words: 'the'"
    with pytest.raises(DataError, match="one value per signal"):
        token_f1(["a"], [])


@given(st.text(max_size=80), st.text(max_size=80))
def test_in_range_symmetric_and_one_for_itself(a, b):
    there, back = token_f1([a], [b]), token_f1([b], [a])
    if there.status == back.status == [Status.SCORED]:
        assert there.score == back.score
        assert token_f1([a], [a]).score == [1.0]


def test_a_long_answer_is_read():
    assert token_f1(["x " * 50_000], ["x"]).score == [pytest.approx(2 / 50_001)]
