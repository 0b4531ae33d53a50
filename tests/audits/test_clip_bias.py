"""Clip bias: the identity with the clip objective, rates by the sign, the relative bias, random rewards."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import grpo
from guerdon.audits import clip_bias
from guerdon.errors import RecipeError
from guerdon.objectives.policy import clip


def by_name(*args, **options):
    return {f.name: f for f in clip_bias(*args, **options)}


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.2), (0.1, 0.28), (0.0, 0.0), (math.inf, math.inf)])
def test_the_bias_is_what_the_clip_objective_takes(low, high):
    """min(rA, clip(r) A) = rA - C in every decision, so in the mean."""
    g = torch.Generator().manual_seed(1)
    d, a = (torch.randn(20, 30, generator=g, dtype=torch.float64) for _ in range(2))
    loss, clipped = clip(d, a, low=low, high=high, dual=None)
    found = by_name(d, a, torch.ones(20, 30, dtype=torch.bool), low=low, high=high)
    assert found["clip bias"].effect == pytest.approx((d.exp() * a + loss).mean().item(), abs=1e-12)
    assert found["clipped above"].effect == pytest.approx((clipped & (a > 0)).double().mean().item())
    assert found["clipped below"].effect == pytest.approx((clipped & (a < 0)).double().mean().item())


def test_by_hand():
    """Ratios 1.5 and .5: C = .3 at A = 1, C = .6 at A = -2; the two others are inside; |rA| = 1.5, 1, 1, 1.1."""
    d = torch.log(torch.tensor([[1.5, 1.0], [0.5, 1.1]], dtype=torch.float64))
    a = torch.tensor([[1.0, 1.0], [-2.0, 1.0]], dtype=torch.float64)
    found = by_name(d, a, torch.ones(2, 2, dtype=torch.bool))
    assert found["clip bias"].effect == pytest.approx(0.9 / 4)
    assert found["relative clip bias"].effect == pytest.approx(0.9 / 4.6)
    assert (found["clipped above"].effect, found["clipped below"].effect) == (0.25, 0.25)
    assert found["clip bias"].n == 4


def test_the_other_side_is_never_clipped():
    d = torch.log(torch.tensor([[1.5, 0.5]], dtype=torch.float64))
    a = torch.tensor([[-1.0, 1.0]], dtype=torch.float64)
    assert by_name(d, a, torch.ones(1, 2, dtype=torch.bool))["clip bias"].effect == 0.0


def test_padding_and_rows_without_decisions_do_not_count():
    d = torch.tensor([[1.0, math.nan], [math.nan, math.nan], [-1.0, 0.0]], dtype=torch.float64)
    a = torch.tensor([[1.0, math.nan], [1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    mask = torch.tensor([[True, False], [False, False], [True, True]])
    found = by_name(d, a, mask)
    # e - 1.2 above; 1 - .2 - 1/e below, times |A| = 1; three decisions
    assert found["clip bias"].effect == pytest.approx((math.e - 1.2 + 0.8 - 1 / math.e) / 3)
    assert clip_bias(d, a, torch.zeros_like(mask)) == []


def test_without_advantage_there_is_no_relative_bias():
    d = torch.ones(2, 2)
    assert "relative clip bias" not in by_name(d, torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool))


def test_advantages_of_random_rewards_are_symmetric_and_bounded():
    """G = 16, Bernoulli(1/2), 20 000 groups: E|A| = .967, E A^3 = 0, |A| at most sqrt(15)."""
    size, groups = 16, 20_000
    reward = (torch.rand(groups * size, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    ids = torch.arange(groups).repeat_interleave(size)
    a = grpo(reward, ids, torch.ones(len(reward), 1, dtype=torch.bool))[:, 0]
    # the library divides by the sample deviation, the study by the population's: a factor sqrt(16 / 15)
    a = a * (16 / 15) ** 0.5
    a = a[a != 0]  # groups of one reward are out
    assert a.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert (a**3).mean().item() == pytest.approx(0.0, abs=0.01)
    assert a.abs().mean().item() == pytest.approx(0.96716, abs=2e-3)
    assert a.abs().max().item() <= 15**0.5 + 1e-4


def test_a_negative_width_is_refused():
    with pytest.raises(RecipeError, match="width"):
        clip_bias(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), low=-0.1)
