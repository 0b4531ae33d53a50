from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import optimal_token_baseline

NAN = float("nan")


def draw(seed=0, rows=6, width=5):
    g = torch.Generator().manual_seed(seed)
    reward = torch.randn(rows, width, generator=g, dtype=torch.float64)
    logp = -torch.rand(rows, width, generator=g, dtype=torch.float64)
    collision = torch.rand(rows, width, generator=g, dtype=torch.float64)
    mask = torch.rand(rows, width, generator=g) < 0.7
    mask[:, 0] = True
    return reward, torch.arange(rows) % 2, logp, collision, mask


def test_by_hand():
    # w = 1 - 2*.5 + .5 = .5 and 1 - 2*.25 + .25 = .75: baseline (.5*1 + .75*0) / 1.25 = .4 at the first position;
    # at the second only row 0 is left, so its own reward to go is the baseline
    reward = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    logp = torch.tensor([[math.log(0.5)] * 2, [math.log(0.25)] * 2], dtype=torch.float64)
    collision = torch.tensor([[0.5] * 2, [0.25] * 2], dtype=torch.float64)
    mask = torch.tensor([[True, True], [True, False]])
    out = optimal_token_baseline(reward, torch.tensor([0, 0]), logp, collision, mask)
    assert out.flatten().tolist() == pytest.approx([0.6, 0.0, -0.4, 0.0], abs=1e-7)


def test_equal_weights_give_the_plain_mean_per_position():
    reward, group, logp, collision, _ = draw()
    mask = torch.ones_like(reward, dtype=torch.bool)
    out = optimal_token_baseline(reward, group, logp * 0 - 1, collision * 0 + 0.5, mask)
    togo = reward.flip(1).cumsum(1).flip(1)
    for k in (0, 1):
        torch.testing.assert_close(out[group == k], togo[group == k] - togo[group == k].mean(0), rtol=1e-6, atol=1e-7)


def test_what_stands_outside_the_mask_does_not_matter():
    reward, group, logp, collision, mask = draw()
    poisoned = [torch.where(mask, x, NAN) for x in (reward, logp, collision)]
    torch.testing.assert_close(
        optimal_token_baseline(poisoned[0], group, poisoned[1], poisoned[2], mask),
        optimal_token_baseline(reward, group, logp, collision, mask),
    )


def test_unscored_row_order_and_precision():
    reward, group, logp, collision, mask = draw()
    reward[3, 0] = NAN
    kept, order = torch.tensor([0, 1, 2, 4, 5]), torch.tensor([4, 2, 0, 5, 3, 1])
    full = optimal_token_baseline(reward, group, logp, collision, mask)
    assert (full[3] == 0).all()
    for index in (kept, order):
        part = optimal_token_baseline(reward[index], group[index], logp[index], collision[index], mask[index])
        torch.testing.assert_close(part, full[index])
    single = optimal_token_baseline(reward.float(), group, logp.float(), collision.float(), mask)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), full, rtol=1e-4, atol=1e-5)


def test_lone_row_is_zero_or_its_reward_to_go_and_nothing_carries_a_gradient():
    reward, _, logp, collision, mask = draw(rows=1)
    call = (reward, torch.tensor([0]), logp, collision.requires_grad_(), mask)
    assert (optimal_token_baseline(*call) == 0).all()
    raw = optimal_token_baseline(*call, singleton="raw")
    assert raw[0, 0].item() == pytest.approx(reward[mask].sum().item())
    assert not raw.requires_grad
