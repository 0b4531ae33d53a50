"""KL terms: estimators by hand, directions, straight-through gradients, coefficients, and exactness in expectation."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives import kl_penalty

LP = torch.tensor([[-1.0, -2.0]], dtype=torch.float64)
REF = torch.tensor([[-1.5, -1.0]], dtype=torch.float64)  # d = 0.5, -1


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("k1", [0.5, -1.0]),
        ("abs", [0.5, 1.0]),
        ("k2", [0.125, 0.5]),
        ("k3", [math.exp(-0.5) - 1 + 0.5, math.exp(1) - 1 - 1]),
    ],
)
def test_estimators_and_their_swapped_form(estimator, expected):
    assert kl_penalty(LP, REF, coef=2.0, estimator=estimator)[0].tolist() == pytest.approx([2 * v for v in expected])
    swapped = kl_penalty(LP, REF, coef=1.0, estimator=estimator, direction="forward")
    assert torch.equal(swapped, kl_penalty(REF, LP, coef=1.0, estimator=estimator))


@pytest.mark.parametrize("direction", ["reverse", "forward"])
@pytest.mark.parametrize("estimator", ["k1", "abs", "k3"])
def test_straight_through_keeps_the_value_and_takes_the_gradient_of_k2(estimator, direction):
    lp = LP.clone().requires_grad_()
    plain = kl_penalty(LP, REF, coef=3.0, estimator=estimator, direction=direction)
    value = kl_penalty(lp, REF, coef=3.0, estimator=estimator, direction=direction, straight_through=True)
    value.sum().backward()
    assert torch.allclose(value, plain)
    assert lp.grad[0].tolist() == pytest.approx([3 * 0.5, 3 * -1.0])


def test_expectations_over_a_small_vocabulary():
    """Weighted by the policy, k1 and k3 are KL(p, q), and the gradient of k2 is that of KL(p, q)."""
    z = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    logp = z.log_softmax(0)
    p = logp.exp()
    exact = (p * (logp - q.log())).sum()
    (wanted,) = torch.autograd.grad(exact, z, retain_graph=True)
    for estimator in ("k1", "k3"):
        mean = (p.detach() * kl_penalty(logp[None], q.log()[None], coef=1.0, estimator=estimator)[0]).sum()
        assert mean.item() == pytest.approx(exact.item())
    mean = (p.detach() * kl_penalty(logp[None], q.log()[None], coef=1.0, estimator="k3", straight_through=True)).sum()
    (found,) = torch.autograd.grad(mean, z, retain_graph=True)
    assert torch.allclose(found, wanted)
    backward = (q * kl_penalty(logp[None], q.log()[None], coef=1.0, estimator="k3", direction="forward")[0]).sum()
    assert backward.item() == pytest.approx((q * (q.log() - logp)).sum().item())


def test_k3_is_clamped():
    d = torch.tensor([[5.0, -5.0]], dtype=torch.float64)
    value = kl_penalty(d, torch.zeros_like(d), coef=1.0)
    assert value[0].tolist() == pytest.approx([math.exp(-5) - 1 + 5, 10.0])


def test_a_controllers_coefficient_wins_and_may_differ_per_row():
    two = LP.expand(2, 2)
    assert torch.equal(kl_penalty(LP, REF, torch.tensor(4.0), estimator="k1"), 4 * (LP - REF))
    rows = kl_penalty(two, REF.expand(2, 2), torch.tensor([1.0, 0.0], dtype=torch.float64), estimator="k1")
    assert rows.tolist() == [[0.5, -1.0], [0.0, 0.0]]


def test_full_takes_the_given_divergence_or_says_what_is_missing():
    exact = torch.tensor([[0.25, 0.5]])
    assert kl_penalty(LP, REF, None, exact, coef=2.0, estimator="full").tolist() == [[0.5, 1.0]]
    with pytest.raises(RecipeError, match="ref_kl"):
        kl_penalty(LP, REF, estimator="full")
    with pytest.raises(RecipeError, match="exact gradient"):
        kl_penalty(LP, REF, None, exact, estimator="full", straight_through=True)


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_gradient_equals_finite_differences(estimator):
    lp = LP.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: kl_penalty(x, REF, coef=1.0, estimator=estimator), (lp,))
