"""Entropy bonus: sign, coefficients and gradient."""

from __future__ import annotations

import torch

from guerdon.objectives import entropy_bonus


def test_gradient_is_minus_the_coefficient_and_a_controller_wins():
    h = torch.tensor([[2.0, 1.0], [3.0, 0.0]], dtype=torch.float64, requires_grad=True)
    entropy_bonus(h, coef=0.5).sum().backward()
    assert h.grad.tolist() == [[-0.5, -0.5], [-0.5, -0.5]]
    assert entropy_bonus(h, torch.tensor(2.0)).tolist() == [[-4.0, -2.0], [-6.0, 0.0]]
    assert entropy_bonus(h, torch.tensor([1.0, 0.0])).tolist() == [[-2.0, -1.0], [0.0, 0.0]]
    assert entropy_bonus(h, coef=-1.0).tolist() == [[2.0, 1.0], [3.0, 0.0]]
