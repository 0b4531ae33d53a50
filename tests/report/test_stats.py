from __future__ import annotations

import math

import numpy as np
import pytest

from guerdon.report.stats import Correlation, Estimate, bootstrap, difference, newcombe, rate, thin, wilson


def test_wilson_solves_its_equation():
    # the ends are where |p_hat - p| = z sqrt(p (1 - p) / n)
    for k, n in ((3, 10), (0, 7), (7, 7), (81, 263)):
        for p in wilson(k, n):
            if 0.0 < p < 1.0:
                assert abs(k / n - p) == pytest.approx(1.959963984540054 * math.sqrt(p * (1 - p) / n))


def test_wilson_of_81_in_263():
    # Newcombe 1998 (single proportion), table I: 0.2553 to 0.3662
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_newcombe_of_his_first_example():
    # 56/70 against 48/80: 0.0524 to 0.3339
    gap = newcombe(Estimate(0.6, *wilson(48, 80), 80), Estimate(0.8, *wilson(56, 70), 70))
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_difference_of_means():
    found = difference([0.0, 1.0, 2.0] * 20, [5.0, 6.0, 7.0] * 20)
    # standard error sqrt(2 * (2/3) / 60) = 0.149, so the interval is about 5 plus or minus 0.29
    assert found.value == 5.0
    assert (found.low, found.high) == pytest.approx((4.71, 5.29), abs=0.04)
    assert not difference([1.0], [2.0]).known


def test_rate_of_single_samples_is_wilson():
    found = rate([(1, 1)] * 7 + [(0, 1)] * 3)
    assert (found.low, found.high, found.n) == (*wilson(7, 10), 10)
    assert rate([(1, 1)] * 7).low == wilson(7, 7)[0] > 0.5  # all right: still no certainty


def test_rate_of_identical_samples_counts_tasks():
    # each task is all right or all wrong, so eight samples say no more than one: the variance over 10 tasks of 0/1
    # values with Bessel's correction, p (1 - p) / (m - 1), makes 9 effective samples
    found = rate([(8, 8)] * 5 + [(0, 8)] * 5)
    assert (found.low, found.high) == pytest.approx(wilson(4.5, 9))
    assert found.n == 10


def test_bootstrap_covers_the_mean_of_normal_data():
    rng = np.random.default_rng(0)
    hits = sum(e.low <= 0.0 <= e.high for e in (bootstrap(rng.normal(size=60)) for _ in range(100)))
    # 95 expected, standard deviation sqrt(100 * 0.05 * 0.95) = 2.2; four of them either side
    assert 86 <= hits <= 100


def test_bootstrap_repeats_and_leaves_out_what_is_missing():
    assert bootstrap([1.0, 2.0, math.nan, 4.0]) == bootstrap([1.0, 2.0, 4.0])
    assert math.isnan(bootstrap([]).value)
    assert not bootstrap([3.0]).known


def test_correlation_equals_numpy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50) + 1e6, rng.normal(size=50)
    y += x - 1e6
    found = Correlation()
    for a, b in zip(x, y, strict=True):
        found.add(a, b)
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-6)
    assert math.isnan(Correlation().value)


def test_thin_keeps_the_bound_the_mean_and_the_peak():
    steps, values = list(range(2000)), [float(i % 7) for i in range(2000)]
    values[1234] = 99.0
    s, v = thin(steps, values, 500)
    assert len(s) == len(v) == 500
    assert np.mean(v) == pytest.approx(np.mean(values))
    assert max(thin(steps, values, 500, "max")[1]) == 99.0
    assert s == sorted(s)
