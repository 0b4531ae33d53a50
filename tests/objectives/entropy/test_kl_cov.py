"""KL-Cov: covariances by hand, count of penalised decisions, gradients, limits."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives import clip, kl_cov

LP = torch.tensor([[-0.1, -3.0, -0.2, -2.9]], dtype=torch.float64)
A = torch.tensor([[1.0, 1.0, -1.0, -1.0]], dtype=torch.float64)
M = torch.ones(1, 4, dtype=torch.bool)


def test_the_largest_covariance_is_penalised():
    """Means -1.55 and 0 give C = 1.45, -1.45, -1.35, 1.35; a quarter of four is the first decision."""
    old = LP - torch.tensor([[0.5, 0.5, -0.5, -0.5]], dtype=torch.float64)
    lp = LP.clone().requires_grad_()
    kl_cov(lp, old, A, M, fraction=0.25, coef=2.0).sum().backward()
    r = (LP - old).exp()
    extra = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)  # coef * sign(logp - old_logp)
    assert torch.allclose(lp.grad, -A * r + extra)


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.01, 1), (0.5, 2), (0.74, 2), (1.0, 4)])
def test_the_count_is_truncated_and_at_least_one(fraction, count):
    plain = -A * torch.tensor(0.3, dtype=torch.float64).exp()
    extra = kl_cov(LP, LP - 0.3, A, M, fraction=fraction) - plain
    assert int((extra.abs() > 1e-9).sum()) == count


def test_without_coefficient_it_is_the_unclipped_policy_gradient():
    old = LP - 0.7
    inf = float("inf")
    plain, _ = clip(LP - old, A, low=inf, high=inf, dual=None)
    assert torch.allclose(kl_cov(LP, old, A, M, coef=0.0), plain)


def test_constant_advantages_still_penalise_k_decisions():
    flat = torch.zeros_like(A)
    assert int((kl_cov(LP, LP - 0.3, flat, M, fraction=0.5) > 0).sum()) == 2


def test_masked_values_do_not_matter_and_an_empty_mask_is_legal():
    mask = torch.tensor([[True, True, True, False]])
    old = LP - 0.5
    spoiled = torch.where(mask, LP, torch.nan)
    same = torch.where(mask, LP, 7.0)
    a, b = (kl_cov(x, old, A, mask, fraction=0.34)[mask] for x in (spoiled, same))
    assert torch.equal(a, b)
    assert torch.isfinite(kl_cov(LP, old, A, torch.zeros_like(M))).all()


def test_percent_is_refused():
    with pytest.raises(RecipeError, match="percent"):
        kl_cov(LP, LP, A, M, fraction=20.0)


def test_gradient_equals_finite_differences():
    lp = LP.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: kl_cov(x, LP - 0.4, A, M, fraction=0.5), (lp,))
