from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.numeric_close import numeric_close


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("105", "100", 1.0), ("105.1", "100", 0.0), ("94.9", "100", 0.0), ("95", "100", 1.0),
        ("12", "12%", 1.0), ("0.0", "0", 1.0), ("0.1", "0", 0.0), ("-105", "-100", 1.0), ("1,050", "1000", 1.0),
    ],
)  # fmt: skip
def test_chart_rule(answer, gold, score):
    """The checks of the Mixed-R1 dossier: |a - g| <= 0.05 |g|."""
    assert numeric_close([answer], [gold]).score == [score]


def test_the_bound_is_the_decimal_as_written():
    # 0.3 in binary is below 0.3, so 30 would exceed it by 1e-15
    assert numeric_close(["130", "130.0001"], ["100", "100"], relative=0.3).score == [1.0, 0.0]


def test_zero_has_its_own_tolerance():
    assert numeric_close(["0.01", "0.02"], ["0", "0"], absolute_at_zero=0.01).score == [1.0, 0.0]


def test_what_cannot_be_compared():
    v = numeric_close(["", None, "ten", "10", "10"], ["10", "10", "10", "ten", None])
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 2
    assert v.score[:3] == [0.0] * 3
    assert all(math.isnan(s) for s in v.score[3:])
    assert v.reason == ["no answer found"] * 2 + [
        "answer is not a number: 'ten'", "gold is not a number: 'ten'", "no gold answer",
    ]  # fmt: skip


def test_alternatives_and_errors():
    assert numeric_close(["9", "20"], [["10", "20"], ["10", "20"]], relative=0.1).score == [1.0, 1.0]
    with pytest.raises(RecipeError, match="tolerance"):
        numeric_close(["1"], ["1"], relative=-0.1)
    with pytest.raises(RecipeError, match="tolerance"):
        numeric_close(["1"], ["1"], absolute_at_zero=math.inf)
    with pytest.raises(DataError, match="one value per signal"):
        numeric_close(["1"], [])
