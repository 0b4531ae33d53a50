from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import value_baseline
from guerdon.advantages.value_baseline import soft_minimum
from guerdon.errors import RecipeError

M = torch.tensor([[True, True], [True, False], [True, True]])


@pytest.mark.parametrize(("heads", "a", "value"), [
    ((0.0, 0.0), 0.3, 0.0), ((0.0, 1.0), 0.3, 0.19742843), ((1.0, 3.0), 0.3, 1.20756261), ((0.0, 1.0), 100.0, 0.49875),
    ((1.0, 2.0), 0.001, 1.000693),
])  # fmt: skip
def test_published_soft_minima(heads, a, value):
    assert soft_minimum(torch.tensor(heads, dtype=torch.float64), a).item() == pytest.approx(value, abs=1e-6)


def test_between_minimum_and_mean_and_equivariant_to_shifts():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    soft = soft_minimum(x, 0.3)
    assert bool((soft >= x.amin(1)).all())
    assert bool((soft <= x.mean(1)).all())
    torch.testing.assert_close(soft_minimum(x + 2.0, 0.3), soft + 2.0)
    torch.testing.assert_close(soft_minimum(x.flip(1), 0.3), soft)


def test_the_value_before_the_last_decision_is_the_baseline():
    value = torch.tensor([[9.0, 0.5], [0.25, 9.0], [9.0, 1.0]])
    a, returns = value_baseline(torch.tensor([1.0, 0.0, torch.nan]), value, M, standardize=False)
    assert a.tolist() == [[0.5, 0.5], [-0.25, 0.0], [0.0, 0.0]]
    assert returns.tolist() == [1.0, 0.0, 1.0]  # an unscored row teaches the critic its own value


def test_standardised_over_scored_rows():
    reward = torch.tensor([1.0, 0.0, 3.0], dtype=torch.float64)
    a, _ = value_baseline(reward, torch.zeros(3, 2, 2, dtype=torch.float64), M)
    std = ((1 / 9 + 16 / 9 + 25 / 9) / 2) ** 0.5  # of 1, 0, 3 around 4/3
    assert a[:, 0].tolist() == pytest.approx([-1 / 3 / std, -4 / 3 / std, 5 / 3 / std])


def test_a_negative_temperature_is_refused():
    with pytest.raises(RecipeError):
        value_baseline(torch.ones(3), torch.zeros(3, 2), M, softmin=-1.0)
    assert soft_minimum(torch.tensor([1.0, 2.0]), math.inf).item() == 1.5
