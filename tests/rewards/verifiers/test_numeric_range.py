from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status
from guerdon.rewards.verifiers.numeric_range import numeric_range


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("3", "[3, 5]", 1.0), ("3", "(3, 5]", 0.0), ("5", "[3; 5)", 0.0), ("4.999", "[3, 5)", 1.0),
        ("1,000", "(, 1000]", 1.0), ("1000.01", "(, 1000]", 0.0), ("-2", "-3..-1", 1.0), ("0", "-3 … -1", 0.0),
        ("3", ">= 3", 1.0), ("3", "> 3", 0.0), ("3", "≤ 3", 1.0), ("3", "<3", 0.0),
        ("4.1", "4 ± 0.1", 1.0), ("4.11", "4 +/- 0.1", 0.0), ("1/3", "[0.33, 0.34]", 1.0),
        ("4", (3, 5), 1.0), ("4", (None, 3), 0.0), ("4", {"low": 4}, 1.0), ("12%", "[10%, 20%]", 1.0),
        ("9", ["[1, 2]", "[8, 10]"], 1.0), ("0.3", (0.3, 1), 1.0), ("9", [(1, 2), (8, 10)], 1.0),
    ],
)  # fmt: skip
def test_intervals(answer, gold, score):
    v = numeric_range([answer], [gold])
    assert (v.score, v.status) == ([score], [Status.SCORED])


@pytest.mark.parametrize("gold", [None, "5", "[5, 3]", "[a, b]", "(,)", "", (1, 2, 3), {}, [], "[1, x]"])
def test_a_gold_answer_that_is_no_interval_is_unscored(gold):
    v = numeric_range(["4"], [gold])
    assert v.status == [Status.UNSCORED]
    assert math.isnan(v.score[0])


def test_answers_that_are_no_number_failed():
    v = numeric_range(["", None, "four", "[3, 5]", "9" * 100_000], ["[3, 5]"] * 5)
    assert v.status == [Status.FAILED] * 5
    with pytest.raises(DataError, match="one value per signal"):
        numeric_range(["1"], [])
