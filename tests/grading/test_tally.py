"""The account of scores: moments, intervals, causes and examples against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.grading.batch import Graded
from guerdon.grading.tally import Moments, Tally, cause
from guerdon.ops.stats import bootstrap_mean_interval, wilson
from guerdon.records import Status


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50))
def test_mean_and_interval_are_those_of_all_values(values):
    moments = Moments()
    for i, v in enumerate(values):
        moments.add(v, Status.SCORED, i / 100)
    mean, low, high = moments.interval()
    assert mean == pytest.approx(np.mean(values), abs=1e-6)
    if not set(values) <= {0.0, 1.0} and len(values) > 1:
        assert (low, high) == bootstrap_mean_interval(sorted(values), resamples=2000)[1:]
        assert min(values) <= low <= high <= max(values)
    assert sorted(moments.values()) == sorted(values)


def test_many_values_get_the_normal_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, 5000)
    moments = Moments()
    for v in values:
        moments.add(float(v), Status.SCORED, abs(float(v)) % 1)
    mean, low, high = moments.interval()
    half = 1.959964 * np.std(values, ddof=1) / math.sqrt(5000)
    assert (mean, low, high) == pytest.approx((np.mean(values), np.mean(values) - half, np.mean(values) + half))


def test_zeros_and_ones_get_wilsons_interval():
    moments = Moments()
    for i in range(10):
        moments.add(float(i < 8), Status.SCORED, i / 10)
    assert moments.interval() == wilson(8, 10)


def test_the_sample_is_bounded_and_uniform():
    moments = Moments()
    dice = np.random.default_rng(0).random(10_000)
    for i, d in enumerate(dice):
        moments.add(float(i), Status.SCORED, float(d))
    values = moments.values()
    assert len(values) == 2000
    # the mean of 2,000 of 0..9999 has a standard error of 2887 / sqrt(2000) = 65; five of them
    assert np.mean(values) == pytest.approx(4999.5, abs=325)


def graded(name, score, status=Status.SCORED, reason="", **aspects):
    states = {n: Status.UNSCORED if math.isnan(v) else Status.SCORED for n, v in aspects.items()}
    reasons = {n: "our fault: 'x'" for n, v in aspects.items() if math.isnan(v)}
    return Graded(name, f"f:{name}", score, status, reason, aspects, states, reasons)


def test_causes_are_counted_without_what_they_quote_and_by_reward():
    tally = Tally()
    for i in range(5):
        tally.add(graded(str(i), math.nan, Status.UNSCORED, "", a=math.nan, b=1.0), {})
    tally.add(graded("z", math.nan, Status.UNSCORED, "", a=math.nan), {})
    assert tally.causes() == [("unscored", "a: our fault: '…'", 5), ("unscored", "our fault: '…'", 1)]
    assert cause("") == "no reason given"
    assert tally.aspects["b"].states == {"scored": 5}
    assert (tally.unscored_share, tally.too_many(done=False), tally.too_many(done=True)) == (1.0, False, True)


def test_examples_are_the_extremes_and_what_rewards_disagree_about():
    tally = Tally()
    for i in range(50):
        tally.add(graded(f"{i:02}", i / 50, a=i / 50, b=1.0 if i == 7 else i / 50), {"completion": f"text {i}"})
    shown = tally.shown()
    assert [e.id for e in shown["highest"]] == ["49", "48", "47", "46", "45", "44"]
    assert [e.id for e in shown["lowest"]][:2] == ["00", "01"]
    assert [(e.id, e.completion) for e in shown["disputed"]] == [("07", "text 7")]
    assert "b gives 1, a gives 0.14" in shown["disputed"][0].why
