"""Importance ratios at token and sequence level."""

from __future__ import annotations

import pytest
import torch

from guerdon.objectives import aggregate, clip
from guerdon.providers.ratio import log_ratio

OLD = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -1.0, torch.nan]], dtype=torch.float64)
NEW = torch.tensor([[-0.5, -2.5, -1.5], [-1.0, -0.6, torch.nan]], dtype=torch.float64)
M = torch.tensor([[1, 1, 1], [1, 1, 0]]).bool()


def test_values_by_hand():
    token = log_ratio(NEW, OLD, M)
    assert token[0].tolist() == [0.5, -0.5, 1.5]
    assert token[1].tolist() == pytest.approx([0.0, 0.4, 0.0])
    row = log_ratio(NEW, OLD, M, level="sequence")
    assert row[0].tolist() == [0.5] * 3  # (.5 - .5 + 1.5) / 3
    assert row[1].tolist() == pytest.approx([0.2, 0.2, 0.0])


def test_sequence_level_has_the_value_of_the_row_and_the_gradient_of_the_token():
    lp = NEW.clone().requires_grad_()
    loss, _ = clip(log_ratio(lp, OLD, M, level="sequence"), torch.ones_like(NEW), dual=None, low=9.0, high=9.0)
    aggregate(loss, M, "seq_mean_token_mean").backward()
    # -A s_i / (L_i B) on every decision: the gradient of the mean of -s_i over rows
    plain = NEW.clone().requires_grad_()
    mean = torch.where(M, plain - OLD, 0.0).sum(1) / M.sum(1)
    (-mean.exp()).mean().backward()
    assert torch.allclose(lp.grad[M], plain.grad[M])
    assert (lp.grad[~M] == 0).all()


def test_sequence_level_is_capped_and_empty_rows_are_legal():
    far = log_ratio(OLD * 0, OLD * 0 - 30.0, M, level="sequence")
    assert far[0].tolist() == [10.0] * 3
    assert log_ratio(NEW, OLD, torch.zeros_like(M), level="sequence").tolist() == [[0.0] * 3] * 2


def test_nan_outside_the_mask_spoils_no_gradient():
    for level in ("token", "sequence"):
        lp = NEW.clone().requires_grad_()
        log_ratio(lp, OLD, M, level=level).exp().sum().backward()
        assert torch.isfinite(lp.grad).all()
