"""Masked reductions: empty masks, NaN outside and inside, whitening, quantiles."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import NumericsError, RecipeError
from guerdon.ops.masked import masked_mean, masked_quantile, masked_var, masked_whiten

X = torch.tensor([[1.0, 2.0, torch.nan], [6.0, torch.inf, torch.nan]], dtype=torch.float64)
M = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()


def test_mean_and_variance_by_hand():
    assert masked_mean(X, M).item() == 3.0
    assert masked_mean(X, M, 1).tolist() == [1.5, 6.0]
    assert masked_var(X, M).item() == pytest.approx((4 + 1 + 9) / 2)
    assert masked_var(X, M, unbiased=False).item() == pytest.approx(14 / 3)
    assert masked_mean(X, M, eps=1.0).item() == pytest.approx(9 / 4)


def test_empty_masks_give_zero_and_nan_inside_is_not_hidden():
    assert masked_mean(X, torch.zeros_like(M)).item() == 0.0
    assert masked_mean(X, M & torch.tensor([[True], [False]]), 1).tolist() == [1.5, 0.0]
    assert math.isnan(masked_mean(X, torch.ones_like(M)).item())


def test_whitened_values_have_mean_zero_and_unit_sample_variance():
    white = masked_whiten(X, M, eps=0.0)
    assert masked_mean(white, M).item() == pytest.approx(0.0, abs=1e-12)
    assert masked_var(white, M).item() == pytest.approx(1.0)
    with pytest.raises(NumericsError):
        masked_whiten(X, torch.tensor([[1, 0, 0], [0, 0, 0]]).bool())


@given(seed=st.integers(0, 999), q=st.floats(0, 1))
def test_quantile_equals_torch(seed, q):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(7, 3, generator=g, dtype=torch.float64)
    mask = torch.rand(7, 3, generator=g) < 0.5
    mask[0, 0] = True
    assert masked_quantile(x, mask, q).item() == pytest.approx(torch.quantile(x[mask], q).item(), abs=1e-9)


def test_quantile_of_nothing_is_nan_and_percent_is_refused():
    assert math.isnan(masked_quantile(X, torch.zeros_like(M), 0.5).item())
    with pytest.raises(RecipeError):
        masked_quantile(X, M, 50.0)
