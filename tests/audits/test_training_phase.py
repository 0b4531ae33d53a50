"""Phases of curves made by hand, in the order of the tests, and the step at which a plateau starts."""

from __future__ import annotations

import pytest
import torch

from guerdon.audits import training_phase
from guerdon.errors import RecipeError
from guerdon.schedule import Start


def phase(*values: float, **options) -> str:
    return training_phase(torch.tensor(values, dtype=torch.float64), **options)[0].message


def test_reward_phases_in_their_order():
    """Fewer than 50; 50 at .1 with nothing before; 50 at .5 after them; long at .75; noisy at .75."""
    assert phase(*[0.1] * 49) == "warm-up"
    assert phase(*[0.1] * 50) == "plateau"
    assert phase(*[0.1] * 50, *[0.5] * 50) == "climbing"
    assert phase(*[0.75] * 120) == "converged"
    assert phase(*[0.72, 0.78] * 60) == "plateau"  # std .03
    assert phase(*[0.5] * 120) == "plateau"  # steady, but not high


def test_gain_and_interval():
    """Windows 1, 3 and 4, 6: gain 3, both variances 1, so 1.96 * sqrt(2)."""
    found = training_phase(torch.tensor([9.0, 1.0, 3.0, 4.0, 6.0]), window=2)[0]
    assert found.effect == 3.0
    assert found.interval == pytest.approx((3 - 1.96 * 2**0.5, 3 + 1.96 * 2**0.5))
    assert found.n == 5


def test_entropy_counts_downwards():
    curve = [2.0 - 0.1 * k for k in range(10)] + [1.0] * 10
    assert phase(*curve[:10], series="entropy", window=3) == "rising stage"
    assert phase(*curve, series="entropy", window=3) == "plateau"
    assert phase(*curve, *[1.5] * 6, series="entropy", window=3) == "plateau"  # grows, so it does not fall


def test_the_plateau_starts_where_a_late_entry_does():
    """Falls by .1 a step down to 1.1 and stays at 1: windows of 3 are equal first over steps 11-13 and 14-16."""
    curve = [2.0 - 0.1 * k for k in range(10)] + [1.0] * 10
    found = training_phase(torch.tensor(curve, dtype=torch.float64), series="entropy", window=3)[1]
    assert (found.name, found.effect) == ("plateau starts", 16.0)
    start = Start(phase="plateau", window=3)
    assert [start.reached(k, curve[:k]) for k in (15, 16, 20)] == [False, True, True]
    assert start.reached(30, [*curve, *[0.5] * 10])  # what has begun stays, even if the curve falls again


def test_what_is_not_finite_is_left_out():
    assert training_phase(torch.tensor([float("nan")])) == []
    assert training_phase(torch.tensor([1.0, 1.0, float("nan"), 2.0, 2.0]), window=2)[0].effect == 1.0
    with pytest.raises(RecipeError, match="window"):
        training_phase(torch.zeros(3), window=1)
