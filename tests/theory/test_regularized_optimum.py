"""Optima against closed forms, the KKT conditions, an independent search, and what each does to an unseen outcome."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import DataError, RecipeError
from guerdon.theory import FiniteOutcomes, regularized_optimum

DIVERGENCES = ("reverse_kl", "forward_kl", "js", "alpha")
SLOPE = {  # f'(w), written down from the definitions and not from the code
    "reverse_kl": lambda w: w.log() + 1,
    "forward_kl": lambda w: -1 / w,
    "js": lambda w: (2 * w / (1 + w)).log(),
    "alpha": lambda w: (1 - w**-0.5) / 0.5,
}


def world(reward, base):
    return FiniteOutcomes(torch.tensor(reward, dtype=torch.float64), torch.tensor(base, dtype=torch.float64))


def random_world(seed: int, n: int = 6) -> FiniteOutcomes:
    g = torch.Generator().manual_seed(seed)
    return FiniteOutcomes(torch.randn(n, generator=g, dtype=torch.float64),
                          torch.randn(n, generator=g, dtype=torch.float64).softmax(0))  # fmt: skip


@pytest.mark.parametrize("name", DIVERGENCES)
@pytest.mark.parametrize("beta", [0.05, 0.5, 5.0])
def test_reward_minus_beta_slope_is_the_same_for_every_outcome(name, beta):
    w = world([0.0, 1.0, 2.0], [0.5, 0.3, 0.2])
    p = regularized_optimum(w, regularizer=name, beta=beta).probability
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-12)
    multiplier = w.reward - beta * SLOPE[name](p / w.base)
    assert float(multiplier.max() - multiplier.min()) < 1e-8


@pytest.mark.parametrize("name", [*DIVERGENCES, "entropy", "weighted_entropy"])
def test_no_search_over_the_simplex_finds_more(name):
    w = random_world(3)
    weight = torch.linspace(0.2, 1.0, 6, dtype=torch.float64) if name == "weighted_entropy" else None
    found = regularized_optimum(w, weight, regularizer=name, beta=0.7)
    logits = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-13, tolerance_change=1e-16,
                               line_search_fn="strong_wolfe")  # fmt: skip

    def loss():
        p = logits.softmax(0)
        r = p / w.base
        cost = {
            "reverse_kl": lambda: (p * r.log()).sum(), "forward_kl": lambda: -(w.base * r.log()).sum(),
            "js": lambda: (w.base * (r * r.log() - (r + 1) * ((r + 1) / 2).log())).sum(),
            "alpha": lambda: (w.base * (r**0.5 - 0.5 * r - 0.5) / -0.25).sum(),
            "entropy": lambda: (p * p.log()).sum(), "weighted_entropy": lambda: (weight * p * p.log()).sum(),
        }[name]()  # fmt: skip
        return -((p * w.reward).sum() - 0.7 * cost)

    def closure():
        search.zero_grad()
        value = loss()
        value.backward()
        return value

    search.step(closure)
    assert found.value == pytest.approx(-float(loss().detach()), abs=1e-8)
    assert torch.allclose(found.probability, logits.detach().softmax(0), atol=1e-6)


def test_reverse_kl_is_the_tilted_base():
    w = random_world(1)
    found = regularized_optimum(w, beta=0.3)
    tilted = w.base * (w.reward / 0.3).exp()
    assert torch.allclose(found.probability, tilted / tilted.sum(), atol=1e-12)
    # the value is beta log E_q exp(r / beta)
    assert found.value == pytest.approx(0.3 * math.log(float(tilted.sum())), abs=1e-12)


def test_a_divergence_keeps_zero_and_an_entropy_does_not():
    w = world([1.0, 0.0, 10.0], [0.4, 0.6, 0.0])
    for name in DIVERGENCES:
        assert float(regularized_optimum(w, regularizer=name, beta=0.1).probability[2]) == 0.0
    revived = regularized_optimum(w, regularizer="entropy", beta=0.1)
    assert float(revived.probability[2]) > 0.999
    assert revived.kl == math.inf


def test_weighted_entropy_of_three_outcomes():
    # published check of the method's description
    weight = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    found = regularized_optimum(world([1.0, 0.5, 0.0], [1 / 3] * 3), weight, regularizer="weighted_entropy", beta=1.0)
    assert found.probability.tolist() == pytest.approx([0.759239, 0.212062, 0.028699], abs=1e-6)
    assert found.value == pytest.approx(1.077529, abs=1e-6)


def test_alpha_lies_between_its_limits():
    w = random_world(2)
    for alpha, name in ((1e-7, "reverse_kl"), (1 - 1e-7, "forward_kl")):
        near = regularized_optimum(w, regularizer="alpha", beta=0.5, alpha=alpha)
        assert torch.allclose(
            near.probability, regularized_optimum(w, regularizer=name, beta=0.5).probability, atol=1e-5
        )


@pytest.mark.parametrize("budget", [0.01, 0.2, 0.8])
def test_a_budget_is_spent_and_nothing_else_of_that_cost_earns_more(budget):
    w = random_world(4)
    found = regularized_optimum(w, kl_budget=budget)
    assert found.kl == pytest.approx(budget, abs=1e-9)
    # Pythagoras: (E_opt r - E_p r) / beta + KL(p|q) - KL(opt|q) = KL(p|opt) for every p
    p = torch.randn(6, generator=torch.Generator().manual_seed(9), dtype=torch.float64).softmax(0)
    left = (found.reward - float((p * w.reward).sum())) / found.beta + float((p * (p / w.base).log()).sum()) - found.kl
    assert left == pytest.approx(float((p * (p / found.probability).log()).sum()), abs=1e-7)


def test_more_budget_than_the_best_outcome_costs():
    found = regularized_optimum(world([1.0, 1.0, 0.0], [0.1, 0.3, 0.6]), kl_budget=5.0)
    assert found.probability.tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert (found.beta, found.kl) == (0.0, pytest.approx(-math.log(0.4)))


def test_tiny_coefficients_and_masses_stay_finite():
    w = world([0.0, 1.0], [1 - 1e-6, 1e-6])
    for name in DIVERGENCES:
        p = regularized_optimum(w, regularizer=name, beta=1e-3).probability
        assert bool(torch.isfinite(p).all())
        assert float(p[1]) > 0.9


def test_what_makes_no_problem_is_refused():
    w = world([0.0, 1.0], [0.5, 0.5])
    with pytest.raises(RecipeError, match="one of them"):
        regularized_optimum(w)
    with pytest.raises(RecipeError, match="goes with reverse_kl"):
        regularized_optimum(w, regularizer="js", kl_budget=0.1)
    with pytest.raises(RecipeError, match="above 0"):
        regularized_optimum(w, beta=0.0)
    with pytest.raises(DataError, match="weight above 0"):
        regularized_optimum(w, regularizer="weighted_entropy", beta=1.0)
    with pytest.raises(DataError, match="add up to 1"):
        world([0.0, 1.0], [0.5, 0.6])
