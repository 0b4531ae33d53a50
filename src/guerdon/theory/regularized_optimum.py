"""The policy that an objective of reward and regulariser converges to, on a finite set of outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.method import Paper, method
from guerdon.theory.worlds import FiniteOutcomes

Regularizer = Literal["reverse_kl", "forward_kl", "js", "alpha", "entropy", "weighted_entropy"]


@dataclass(frozen=True, eq=False)
class RegularizedOptimum:
    """The optimal ``probability`` of each outcome with its expected ``reward``.

    ``value`` is the objective there, ``kl`` the divergence from the base in nats (infinite where an outcome of base
    probability 0 gets some), ``beta`` the coefficient, ``residual`` how far the total was from 1 when the search for
    the multiplier stopped after ``iterations`` halvings.
    """

    probability: Float[Tensor, " item"]
    reward: float
    value: float
    kl: float
    beta: float
    residual: float
    iterations: int


@method(
    paper=(
        Paper("arXiv:2309.16240", "Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse "
              "Divergence Constraints", "preference/f-dpo"),
        Paper("arXiv:2412.09544", "Sail into the Headwind: Alignment via Robust Rewards and Dynamic Labels against "
              "Reward Hacking", "preference/power-dl"),
        Paper("arXiv:2507.14843", "The Invisible Leash: Why RLVR May or May Not Escape Its Origin",
              "audit/invisible-leash", where="the closed form of the KL-regularised optimum"),
        Paper("arXiv:2404.01730", "Asymptotics of Language Model Alignment", "theory/alignment-asymptotics"),
    ),
    kind="solver",
    tags=("support", "KL"),
    default_source="ours",
)  # fmt: skip
def regularized_optimum(
    world: FiniteOutcomes,
    weight: Float[Tensor, " item"] | None = None,
    *,
    regularizer: Regularizer = "reverse_kl",
    beta: float | None = None,
    kl_budget: float | None = None,
    alpha: float = 0.5,
    tolerance: float = 1e-12,
) -> RegularizedOptimum:
    r"""Maximise expected reward minus a divergence from the base, or plus an entropy.

    .. math:: \max_\pi\; E_\pi[r] - \beta\,E_q[f(\pi/q)]:\quad \pi = q\,(f')^{-1}\big((r - \lambda)/\beta\big),
              \qquad \mathrm{KL}(\pi\|q):\ \pi \propto q\,e^{r/\beta}

    A divergence from the base reweights it: an outcome of base probability 0 keeps 0 whatever it is worth. An entropy
    does not know the base and revives it.

    Args:
        world: rewards and base probabilities.
        weight: of each outcome in ``weighted_entropy``, :math:`H_w = -\sum_y w_y \pi_y \ln \pi_y`, above 0.
        regularizer: ``reverse_kl`` :math:`f = w \ln w`; ``forward_kl`` :math:`-\ln w`; ``js``
            :math:`w \ln w - (w+1) \ln\frac{w+1}{2}`; ``alpha`` between the first two; ``entropy``;
            ``weighted_entropy``.
        beta: coefficient, units of reward per nat, above 0; give it or a budget.
        kl_budget: for ``reverse_kl``, the divergence to spend, nats; beta is found. A budget beyond what the best
            outcomes alone cost gives the base restricted to them, with beta 0.
        alpha: of the alpha divergence, in (0, 1); 0 would be reverse, 1 forward KL.
        tolerance: width at which the searches stop, in units of the largest multiplier.

    Returns:
        The optimum.

    Raises:
        RecipeError: both or neither of beta and budget, a budget with another regulariser, or a value out of range.
        DataError: weights missing, not above 0, or not one per outcome.

    Example:
        >>> world = FiniteOutcomes(torch.tensor([1.0, 0.0, 5.0]), torch.tensor([0.5, 0.5, 0.0]))
        >>> [round(p, 4) for p in regularized_optimum(world, beta=1.0).probability.tolist()]  # e / (1 + e); 0 stays 0
        [0.7311, 0.2689, 0.0]
        >>> [round(p, 4) for p in regularized_optimum(world, beta=1.0, regularizer="entropy").probability.tolist()]
        [0.0179, 0.0066, 0.9756]

    Source: the conditions of Karush, Kuhn and Tucker; Wang et al. 2023 for the divergences, Rashidinejad and Tian
        2024 for the weighted entropy, Yang et al. 2024 for the budget.
    Differs: nothing.
    """
    _check(regularizer, beta, kl_budget, alpha)
    q, reward = world.base.detach().double(), world.reward.detach().double()
    top = reward.max() if "entropy" in regularizer else reward[q > 0].max()
    r = reward - top  # the best reachable outcome at 0, so that a small beta loses no digits
    steps, residual = 0, 0.0
    if regularizer == "weighted_entropy":
        w = _weights(weight, q)
        assert beta is not None
        p, residual, steps = _weighted(r, w, beta, tolerance)
        gain = beta * float(-(w * torch.special.xlogy(p, p)).sum())
    elif regularizer in ("reverse_kl", "entropy"):
        start = q if regularizer == "reverse_kl" else torch.full_like(q, 1.0 / len(q))
        if beta is None:
            assert kl_budget is not None
            beta, steps = _spend(start, r, kl_budget, tolerance)
        p = _tilted(start, r, beta)
        gain = -beta * _kl(p, start) + (beta * math.log(len(q)) if regularizer == "entropy" else 0.0)
    else:
        assert beta is not None
        p, residual, steps = _f_optimum(q, r, beta, regularizer, alpha, tolerance)
        gain = -beta * _divergence(p, q, regularizer, alpha)
    mean = float((p * reward).sum())
    return RegularizedOptimum(p, mean, mean + gain, _kl(p, q), beta, residual, steps)


def _check(regularizer: str, beta: float | None, budget: float | None, alpha: float) -> None:
    where = "regularized_optimum"
    if (beta is None) == (budget is None):
        raise RecipeError(
            "a coefficient or a budget, one of them", where=where, seen={"beta": beta, "kl_budget": budget}
        )
    if budget is not None and (regularizer != "reverse_kl" or not budget >= 0.0):
        raise RecipeError("a KL budget is at least 0 and goes with reverse_kl", where=f"{where}.kl_budget",
                          seen=(regularizer, budget), fix="give beta")  # fmt: skip
    if beta is not None and not (beta > 0.0 and math.isfinite(beta)):
        raise RecipeError("a coefficient is above 0 and finite", where=f"{where}.beta", seen=beta)
    if not 0.0 < alpha < 1.0:
        raise RecipeError("alpha lies between reverse and forward KL", where=f"{where}.alpha", seen=alpha,
                          allowed="above 0, below 1")  # fmt: skip


def _weights(weight: Tensor | None, q: Tensor) -> Tensor:
    if weight is None or weight.shape != q.shape or not bool((weight > 0).all()):
        raise DataError("a weighted entropy needs a weight above 0 per outcome", where="regularized_optimum.weight",
                        seen=None if weight is None else weight.tolist())  # fmt: skip
    return weight.detach().double()


def _tilted(q: Tensor, r: Tensor, beta: float) -> Tensor:
    if beta == 0.0:
        kept = torch.where(r == 0, q, torch.zeros_like(q))
        return kept / kept.sum()
    return torch.softmax(torch.where(q > 0, q, 1.0).log().masked_fill(q == 0, -math.inf) + r / beta, 0)


def _kl(p: Tensor, q: Tensor) -> float:
    if bool(((q == 0) & (p > 0)).any()):
        return math.inf
    some = p > 0
    return max(float((p[some] * (p[some] / q[some]).log()).sum()), 0.0)


def _spend(q: Tensor, r: Tensor, budget: float, tolerance: float) -> tuple[float, int]:
    """The coefficient at which the tilted base is ``budget`` away: the divergence falls as it grows."""
    if budget >= _kl(_tilted(q, r, 0.0), q):
        return 0.0, 0
    span = float(-r.min().clamp_max(-1e-300))
    low, high, steps = math.log(span) - 40.0, math.log(span) + 40.0, 0
    while high - low > tolerance and steps < 200:
        middle = (low + high) / 2
        low, high = (middle, high) if _kl(_tilted(q, r, math.exp(middle)), q) > budget else (low, middle)
        steps += 1
    return math.exp((low + high) / 2), steps


def _slope(w: float, name: str, alpha: float) -> float:
    """:math:`f'(w)` of a divergence."""
    if name == "forward_kl":
        return -1.0 / w
    return math.log(2 * w / (1 + w)) if name == "js" else (1 - w**-alpha) / alpha


def _ratio(u: Tensor, name: str, alpha: float) -> Tensor:
    """Where :math:`f'` is ``u``: the ratio of policy to base."""
    if name == "forward_kl":
        return -1.0 / u
    if name == "js":
        return 1.0 / (2.0 * (-u).exp() - 1.0)
    return (1.0 - alpha * u) ** (-1.0 / alpha)


def _f_optimum(q: Tensor, r: Tensor, beta: float, name: str, alpha: float, tolerance: float):
    some = q > 0
    base, reward = q[some], r[some]
    best = float(base[reward == 0].max())
    # at the upper end no outcome gains, so the total is at most 1; at the lower the best outcome alone has 1
    high, low = -beta * _slope(1.0, name, alpha), -beta * _slope(1.0 / best, name, alpha)
    found, residual, steps = _solve(lambda m: base * _ratio((reward - m) / beta, name, alpha), low, high, tolerance)
    return torch.zeros_like(q).masked_scatter(some, found), residual, steps


def _weighted(r: Tensor, w: Tensor, beta: float, tolerance: float) -> tuple[Tensor, float, int]:
    low, high = float((r - beta * w).max()), float((r - beta * w * (1.0 - math.log(len(r)))).max())
    return _solve(lambda m: ((r - m) / (beta * w) - 1.0).exp(), low, high, tolerance)


def _solve(at: Callable[[float], Tensor], low: float, high: float, tolerance: float) -> tuple[Tensor, float, int]:
    """Halve the bracket of the multiplier until the total probability is 1; the total falls as it grows."""
    steps, width = 0, tolerance * max(abs(low), abs(high), 1e-300)
    while high - low > width and steps < 200:
        middle = (low + high) / 2
        low, high = (middle, high) if float(at(middle).sum()) > 1.0 else (low, middle)
        steps += 1
    found = at(high)
    total = float(found.sum())
    return found / total, abs(total - 1.0), steps


def _divergence(p: Tensor, q: Tensor, name: str, alpha: float) -> float:
    base = q[q > 0]
    w = p[q > 0] / base
    if name == "forward_kl":
        f = -w.log()
    elif name == "js":
        f = torch.special.xlogy(w, w) - (w + 1) * ((w + 1) / 2).log()
    else:
        f = (w ** (1 - alpha) - (1 - alpha) * w - alpha) / (alpha * (alpha - 1))
    return float((base * f).sum())
