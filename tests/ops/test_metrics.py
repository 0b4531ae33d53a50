"""Logged metrics by hand."""

from __future__ import annotations

import pytest
import torch

from guerdon.ops.metrics import approx_kl, dual_clipped, share, value_clipped

M = torch.tensor([[True, True, False]])


def test_approximate_kl_is_the_mean_of_old_minus_new():
    lp = torch.tensor([[-1.0, -2.0, torch.nan]], requires_grad=True)
    old = torch.tensor([[-2.0, -1.5, 0.0]])
    value = approx_kl(lp, old, M)
    assert value.item() == pytest.approx((-1.0 + 0.5) / 2)
    assert approx_kl(lp, old, M, absolute=True).item() == pytest.approx((1.0 + 0.5) / 2)
    assert not value.requires_grad


def test_share_counts_only_the_mask_and_adds_eps_to_the_count():
    flag = torch.tensor([[True, False, True]])
    assert share(flag, M).item() == 0.5
    assert share(flag, M, eps=2.0).item() == 0.25
    assert share(flag, torch.zeros_like(M)).item() == 0.0


def test_dual_clip_binds_only_for_lowered_decisions_beyond_the_bound():
    ratio = torch.tensor([4.0, 4.0, 2.9, 0.1])
    advantage = torch.tensor([-1.0, 1.0, -1.0, -1.0])
    assert dual_clipped(ratio.log(), advantage).tolist() == [True, False, False, False]


def test_value_clip_binds_where_the_clipped_error_is_larger():
    value, old = torch.tensor([1.0, 1.0, 0.1]), torch.zeros(3)
    assert value_clipped(value, old, torch.tensor([2.0, 0.0, 2.0])).tolist() == [True, False, False]
