"""Schedules at their ends and between, by hand; where they may stand; what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from guerdon.schedule import KINDS, Schedule, value_at


def schedule(**data) -> Schedule:
    return Schedule.model_validate(data)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        # values at steps 0, 5, 10 and 20 of a run of 10 steps
        ({"schedule": "constant", "to": 3.0}, (3.0, 3.0, 3.0, 3.0)),
        ({"schedule": "linear", "from": 1.0, "to": 2.0}, (1.0, 1.5, 2.0, 2.0)),
        ({"schedule": "linear", "from": 1.0, "to": 2.0, "steps": 5}, (1.0, 2.0, 2.0, 2.0)),
        ({"schedule": "cosine", "from": 1.0, "to": 0.0}, (1.0, 0.5, 0.0, 0.0)),
        ({"schedule": "cosine_restarts", "from": 1.0, "to": 0.0, "period": 10}, (1.0, 0.5, 1.0, 1.0)),
        ({"schedule": "linear", "from": 1.0, "to": 2.0, "warmup": 5}, (0.2, 1.0, 2.0, 2.0)),
        ({"schedule": "cosine", "from": 1.0, "to": 0.0, "warmup": 6, "warm_from": 4.0}, (3.5, 1.0, 0.0, 0.0)),
        # begins again every 5 steps after the warm-up
        ({"schedule": "cosine_restarts", "from": 2.0, "to": 1.0, "period": 5, "warmup": 5}, (0.4, 2.0, 2.0, 2.0)),
        ({"schedule": "step_at", "from": 1.0, "to": 2.0, "at": 6}, (1.0, 1.0, 2.0, 2.0)),
        ({"schedule": "start_at", "from": 1.0, "to": 2.0, "at": 6}, (0.0, 0.0, 2.0, 2.0)),
    ],
)
def test_values(data, values):
    s = schedule(**data)
    assert tuple(s.at(step=k, total=10) for k in (0, 5, 10, 20)) == pytest.approx(values)


def test_two_phases():
    """1 - .2 (1 - e^(-2 e/75)) to step 75 of 150, then .8 e^(-3 (e - 75)/75); clamped at both ends."""
    s = schedule(schedule="two_phase", **{"from": 1.0, "to": 0.8 * math.exp(-3)})
    steps = (0, 37, 75, 76, 100, 150, 400)
    expected = (1.0, 0.87456347, 0.82706706, 0.76863155, 0.29430355, 0.03982965, 0.03982965)
    assert [s.at(step=k, total=150) for k in steps] == pytest.approx(expected, abs=1e-8)
    assert [s.at(step=k, total=1) for k in (0, 1)] == pytest.approx([1.0, 0.03982965], abs=1e-8)
    other = schedule(schedule="two_phase", steps=150, **{"from": 3.0, "to": -1.0})
    assert [other.at(step=k, total=9) for k in (0, 150)] == [3.0, -1.0]


@given(st.sampled_from(KINDS), st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 300), st.integers(0, 100))
def test_a_schedule_stays_between_its_ends(kind, start, end, step, total):
    value = schedule(schedule=kind, **{"from": start, "to": end}).at(step=step, total=total)
    low, high = min(start, end, 0.0 if kind == "start_at" else start), max(start, end)
    assert low - 1e-9 <= value <= high + 1e-9


def test_values_inside_containers_are_evaluated_and_nothing_else_is_touched():
    ramp = schedule(schedule="linear", **{"from": 0.0, "to": 1.0})
    assert value_at({"a": ramp, "b": 1.0}, step=1, total=2) == {"a": 0.5, "b": 1.0}
    assert value_at([ramp, ramp], step=2, total=2) == [1.0, 1.0]
    plain = (1.0, "x")
    assert value_at(plain, step=1, total=2) is plain


@pytest.mark.parametrize(
    "data",
    [
        {"schedule": "linear"},
        {"schedule": "quadratic", "to": 1.0},
        {"schedule": "linear", "to": float("nan")},
        {"schedule": "linear", "to": float("inf")},
        {"schedule": "linear", "to": 1.0, "steps": 0},
        {"schedule": "cosine_restarts", "to": 1.0, "period": 0},
        {"schedule": "linear", "to": 1.0, "form": 2.0},
        {"schedule": "two_phase", "to": 1.0, "at": 5, "warmup": 3},
    ],
)
def test_refused(data):
    with pytest.raises(ValidationError):
        schedule(**data)
