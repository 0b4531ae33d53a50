"""SAPO: value and gradient at ratio one, and the fading gate."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.objectives import sapo


@pytest.mark.parametrize(("a", "tau"), [(2.0, 1.0), (-2.0, 1.05), (2.0, 0.3)])
def test_at_ratio_one_value_is_two_over_tau_and_gradient_that_of_ppo(a, tau):
    d = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    loss = sapo(d, torch.full_like(d, a), tau_pos=tau, tau_neg=tau)
    loss.sum().backward()
    assert loss.item() == pytest.approx(-2 * a / tau, rel=1e-14)
    assert d.grad.item() == pytest.approx(-a, rel=1e-14)


def test_value_off_policy_by_hand():
    # r = 3, tau = 1.05: 4 / 1.05 * sigmoid(2.1)
    expected = 4 / 1.05 / (1 + math.exp(-2.1))
    d = torch.log(torch.tensor([[3.0]], dtype=torch.float64))
    assert sapo(d, -torch.ones_like(d)).item() == pytest.approx(expected, rel=1e-14)


def test_pull_fades_away_from_one():
    d = torch.log(torch.tensor([[1.0, 2.0, 8.0]], dtype=torch.float64)).requires_grad_()
    sapo(d, torch.ones_like(d), tau_pos=3.0).sum().backward()
    pull = (d.grad / d.exp()).abs()[0]  # gradient in the ratio
    assert pull[0] > pull[1] > pull[2]


def test_gradient_equals_finite_differences():
    g = torch.Generator().manual_seed(1)
    d = (0.5 * torch.randn(2, 3, generator=g, dtype=torch.float64)).requires_grad_()
    a = torch.randn(2, 3, generator=g, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: sapo(x, a), (d,))
