from __future__ import annotations

import pytest
import torch

from guerdon.advantages import gpg


def test_worked_numbers_of_two_groups(batch, rows):
    # eight rows, three of them non-zero: alpha = 8/3 on the centred scores
    out = rows(gpg(batch.reward, batch.group_id, batch.mask), batch.mask)
    assert out == [1.3333, -1.3333, -1.3333, 1.3333, -0.6667, -0.6667, -0.6667, 2.0]
    assert rows(gpg(batch.reward, batch.group_id, batch.mask, f_norm=2.0), batch.mask)[7] == 1.0


def test_all_zero_rewards_do_not_divide_by_zero(batch):
    assert (gpg(batch.reward * 0, batch.group_id, batch.mask) == 0).all()


def test_unscored_rows_do_not_count(batch, rows):
    reward = batch.reward.clone()
    reward[4:] = float("nan")  # four rows, two of them non-zero: alpha = 2
    assert rows(gpg(reward, batch.group_id, batch.mask), batch.mask) == [1, -1, -1, 1, 0, 0, 0, 0]


def test_lone_row_is_zero_or_raw():
    call = (torch.tensor([2.0, 0.0, 0.0]), torch.tensor([1, 2, 2]), torch.ones(3, 1, dtype=torch.bool))
    assert gpg(*call).flatten().tolist() == [0, 0, 0]
    assert gpg(*call, singleton="raw").flatten().tolist() == pytest.approx([6, 0, 0])


def test_row_order_and_precision():
    g = torch.Generator().manual_seed(1)
    reward = (torch.rand(8, generator=g) < 0.4).double()
    group, mask = torch.arange(8) % 3, torch.rand(8, 3, generator=g) < 0.8
    order = torch.randperm(8, generator=g)
    full = gpg(reward, group, mask)
    torch.testing.assert_close(gpg(reward[order], group[order], mask[order]), full[order])
    assert gpg(reward.float(), group, mask).dtype == torch.float32
    torch.testing.assert_close(gpg(reward.float(), group, mask).double(), full, rtol=1e-5, atol=1e-6)
