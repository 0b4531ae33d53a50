"""REINFORCE: value, gradient -A w, and optional weights."""

from __future__ import annotations

import torch

from guerdon.objectives import reinforce


def test_gradient_is_minus_the_weighted_advantage():
    lp = torch.tensor([[-1.0, -2.0]], dtype=torch.float64, requires_grad=True)
    a, w = torch.tensor([[3.0, -1.0]], dtype=torch.float64), torch.tensor([[0.5, 2.0]], dtype=torch.float64)
    reinforce(lp, a, w).sum().backward()
    assert lp.grad.tolist() == [[-1.5, 2.0]]
    assert reinforce(lp, a).tolist() == [[3.0, -2.0]]


def test_dtype_and_inputs_are_kept():
    lp, a = torch.randn(2, 3), torch.randn(2, 3)
    before = lp.clone()
    assert reinforce(lp, a).dtype == torch.float32
    assert torch.equal(lp, before)
