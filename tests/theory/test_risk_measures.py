"""Risk of samples: trimmed means by hand, shares of atoms, the parts add up, refusals."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, RecipeError
from guerdon.theory import risk_measures

TEN = torch.arange(1.0, 11.0)


def test_whole_order_statistics_are_trimmed_means():
    found = risk_measures(TEN, low=0.2, high=0.8)
    # lowest 2 of 10, then 3 to 8, then 9 and 10
    assert (found.lower_tail, found.middle, found.upper_tail) == pytest.approx((1.5, 5.5, 9.5))
    assert found.mixed == pytest.approx((1.5 * 1.5 + 5.5) / 2.5)
    assert (found.count, found.mean, found.low_quantile, found.high_quantile) == (10, 5.5, 2.0, 8.0)


def test_a_value_across_a_level_is_shared():
    """Level .3 of two values: the tail is the first alone; level .75: a half of 1 (share .5), a quarter of 3."""
    two = torch.tensor([3.0, 1.0])
    assert risk_measures(two, low=0.3, high=0.6).lower_tail == 1.0
    assert risk_measures(two, low=0.75, high=0.9).lower_tail == pytest.approx((0.5 * 1 + 0.25 * 3) / 0.75)


def test_atoms_of_a_pass_fail_score():
    """Seven of ten fail: the lowest half is 0; between .5 and .9 there are .2 of 0 and .2 of 1."""
    found = risk_measures(torch.tensor([0.0] * 7 + [1.0] * 3), low=0.5, high=0.9, mix=0.0)
    assert (found.lower_tail, found.middle, found.upper_tail) == pytest.approx((0.0, 0.5, 1.0))
    assert found.mixed == found.middle
    assert (found.low_quantile, found.high_quantile) == (0.0, 1.0)


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(0.01, 0.98), st.floats(0.01, 0.98)
)  # fmt: skip
def test_the_parts_add_up_to_the_mean_and_are_in_order(values, one, other):
    low, high = min(one, other), max(one, other) + 0.01
    found = risk_measures(torch.tensor(values, dtype=torch.float64), low=low, high=high)
    whole = low * found.lower_tail + (high - low) * found.middle + (1 - high) * found.upper_tail
    assert whole == pytest.approx(found.mean, abs=1e-6)
    assert found.lower_tail <= found.middle + 1e-9 <= found.upper_tail + 2e-9
    assert found.lower_tail <= found.low_quantile + 1e-9


def test_a_million_uniform_values_have_the_known_tail():
    """Uniform on [0, 1]: the lowest fifth has the mean .1, the middle .55; three standard errors are under .001."""
    x = torch.rand(1_000_000, generator=torch.Generator().manual_seed(0))
    found = risk_measures(x, low=0.2, high=0.9)
    assert (found.lower_tail, found.middle) == pytest.approx((0.1, 0.55), abs=2e-3)


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")])])
def test_values_that_cannot_be_measured_are_refused(bad):
    with pytest.raises(DataError, match="finite"):
        risk_measures(bad)


@pytest.mark.parametrize("options", [{"low": 0.0}, {"high": 1.0}, {"low": 0.9, "high": 0.2}, {"mix": -1.0}])
def test_levels_out_of_range_are_refused(options):
    with pytest.raises(RecipeError, match="levels"):
        risk_measures(TEN, **options)
