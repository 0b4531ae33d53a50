"""CISPO: the clipped weight is a constant, so gradient flows for every decision."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives import cispo

RATIO = torch.tensor([[0.5, 1.0, 1.1, 7.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("extra", "weight", "clipped"),
    [
        ({}, [0.8, 1.0, 1.1, 1.2], [True, False, False, True]),
        ({"high": 0.05}, [0.8, 1.0, 1.05, 1.05], [True, False, True, True]),
        ({"one_sided": True, "high": 5.0}, [0.5, 1.0, 1.1, 5.0], [False, False, False, True]),  # TRL
    ],
)
def test_gradient_is_minus_clipped_weight_times_advantage(extra, weight, clipped):
    lp = torch.full((1, 4), -2.0, dtype=torch.float64, requires_grad=True)
    d = torch.log(RATIO).requires_grad_()
    loss, flag = cispo(d, lp, torch.full((1, 4), 3.0, dtype=torch.float64), **extra)
    loss.sum().backward()
    assert lp.grad[0].tolist() == pytest.approx([-3 * w for w in weight])
    assert loss[0].tolist() == pytest.approx([6 * w for w in weight])
    assert d.grad is None
    assert flag[0].tolist() == clipped


def test_a_relative_band_is_not_taken_for_a_cap():
    with pytest.raises(RecipeError, match="absolute"):
        cispo(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1), one_sided=True)
