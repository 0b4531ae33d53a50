"""Controllers: published sequences, bounds, buckets, one measurement per update, and resume."""

from __future__ import annotations

import json
import math

import pytest
import torch

from guerdon.component import build
from guerdon.errors import RecipeError, RunError
from guerdon.method import registered
from guerdon.objectives import AdaptiveCoefficient
from guerdon.registry import Resolved


def preset(name: str, **params):
    found = registered()["adaptive_coefficient"]
    chosen = next(p for p in found.card.presets if p.name == name)
    return build(Resolved(found, chosen), params).instance


def kl(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64)


def test_proportional_moves_by_the_clipped_relative_error():
    control = preset("adaptive_kl", samples=256)
    values = [control(kl(x)).item() for x in (3.0, 6.0, 6.6)]
    # -.5 clips to -.2, 0 does nothing, +.1 is inside
    first = 0.2 * (1 - 0.2 * 256 / 10_000)
    assert values == pytest.approx([first, first, first * (1 + 0.1 * 256 / 10_000)])


def test_step_rule_counts_only_below_its_target():
    control = preset("adaptive_entropy")
    assert control.writes == "entropy_coef"
    assert control().item() == 0.0
    seen = [control(kl(h)).item() for h in (0.1, 0.2, 0.9, 0.1)]
    # .005, .01, then above the target: lowered to .005 and not applied, then .01 again
    assert seen == pytest.approx([0.005, 0.01, 0.0, 0.01])


def test_log_rule_waits_for_its_interval_and_respects_the_dead_zone():
    control = preset("adaptive_kl_log", interval=2)
    assert control(kl(0.03)).item() == 1.0
    # the average stays .03: e = 2, smoothed .03 * 2, times the rate .05
    assert control(kl(0.03)).item() == pytest.approx(math.exp(0.05 * 0.06))
    quiet = preset("adaptive_kl_log", interval=1)
    assert quiet(kl(0.0101)).item() == 1.0  # 1 % off is inside 2 %


def test_persistent_excess_grows_by_at_most_the_clipped_rate():
    control = preset("adaptive_kl_log", interval=1)
    past = 1.0
    for _ in range(300):
        now = control(kl(0.03)).item()
        assert past < now <= past * math.exp(0.05 * 0.2) * (1 + 1e-12)
        past = now
    assert preset("adaptive_kl_log", interval=1, bounds=(1e-4, 1.01))(kl(9.0)).item() <= 1.01


def test_a_measurement_enters_once():
    through_call, through_observe = AdaptiveCoefficient(), AdaptiveCoefficient()
    for x in (9.0, 2.0, 7.0):
        first = through_call(kl(x))
        through_observe.observe(kl(x))
        assert torch.equal(through_observe(kl(x)), first)  # the same number also arrives as last


def test_buckets_move_apart_and_unseen_ones_stay():
    control = preset("adaptive_kl_log", interval=1, buckets=3)
    rows, level = torch.tensor([0.05, 0.03, 0.001, torch.nan]), torch.tensor([0, 0, 1, 2])
    control.observe(rows, level)
    value = control(None, torch.tensor([0, 1, 2, 0]))
    # bucket 0: mean .04, e = 3; bucket 1: e = -.9; bucket 2 had no scored row
    expected = [math.exp(0.05 * 0.03 * 3), math.exp(0.05 * 0.03 * -0.9), 1.0, math.exp(0.05 * 0.03 * 3)]
    assert value.tolist() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(RecipeError, match="difficulty"):
        control()


def test_resume_continues_exactly():
    whole = preset("adaptive_kl_log", interval=2)
    for x in (0.03, 0.02, 0.05):
        whole(kl(x))
    other = preset("adaptive_kl_log", interval=2)
    other.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    assert [whole(kl(x)).item() for x in (0.04, 0.01)] == [other(kl(x)).item() for x in (0.04, 0.01)]
    with pytest.raises(RunError, match="buckets"):
        preset("adaptive_kl_log", buckets=3).load_state_dict(whole.state_dict())


@pytest.mark.parametrize("params", [{"target": 0.0}, {"bounds": (1.0, 0.0)}, {"rule": "log_ema", "init": 0.0}])
def test_impossible_settings_are_refused(params):
    with pytest.raises(RecipeError):
        AdaptiveCoefficient(**params)


def test_buckets_read_the_rows_of_the_batch():
    through_rows, through_observe = (preset("adaptive_kl_log", interval=1, buckets=3) for _ in range(2))
    rows, level = torch.tensor([0.05, 0.03, 0.001]), torch.tensor([0, 0, 1])
    found = through_rows(None, level, rows)
    through_observe.observe(rows, level)
    assert torch.equal(found, through_observe(None, level))
    assert found[0] > 1 > found[2]
