from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import grpo


def test_worked_numbers_of_two_groups(batch, rows):
    # group 1: mean 1/2, sample std sqrt(4 * .25 / 3) = .57735, so +-.8660; group 2: mean 1/4, std 1/2, so -.5 and 1.5
    out = rows(grpo(batch.reward, batch.group_id, batch.mask), batch.mask)
    assert out == pytest.approx([0.8660, -0.8660, -0.8660, 0.8660, -0.5, -0.5, -0.5, 1.5], abs=1e-4)
    plain = rows(grpo(batch.reward, batch.group_id, batch.mask, scale="none"), batch.mask)
    assert plain == [0.5, -0.5, -0.5, 0.5, -0.25, -0.25, -0.25, 0.75]


def test_batch_scale_divides_by_one_std(batch):
    # eight scores with three ones: sample variance (3 * 5/8) / 7 = 15/56
    out = grpo(batch.reward, batch.group_id, batch.mask, scale="batch", eps=0.0)
    assert out[0, 0].item() == pytest.approx(0.5 / math.sqrt(15 / 56))


def test_equal_rewards_and_lone_rows_give_zero_unless_raw_is_asked_for():
    reward, mask = torch.tensor([2.0, 2.0, 3.0]), torch.ones(3, 2, dtype=torch.bool)
    group = torch.tensor([0, 0, 1])
    assert (grpo(reward, group, mask) == 0).all()
    raw = grpo(reward, group, mask, singleton="raw")
    assert raw[2, 0].item() == pytest.approx(3.0 / (1 + 1e-6))


@pytest.mark.parametrize("value", [0.1, 1e4 / 3])
def test_rounding_of_equal_rewards_is_no_advantage(value):
    """Seven times 3333.3333 over seven is off by a bit; divided by its own spread that was an advantage of -.93."""
    reward, mask = torch.full((7,), value), torch.ones(7, 1, dtype=torch.bool)
    assert not grpo(reward, torch.zeros(7, dtype=torch.long), mask).any()


@pytest.mark.parametrize("scale", ["group", "none"])
def test_lawful(lawful, scale):
    lawful(lambda r, g, m: grpo(r, g, m, scale=scale))
