from __future__ import annotations

import torch

from guerdon.advantages import grpo, opo


def test_worked_numbers_of_two_groups(batch, rows):
    # group 1: (5*1 + 2*1) / 16 = .4375; group 2: 3*1 / 14 = .2143
    out = rows(opo(batch.reward, batch.group_id, batch.length, batch.mask), batch.mask)
    assert out == [0.5625, -0.4375, -0.4375, 0.5625, -0.2143, -0.2143, -0.2143, 0.7857]


def test_equal_lengths_reduce_to_the_plain_mean(batch):
    same = torch.full_like(batch.length, 4)
    plain = grpo(batch.reward, batch.group_id, batch.mask, scale="none")
    torch.testing.assert_close(opo(batch.reward, batch.group_id, same, batch.mask), plain)


def test_unscored_row_does_not_weigh(batch, rows):
    reward = batch.reward.clone()
    reward[2] = float("nan")  # 7 / 10 is left of group 1
    out = rows(opo(reward, batch.group_id, batch.length, batch.mask), batch.mask)
    assert out[:4] == [0.3, -0.7, 0.0, 0.3]


def test_group_without_decisions_is_finite():
    mask = torch.zeros(2, 3, dtype=torch.bool)
    out = opo(torch.tensor([1.0, 0.0]), torch.tensor([0, 0]), torch.tensor([0, 0]), mask)
    assert (out == 0).all()


def test_lawful(lawful):
    lawful(lambda r, g, m: opo(r, g, m.sum(1), m))
