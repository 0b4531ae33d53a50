"""Means, the share of falling ranks, and trends over steps."""

from __future__ import annotations

import pytest
import torch

from guerdon.audits import hidden_rank_trend
from guerdon.errors import DataError


def table(steps: int = 5, each: int = 6):
    """Rank 10 - step, velocity +1 for two of three rows and -1 for the third, acceleration 0."""
    step = torch.arange(steps).repeat_interleave(each)
    velocity = torch.where(torch.arange(steps * each) % 3 == 2, -1.0, 1.0)
    return torch.stack([10.0 - step, velocity, torch.zeros(steps * each)], 1), step


def test_means_share_and_slopes():
    rows, step = table()
    found = {f.name: f for f in hidden_rank_trend(rows, step)}
    assert found["effective rank"].effect == pytest.approx(8.0)
    assert found["rank velocity"].effect == pytest.approx(1 / 3)
    assert found["share of falling rank"].effect == pytest.approx(1 / 3)
    assert found["trend of effective rank"].effect == pytest.approx(-1.0)
    assert found["trend of effective rank"].interval == pytest.approx((-1.0, -1.0), abs=1e-9)
    assert found["trend of rank velocity"].effect == pytest.approx(0.0, abs=1e-12)


def test_without_steps_no_trend_and_with_few_rows_nothing():
    rows, step = table()
    assert not any("trend" in f.name for f in hidden_rank_trend(rows))
    assert not any("trend" in f.name for f in hidden_rank_trend(rows, step.clamp_max(1)))
    assert hidden_rank_trend(rows[:19]) == []


def test_other_columns_are_refused():
    with pytest.raises(DataError, match="rank, velocity"):
        hidden_rank_trend(torch.ones(30, 2))
