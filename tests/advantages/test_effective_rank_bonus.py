"""The bonus by hand, its limits, the order of use and learning, state."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import EffectiveRankBonus
from guerdon.errors import DataError, RecipeError

KNOWN = {"mean": [10.0, 1.0, 1.0], "before": [10.0, 1.0, 1.0], "score": 0.0}
# deviations of rank .2, velocity .6, acceleration .5: beta = sigmoid(1) = .73105858,
# phi = .26894142 tanh .6 + .73105858 tanh .2 = .28872779
ROW = torch.tensor([[12.0, 1.6, 1.5]], dtype=torch.float64)
PHI = 0.28872779


def ready(**options) -> EffectiveRankBonus:
    bonus = EffectiveRankBonus(**options)
    bonus.load_state_dict(KNOWN)
    return bonus


def shaped(bonus: EffectiveRankBonus, advantage: list[float], reward: float = 1.0) -> list[float]:
    a = torch.tensor([advantage], dtype=torch.float64)
    return bonus(a, ROW, torch.tensor([reward]), torch.ones(a.shape, dtype=torch.bool))[0].tolist()


def test_bonus_and_its_cut():
    assert shaped(ready(), [1.0]) == pytest.approx([1.0 + PHI], abs=1e-7)
    assert shaped(ready(), [-0.4]) == pytest.approx([-0.2], abs=1e-7)  # at most |A| / 2
    assert shaped(ready(), [0.0]) == [0.0]


def test_place():
    assert shaped(ready(), [1.0, 1.0]) == pytest.approx([1.0, 1.0 + PHI], abs=1e-7)
    assert shaped(ready(place="trajectory"), [1.0, 1.0]) == pytest.approx([1.0 + PHI] * 2, abs=1e-7)


def test_the_last_decision_is_the_last_one_inside_the_mask():
    a, mask = torch.ones(1, 4, dtype=torch.float64), torch.tensor([[True, False, True, False]])
    out = ready()(a, ROW, torch.ones(1), mask)[0].tolist()
    assert out == pytest.approx([1.0, 0.0, 1.0 + PHI, 0.0], abs=1e-7)


def test_what_lies_below_its_mean_is_not_punished():
    low = torch.tensor([[5.0, 0.2, 0.5]])
    out = ready()(torch.full((1, 1), -1.0), low, torch.ones(1), torch.ones(1, 1, dtype=torch.bool))
    assert out.item() == -1.0


def test_no_sign_is_turned_and_infinite_kappa_is_the_base_advantage():
    for a in (-3.0, -0.01, 0.01, 2.0):
        assert math.copysign(1.0, shaped(ready(), [a])[0]) == math.copysign(1.0, a)
        assert shaped(ready(kappa=math.inf), [a]) == [a]


def test_a_rising_score_shrinks_the_bonus():
    bonus = EffectiveRankBonus(dynamic_scale=True)
    bonus.load_state_dict({**KNOWN, "score": 0.6})
    assert shaped(bonus, [1.0]) == pytest.approx([1.0 + PHI * (1 - 1.6 / 2)], abs=1e-7)


def test_means_start_at_zero_and_follow_one_batch_behind():
    bonus = EffectiveRankBonus(decay=0.25)
    assert shaped(bonus, [1.0]) == [1.0]  # nothing to deviate from
    assert bonus.state_dict()["mean"] == [0.0, 0.0, 0.0]
    # every deviation is cut at 5: tanh 5 with any weights
    assert shaped(bonus, [4.0]) == pytest.approx([4.0 + math.tanh(5.0)], abs=1e-6)
    assert bonus.state_dict()["mean"] == pytest.approx([3.0, 0.4, 0.375])  # a quarter of the first batch
    assert bonus.state_dict()["score"] == pytest.approx(0.25)


def test_state_goes_on_where_it_was():
    first, again = EffectiveRankBonus(), EffectiveRankBonus()
    shaped(first, [1.0])
    again.load_state_dict(first.state_dict())
    assert shaped(first, [1.0]) == shaped(again, [1.0])
    assert first.state_dict() == again.state_dict()


def test_what_is_refused():
    with pytest.raises(DataError, match="rank, velocity"):
        EffectiveRankBonus()(torch.ones(1, 1), torch.ones(1, 2), torch.ones(1), torch.ones(1, 1, dtype=torch.bool))
    for options in ({"kappa": 0.0}, {"decay": 0.0}, {"clip": -1.0}):
        with pytest.raises(RecipeError, match="ranges"):
            EffectiveRankBonus(**options)
