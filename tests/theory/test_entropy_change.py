"""Entropy changes against finite steps, the papers' numbers as means over the policy, order of the error, refusals."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import DataError
from guerdon.theory import entropy_change

Z = torch.tensor([2.0, 1.0, 0.0, -1.0], dtype=torch.float64)


def every_action(logits, lr, estimator, advantage=None):
    n = len(logits)
    a = torch.ones(n, dtype=torch.float64) if advantage is None else advantage
    return entropy_change(logits.expand(n, n), torch.arange(n), a, lr=lr, estimator=estimator)


def entropy(logits):
    return torch.special.entr(torch.softmax(logits, -1)).sum()


def test_three_actions_by_finite_steps():
    """p = .7, .2, .1: -(S_k - E[S]) with S = .3116, -.1615, -.1501 and E[S] = .1708."""
    z = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).log()
    wanted = [-0.14079, 0.33233, 0.32088]
    assert (every_action(z, 1e-5, "exact") / 1e-5).tolist() == pytest.approx(wanted, abs=2e-5)
    assert (every_action(z, 1e-5, "first_order") / 1e-5).tolist() == pytest.approx(wanted, abs=2e-5)


def test_means_over_the_policy_are_the_covariances_of_the_entropy_mechanism():
    """A is 1 on the first action, centred under p; step 1e-3 times p A (vanilla), or A (natural)."""
    p = torch.softmax(Z, -1)
    advantage = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64) - p[0]
    vanilla = (p * every_action(Z, 1e-3, "first_order", advantage)).sum().item()
    natural = (p * every_action(Z, 1e-3, "natural", advantage)).sum().item()
    assert vanilla == pytest.approx(-1.0165518e-4, rel=1e-6)
    assert natural == pytest.approx(-3.2668814e-4, rel=1e-6)
    true = [(entropy(Z + 1e-3 * step) - entropy(Z)).item() for step in (p * advantage, advantage)]
    assert true == pytest.approx([-1.0166563e-4, -3.2675573e-4], rel=1e-6)


def test_on_policy_the_first_order_change_has_mean_zero():
    p = torch.softmax(Z, -1)
    assert (p * every_action(Z, 1.0, "first_order")).sum().item() == pytest.approx(0.0, abs=1e-14)
    assert (p * every_action(Z, 1.0, "natural")).sum().item() == pytest.approx(0.0, abs=1e-14)


def test_the_first_order_error_is_of_second_order():
    """A tenth of the step has about a hundredth of the error."""
    errors = [
        (every_action(Z, lr, "exact") - every_action(Z, lr, "first_order")).abs().max().item() for lr in (0.1, 0.01)
    ]
    assert 80 < errors[0] / errors[1] < 120


def test_gradients_say_the_same():
    """The derivative of H along the gradient of ln p_k is the first-order change."""
    z = Z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(entropy(z), z)
    for k in range(4):
        direction = torch.nn.functional.one_hot(torch.tensor(k), 4) - torch.softmax(Z, -1)
        one = entropy_change(Z[None], torch.tensor([k]), torch.ones(1).double(), lr=1.0, estimator="first_order")
        assert one.item() == pytest.approx((slope * direction).sum().item())


def test_covariance_is_centred_over_the_states():
    """Log-probs -.1, -3, -.2, -2.9 and advantages 1, 1, -1, -1: covariances 1.45, -1.45, -1.35, 1.35."""
    taken = torch.tensor([-0.1, -3.0, -0.2, -2.9], dtype=torch.float64)
    logits = torch.stack([taken, torch.log1p(-taken.exp())], 1)
    a = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    found = entropy_change(logits, torch.zeros(4, dtype=torch.long), a, lr=1.0, estimator="covariance")
    assert found.tolist() == pytest.approx([-1.45, 1.45, 1.35, -1.35])


def test_the_scalar_form():
    """-(1 - p)(ln p + H) for p = .7 and H = .80181855."""
    z = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    found = entropy_change(z, torch.tensor([0]), torch.ones(1).double(), lr=1.0, estimator="scalar")
    assert found.item() == pytest.approx(-0.3 * (-0.35667494 + 0.80181855), abs=1e-8)


@pytest.mark.parametrize("estimator", ["exact", "first_order", "covariance", "natural", "scalar"])
def test_actions_that_cannot_be_chosen_are_no_part_of_it(estimator):
    a = torch.ones(1, dtype=torch.float64)
    wide = torch.cat([Z, torch.tensor([-torch.inf], dtype=torch.float64)])
    one, two = (entropy_change(z[None], torch.tensor([1]), a, lr=0.1, estimator=estimator) for z in (Z, wide))
    assert one.item() == pytest.approx(two.item())
    with pytest.raises(DataError, match="probability above 0"):
        entropy_change(wide[None], torch.tensor([4]), a, estimator=estimator)


def test_an_unknown_action_is_refused():
    with pytest.raises(DataError, match="vocabulary"):
        entropy_change(Z[None], torch.tensor([4]), torch.ones(1).double())
