from __future__ import annotations

import itertools
import math
from math import comb

import numpy as np
import pytest

from guerdon.errors import DataError
from guerdon.ops.stats import (
    bootstrap_mean_interval,
    clustered_ratio,
    holm,
    mean_height,
    paired_bootstrap,
    paired_permutation,
    pass_at_k,
    spearman,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_the_published_table(successes, n, low, high):
    assert wilson(successes, n)[1:] == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_bounded_at_the_ends():
    assert wilson(20, 20)[1:] == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    with pytest.raises(DataError):
        wilson(3, 2)


def test_pass_at_k_equals_counting_all_subsets():
    for n, c, k in [(5, 2, 3), (6, 1, 1), (7, 0, 4), (4, 4, 2), (6, 5, 6)]:
        samples = [1] * c + [0] * (n - c)
        hits = [any(samples[i] for i in chosen) for chosen in itertools.combinations(range(n), k)]
        assert pass_at_k(n, c, k) == pytest.approx(sum(hits) / comb(n, k))
    assert pass_at_k(200, 3, 100) == pytest.approx(1 - comb(197, 100) / comb(200, 100))
    with pytest.raises(DataError):
        pass_at_k([4], [1], 5)


def test_permutation_equals_the_count_by_hand():
    # differences 1, 2, 3, 4: of 16 sign patterns only ++++ and ---- reach a sum of 10 in size, so p = 2/16
    assert paired_permutation([1, 2, 3, 4], [0, 0, 0, 0]).p == 2 / 16
    # differences 1, 1, -1, 1: |sum| >= 2 for all patterns with 0, 1, 3 or 4 minus signs: 1 + 4 + 4 + 1 = 10
    assert paired_permutation([1, 1, 0, 1], [0, 0, 1, 0]).p == 10 / 16
    assert paired_permutation([2.0, 2.0], [2.0, 2.0]).p == 1.0


def test_permutation_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.4, 1, 9), rng.normal(0, 1, 9)
    want = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert paired_permutation(a, b).p == pytest.approx(want.pvalue)


def test_sampled_permutation_approaches_the_exact_one():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 11), rng.normal(0, 1, 11)
    exact = paired_permutation(a, b)
    sampled = paired_permutation(a, b, exact_pairs=0, resamples=40_000)
    # standard error of a proportion over 40 000 draws is at most 0.0025
    assert abs(exact.p - sampled.p) < 0.01
    assert exact.exact
    assert not sampled.exact


def test_permutation_keeps_its_level_under_the_null():
    rng = np.random.default_rng(0)
    rejected = sum(paired_permutation(x, np.zeros(8)).p <= 0.05 for x in rng.normal(size=(400, 8)))
    # 12 of 256 patterns fit below 0.05 at n = 8: rate 0.047, three standard errors of 0.0106 around it
    assert 0.015 < rejected / 400 < 0.08


def test_bootstrap_equals_the_exact_distribution_of_two_values():
    # the mean of two draws from {0, 1} is 0, 1/2, 1 with weights 1/4, 1/2, 1/4, so the 10 % quantile is 0
    low, high = bootstrap_mean_interval([0.0, 1.0], level=0.8)[1:]
    assert (low, high) == (0.0, 1.0)
    # and the 30 % and 70 % quantiles are both 1/2
    assert bootstrap_mean_interval([0.0, 1.0], level=0.4)[1:] == (0.5, 0.5)


def test_bootstrap_covers_a_known_mean():
    rng = np.random.default_rng(0)
    hit = 0
    for x in rng.normal(1.0, 2.0, (200, 40)):
        low, high = bootstrap_mean_interval(x, resamples=1000)[1:]
        hit += low <= 1.0 <= high
    # nominal 0.95, known to be a little short at n = 40; three standard errors of 0.0154
    assert 0.88 < hit / 200 <= 1.0


def test_one_value_has_no_interval_and_bad_input_is_refused():
    assert np.isnan(bootstrap_mean_interval([1.0]).low)
    for bad in ([], [1.0, float("nan")]):
        with pytest.raises(DataError):
            bootstrap_mean_interval(bad)
    with pytest.raises(DataError):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.2 times 3, 2, 1
    assert holm([0.2, 0.01, 0.02]) == pytest.approx([0.2, 0.03, 0.04])
    assert holm([0.6, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_mean_height():
    # (0 + 1)/2 * 1 + (1 + 3)/2 * 3 = 6.5 over a span of 4
    assert mean_height([0, 1, 4], [0.0, 1.0, 3.0]) == 6.5 / 4
    assert mean_height([5], [0.3]) == 0.3
    with pytest.raises(DataError):
        mean_height([1, 1], [0.0, 1.0])


def test_clustered_ratio_of_single_decisions_is_a_mean_with_its_standard_error():
    """Values 1, 2, 3, 6: mean 3, sample deviation sqrt(14/3), standard error sqrt(14/12)."""
    found = clustered_ratio([1.0, 2.0, 3.0, 6.0], [1.0] * 4)
    assert found.estimate == 3.0
    assert found.high - 3.0 == pytest.approx(1.959964 * (14 / 12) ** 0.5)


def test_clustered_ratio_takes_copies_of_a_decision_as_one():
    """Each value four times in its row: the same interval as without the copies, not half of it."""
    one = clustered_ratio([1.0, 2.0, 3.0, 6.0], [1.0] * 4)
    assert clustered_ratio([4.0, 8.0, 12.0, 24.0], [4.0] * 4) == pytest.approx(one)


def test_clustered_ratio_edges():
    assert clustered_ratio([2.0], [4.0]).estimate == 0.5
    assert math.isnan(clustered_ratio([2.0], [4.0]).low)
    with pytest.raises(DataError, match="not 0"):
        clustered_ratio([1.0, 2.0], [0.0, 0.0])


def test_spearman_with_and_without_ties():
    """Hours of television against IQ, sum d^2 = 194: 1 - 6 * 194 / 990; ranks 1 to 5 against 1, 2, 3.5, 5, 3.5."""
    assert spearman([106, 100, 86, 101, 99, 103, 97, 113, 112, 110],
                    [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]) == pytest.approx(-29 / 165)  # fmt: skip
    assert spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207826817)
    assert math.isnan(spearman([1, 2, 3], [4, 4, 4]))
