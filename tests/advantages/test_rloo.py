from __future__ import annotations

import torch

from guerdon.advantages import grpo, rloo


def test_worked_numbers_of_two_groups(batch, rows):
    # a right sample of group 1 sees one right among three others: 1 - 1/3; a wrong one of group 2: 0 - 1/3
    out = rows(rloo(batch.reward, batch.group_id, batch.mask), batch.mask)
    assert out == [0.6667, -0.6667, -0.6667, 0.6667, -0.3333, -0.3333, -0.3333, 1.0]


def test_equals_reward_minus_mean_of_the_others():
    reward = torch.tensor([0.3, -1.2, 2.5, 0.7], dtype=torch.float64)
    mask = torch.ones(4, 1, dtype=torch.bool)
    others = torch.stack([torch.cat([reward[:i], reward[i + 1 :]]).mean() for i in range(4)])
    torch.testing.assert_close(rloo(reward, torch.zeros(4, dtype=torch.long), mask)[:, 0], reward - others)


def test_is_centred_reward_times_n_over_n_minus_one(batch):
    centred = grpo(batch.reward, batch.group_id, batch.mask, scale="none")
    torch.testing.assert_close(rloo(batch.reward, batch.group_id, batch.mask), centred * 4 / 3)


def test_lone_row_is_zero_or_raw():
    reward, mask = torch.tensor([2.0]), torch.tensor([[True, False]])
    assert rloo(reward, torch.tensor([4]), mask).tolist() == [[0.0, 0.0]]
    assert rloo(reward, torch.tensor([4]), mask, singleton="raw").tolist() == [[2.0, 0.0]]


def test_lawful(lawful):
    lawful(rloo)
