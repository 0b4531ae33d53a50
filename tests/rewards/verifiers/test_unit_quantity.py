from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.unit_quantity import unit_quantity


@pytest.mark.parametrize(
    ("answer", "gold", "score", "reason"),
    [
        ("36 km/h", "10 m/s", 1.0, ""), (r"10\,\mathrm{m\,s^{-1}}", "36 km/h", 1.0, ""),
        ("10.1 m/s", "10 m/s", 1.0, ""), ("10.11 m/s", "10 m/s", 0.0, "the value differs"),  # 1%, inclusive
        ("10 m", "10 m/s", 0.0, "the unit measures something else"), ("10", "10 m/s", 0.0, "the unit is missing"),
        ("10", "10", 1.0, ""), ("10 m", "10", 0.0, "the unit measures something else"), ("0.5", "50%", 1.0, ""),
        ("68 °F", "20 °C", 1.0, ""), ("300 K", "20 °C", 0.0, "the value differs"), ("0 m", "0 km", 1.0, ""),
    ],
)  # fmt: skip
def test_scores(answer, gold, score, reason):
    v = unit_quantity([answer], [gold])
    assert (v.score, v.status, v.reason) == ([score], [Status.SCORED], [reason])


def test_options():
    assert unit_quantity(["36.0001 km/h"], ["10 m/s"], relative=0.0).score == [0.0]
    assert unit_quantity(["36 km/h"], ["10 m/s"], relative=0.0).score == [1.0]  # exact
    assert unit_quantity(["1 mm"], ["0 m"], absolute=0.001).score == [1.0]
    assert unit_quantity(["10"], ["10 m/s"], bare="gold_unit").score == [1.0]
    assert unit_quantity(["2 s"], [["1 s", "2 s"]]).score == [1.0]
    assert unit_quantity(["1.1 m", "1.1001 m"], ["1 m"] * 2, relative=0.1).score == [1.0, 0.0]


def test_whose_fault():
    v = unit_quantity(["", None, "fast", "5 furlongs", "x" * 100_000, "5 m", "5 m"], ["1 m"] * 5 + [None, "5 smoots"])
    assert v.status == [Status.FAILED] * 5 + [Status.UNSCORED] * 2
    assert v.reason[3] == "answer is not a quantity of known units: '5 furlongs'"
    assert math.isnan(v.score[-1])


def test_errors():
    with pytest.raises(RecipeError, match="tolerance"):
        unit_quantity(["1 m"], ["1 m"], relative=-1.0)
    with pytest.raises(RecipeError, match="tolerance"):
        unit_quantity(["1 m"], ["1 m"], absolute=math.inf)
    with pytest.raises(DataError, match="one value per signal"):
        unit_quantity(["1 m"], [])
