"""The clipped surrogate: bounds by hand, dual clip, GSPO's level, and what holds at ratio one."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.objectives import aggregate, cispo, clip, reinforce, sapo
from guerdon.providers.ratio import log_ratio

ONE = torch.ones(1, 1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "advantage", "extra", "expected", "clipped"),
    [
        (1.5, 1.0, {}, -1.2, True),  # max(-1.5, -1.2)
        (0.5, 1.0, {}, -0.5, False),  # a harmful move is not clipped
        (0.5, -1.0, {}, 0.8, True),  # max(.5, .8)
        (1.5, -1.0, {}, 1.5, False),
        (5.0, -1.0, {}, 3.0, False),  # dual clip
        (5.0, -1.0, {"dual": None}, 5.0, False),
        (5.0, -1.0, {"dual": None, "ratio_cap": 2.0}, 2.0, False),
        (1.5, 1.0, {"high": 0.28}, -1.28, True),
        (1.5, 1.0, {"low": math.inf, "high": math.inf, "dual": None}, -1.5, False),
    ],
)
def test_bounds(ratio, advantage, extra, expected, clipped):
    loss, flag = clip(torch.log(ratio * ONE), advantage * ONE, **extra)
    assert loss.item() == pytest.approx(expected)
    assert flag.item() is clipped


def test_gradients_at_ratio_one_agree_across_the_family():
    """At r = 1 every gradient is -A/N: PPO, GSPO, GPG, CISPO and SAPO (whose value differs)."""
    old = torch.tensor([[-1.0, -2.0, -0.5], [-0.3, -1.5, -9.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]]).bool()
    a = torch.tensor([[2.0] * 3, [-1.0] * 3], dtype=torch.float64)
    forms = {
        "ppo": lambda lp: clip(log_ratio(lp, old, mask), a)[0],
        "gpg": lambda lp: reinforce(lp, a),
        "cispo": lambda lp: cispo(log_ratio(lp, old, mask), lp, a)[0],
        "sapo": lambda lp: sapo(log_ratio(lp, old, mask), a),
        "gspo": lambda lp: clip(log_ratio(lp, old, mask, level="sequence"), a, dual=None)[0],
    }
    for mode, weight in (
        ("token_mean", mask / 5.0),
        ("seq_mean_token_mean", mask / torch.tensor([[3.0], [2.0]], dtype=torch.float64) / 2),
    ):
        for name, form in forms.items():
            lp = old.clone().requires_grad_()
            aggregate(form(lp), mask, mode).backward()
            assert torch.allclose(lp.grad, -a * weight, atol=1e-12), (name, mode)


def test_gradient_equals_finite_differences():
    g = torch.Generator().manual_seed(0)
    d = (0.3 * torch.randn(3, 4, generator=g, dtype=torch.float64)).requires_grad_()
    a = torch.randn(3, 4, generator=g, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: clip(x, a)[0], (d,))


def test_extreme_ratios_stay_finite():
    loss, _ = clip(torch.tensor([[1e4, -1e4]]), torch.tensor([[-1.0, 1.0]]), dual=None)
    assert torch.isfinite(loss).all()
