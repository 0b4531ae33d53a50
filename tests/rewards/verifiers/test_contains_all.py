from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status, ToolCall
from guerdon.rewards.verifiers.contains_all import contains_all


@pytest.mark.parametrize(
    ("text", "gold", "score"),
    [
        ("Total: 1,234", "1234", 1.0),  # the checks of the FTRL dossier
        ("red", "red, blue", 0.0),
        ("red and blue", "red, blue", 1.0),
        ("RED", "red", 1.0),
        ("red", ["red", "blue"], 0.0),
        ("red", [["red"], ["blue"]], 1.0),  # two accepted answers
        ("3.0", "3", 1.0),  # a substring, as in the release
        ("x", 7, 0.0),
    ],
)
def test_parts(text, gold, score):
    assert contains_all([text], [gold]).score == [score]


def test_whole_parts_are_not_found_inside_others():
    assert contains_all(["312 units", "12 units"], ["12", "12"], whole=True).score == [0.0, 1.0]


def test_share_and_reason():
    v = contains_all(["red only"], ["red, blue, green"], credit="share")
    assert v.score == [pytest.approx(1 / 3)]
    assert v.reason == ["missing: 'blue'"]


def test_outputs_of_calls():
    calls = [(ToolCall("f", output="the value is 1,234 units"), ToolCall("g")), ()]
    v = contains_all(["1234", "1234"], ["1234", "1234"], calls, look_in="outputs")
    assert v.score == [1.0, 0.0]
    assert v.status == [Status.SCORED, Status.FAILED]
    unknown = contains_all(["1234"], ["1234"], look_in="outputs")
    assert unknown.status == [Status.UNSCORED]


def test_whose_fault():
    v = contains_all(["", None, " ", "x", "x"], ["a", "a", "a", None, [" "]])
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 2
    assert math.isnan(v.score[3])
    with pytest.raises(DataError, match="one value per signal"):
        contains_all(["a"], [])


def test_long_text_and_unicode():
    text = "é" * 100_000 + " Straße"
    assert contains_all([text, text], ["straße", "strasse"]).score == [1.0, 0.0]
