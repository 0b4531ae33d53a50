"""Recalibration by hand, what enters the history, the old advantage instead, state."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import ReplayBaseline
from guerdon.errors import RecipeError

NAN = float("nan")


def replayed(base: ReplayBaseline, rewards: list[float], stored: float = 7.0) -> list[float]:
    n = len(rewards)
    out = base(torch.tensor(rewards), torch.arange(n), ["replay"] * n, torch.ones(n, 1, dtype=torch.bool),
               torch.full((n, 1), stored))  # fmt: skip
    return out[:, 0].tolist()


def test_above_the_median_of_group_means():
    base = ReplayBaseline()
    base.load_state_dict({"means": [0.2, 0.4, 0.6, 0.8], "stds": [1.0, 3.0]})
    # .5, 0 and -.5 above the median .5, and what is not above it is nothing
    assert replayed(base, [1.0, 0.5, 0.0, NAN]) == pytest.approx([0.5, 0.0, 0.0, 0.0])
    assert base.state_dict()["means"] == [0.2, 0.4, 0.6, 0.8]  # replayed rows teach it nothing
    scaled = ReplayBaseline(scale=True)
    scaled.load_state_dict(base.state_dict())
    assert replayed(scaled, [1.0]) == pytest.approx([0.25], abs=1e-6)  # .5 over the median std 2


def test_other_rows_pass_and_their_groups_are_remembered():
    base = ReplayBaseline(history=3)
    reward, group = torch.tensor([1.0, 0.0, 1.0, NAN]), torch.tensor([0, 0, 1, 2])
    mask = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
    out = base(reward, group, ["base"] * 4, mask, torch.full((4, 2), -2.0))
    assert torch.equal(out, torch.where(mask, -2.0, 0.0))
    assert base.state_dict() == {"means": [0.5, 1.0], "stds": [pytest.approx(0.5**0.5)]}
    base(torch.tensor([0.0, 0.0]), torch.tensor([0, 1]), ["base"] * 2, mask[:2])
    assert base.state_dict()["means"] == [1.0, 0.0, 0.0]


def test_the_groups_of_this_batch_count():
    base = ReplayBaseline()
    out = base(torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0, 0, 1]), ["base", "base", "replay"],
               torch.ones(3, 1, dtype=torch.bool))  # fmt: skip
    assert out[:, 0].tolist() == [0.0, 0.0, 1.0]


def test_an_old_success_stops_to_count_once_it_is_normal():
    base = ReplayBaseline()
    base.load_state_dict({"means": [0.9] * 9, "stds": []})
    assert replayed(base, [0.8]) == [0.0]
    stored = ReplayBaseline(decay=0.5)
    stored.load_state_dict(base.state_dict())
    assert replayed(stored, [0.8], stored=0.6) == pytest.approx([0.3])


def test_no_history_no_advantage_and_ranges():
    assert replayed(ReplayBaseline(), [1.0]) == [0.0]
    for options in ({"history": 0}, {"quantile": 1.5}, {"decay": 0.0}):
        with pytest.raises(RecipeError, match="ranges"):
            ReplayBaseline(**options)
