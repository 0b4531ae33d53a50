"""GMPO: geometric mean by hand, one-sided bounds, masked and empty rows."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.objectives import gmpo

M = torch.ones(1, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("a", "bounded", "clipped"),
    [
        (1.0, [0.2, -0.5, 0.1], [True, False, False]),  # raised: only the upper side
        (-1.0, [0.5, -0.2, 0.1], [False, True, False]),  # lowered: only the lower side
        (0.0, [0.5, -0.5, 0.1], [False, False, False]),
    ],
)
def test_bounds_act_on_the_side_that_overshoots(a, bounded, clipped):
    d = torch.tensor([[0.5, -0.5, 0.1]], dtype=torch.float64)
    loss, flag = gmpo(d, torch.full_like(d, a), M, eps=0.0)
    assert loss.item() == pytest.approx(-a * math.exp(sum(bounded) / 3))
    assert flag[0].tolist() == clipped


def test_masked_values_and_empty_rows_do_not_matter():
    nan = float("nan")
    d = torch.tensor([[0.1, nan], [nan, nan]], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([[2.0, nan], [5.0, nan]], dtype=torch.float64)
    mask = torch.tensor([[True, False], [False, False]])
    loss, _ = gmpo(d, a, mask, eps=0.0)
    loss.mean().backward()
    assert loss.tolist() == pytest.approx([-2 * math.exp(0.1), 0.0])
    assert torch.isfinite(d.grad).all()


def test_gradient_equals_finite_differences():
    g = torch.Generator().manual_seed(2)
    d = (0.3 * torch.randn(2, 3, generator=g, dtype=torch.float64)).requires_grad_()
    a = torch.randn(2, 1, generator=g, dtype=torch.float64).expand(2, 3)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert torch.autograd.gradcheck(lambda x: gmpo(x, a, mask)[0], (d,))
