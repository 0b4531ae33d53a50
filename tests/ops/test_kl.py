"""KL estimators: clamps and the straight-through helper; values are tested with the KL penalty."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.ops.kl import kl_estimate, with_gradient_of


def test_k3_clamps_the_exponent_and_the_result():
    d = torch.tensor([-30.0, 0.0, 30.0], dtype=torch.float64)
    zero = torch.zeros_like(d)
    assert kl_estimate(d, zero, "k3").tolist() == [10.0, 0.0, 10.0]
    # without the bound on the result: exponent 20, and -20
    free = kl_estimate(d, zero, "k3", clamp=math.inf).tolist()
    assert free == pytest.approx([math.exp(20) - 1 - 20, 0.0, math.exp(-20) - 1 + 20])


def test_k3_is_exact_near_zero():
    d = torch.tensor([1e-4], dtype=torch.float32)
    assert kl_estimate(d, torch.zeros(1), "k3").item() == pytest.approx(0.5e-8, rel=0.2)
    assert (kl_estimate(torch.randn(1000, dtype=torch.float64), torch.zeros(1), "k3") >= 0).all()


def test_unknown_estimator_is_refused():
    with pytest.raises(RecipeError, match="estimator"):
        kl_estimate(torch.zeros(1), torch.zeros(1), "k4")  # pyright: ignore[reportArgumentType]


def test_value_of_one_gradient_of_another():
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    y = with_gradient_of(x * 0 + 7.0, x**3)
    y.backward()
    assert y.item() == 7.0
    assert x.grad.item() == 12.0
