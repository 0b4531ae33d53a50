"""VESPO: the kernel by hand, its limits, and equality with TRL's function where that is installed."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.objectives import reinforce, vespo


def kernel(log_w: float, k: float, lam: float) -> float:
    return math.exp(lam + k * log_w - lam * math.exp(log_w))


def test_kernel_of_the_summed_log_ratio_by_hand():
    d = torch.tensor([[0.3, -0.1, 9.0], [0.2, 0.2, 0.2]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    a = torch.tensor([[1.0] * 3, [-2.0] * 3], dtype=torch.float64)
    lp = torch.full_like(d, -1.0).requires_grad_()
    vespo(d, lp, a, mask).sum().backward()
    assert lp.grad[0, 0].item() == pytest.approx(-kernel(0.2, 2.0, 3.0))
    assert lp.grad[1, 0].item() == pytest.approx(2 * kernel(0.6, 3.0, 2.0))


def test_on_policy_it_is_reinforce():
    g = torch.Generator().manual_seed(0)
    lp, a = torch.randn(2, 3, generator=g), torch.randn(2, 3, generator=g)
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert torch.allclose(vespo(torch.zeros(2, 3), lp, a, mask), reinforce(lp, a))


def test_rows_far_from_the_behaviour_policy_vanish():
    d = torch.tensor([[30.0], [-30.0]])
    loss = vespo(d, -torch.ones(2, 1), torch.ones(2, 1), torch.ones(2, 1, dtype=torch.bool))
    assert loss.abs().max() < 1e-12


@pytest.mark.slow
def test_weights_equal_those_of_trl():
    trainer = pytest.importorskip("trl").GRPOTrainer
    g = torch.Generator().manual_seed(3)
    d = 0.5 * torch.randn(6, 5, generator=g, dtype=torch.float64)
    mask = torch.rand(6, 5, generator=g) < 0.7
    a = torch.randn(6, 1, generator=g, dtype=torch.float64)
    phi = trainer.get_gamma_weights(a, d, mask.double(), None)
    ours = vespo(d, torch.ones_like(d), -a.expand(6, 5).sign(), mask)
    flipped = trainer.get_gamma_weights(-a, d, mask.double(), None)
    assert torch.allclose(ours, (flipped * a.sign()).expand(6, 5), rtol=1e-6)
    assert not torch.allclose(phi, flipped)
