from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.edit_similarity import edit_similarity

pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed")


@pytest.mark.parametrize(
    ("answer", "gold", "how", "value"),
    [
        ("kitten", "sitting", {}, 1 - 3 / 7),  # two replacements and an insertion
        ("kitten", "sitting", {"measure": "indel"}, 1 - 5 / 13),  # a replacement is two
        ("ab", "ba", {}, 0.0), ("ab", "ba", {"measure": "osa"}, 0.5), ("ab", "ba", {"measure": "indel"}, 0.5),
        ("the red fox", "the fox", {"unit": "word"}, 2 / 3), ("The  Moon!", "the moon", {}, 1.0),
        ("Moon", "moon", {"normalise": False}, 0.75), ("naïve", "naive", {}, 0.8), ("日本", "日本語", {}, 2 / 3),
        ("x", ["abc", "xy"], {}, 0.5),  # the best of several
    ],
)  # fmt: skip
def test_values(answer, gold, how, value):
    assert edit_similarity([answer], [gold], **how).score == [pytest.approx(value)]


def recurrence(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@given(st.text("abc", min_size=1, max_size=12), st.text("abc", min_size=1, max_size=12))
def test_equals_the_recurrence(a, b):
    expected = 1 - recurrence(a, b) / max(len(a), len(b))
    assert edit_similarity([a], [b], normalise=False).score == [pytest.approx(expected)]


def test_threshold_includes_itself():
    assert edit_similarity(["abcd", "abc"], ["abce"] * 2, threshold=0.75).score == [1.0, 1.0]
    assert edit_similarity(["ab"], ["abce"], threshold=0.75).score == [0.0]
    with pytest.raises(RecipeError, match="similarity"):
        edit_similarity(["a"], ["a"], threshold=75)


def test_whose_fault():
    v = edit_similarity(["", None, "...", "a" * 20_001, "a", "a"], ["b", "b", "b", "b", None, " "])
    assert v.status == [Status.FAILED] * 4 + [Status.UNSCORED] * 2
    assert v.reason[3:] == ["the answer has 20001 characters, more than 20000", "no gold answer", "gold is empty"]
    assert math.isnan(v.score[5])
    with pytest.raises(DataError, match="one value per signal"):
        edit_similarity(["a"], [])
