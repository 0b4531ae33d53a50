from __future__ import annotations

import json

import pytest
import torch

from guerdon import registry
from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.selection import GroupFilter

NAN = float("nan")
GROUP = torch.tensor([7, 7, 7, 7, 4, 4, 4, 4, 9, 9, 9, 9])
RIGHT = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0]).bool()
MIXED_ONLY = [False] * 8 + [True] * 4


def test_dynamic_sampling_keeps_what_is_neither_all_right_nor_all_wrong():
    keep = build(registry.resolve("dynamic_sampling"), {})
    reward = torch.linspace(-1, 1, 12)  # a shaped reward differs everywhere; accuracy decides
    out = keep({"reward": reward, "group_id": GROUP, "is_correct": RIGHT})
    assert out.dtype == torch.bool
    assert out.tolist() == MIXED_ONLY
    assert (keep.instance.refill, keep.instance.max_batches) == (True, 10)
    with pytest.raises(RecipeError, match="is_correct"):
        keep({"reward": reward, "group_id": GROUP})


def test_default_bounds_are_strict_and_scored_rows_decide():
    reward = RIGHT.double()
    reward[8] = NAN  # without its only right row group 9 is all wrong
    assert not GroupFilter()(reward, GROUP).any()
    reward[8], reward[9] = 1.0, NAN
    assert GroupFilter()(reward, GROUP).tolist() == MIXED_ONLY
    assert not GroupFilter()(torch.full((12,), NAN), GROUP).any()


def test_bounds_may_be_inclusive():
    reward = torch.tensor([0.2, 0.2, 0.8, 0.8, 0.1, 0.1], dtype=torch.float64)
    group = torch.tensor([0, 0, 1, 1, 2, 2])
    assert GroupFilter(low=0.2, high=0.8, inclusive=True)(reward, group).tolist() == [True] * 4 + [False] * 2
    assert not GroupFilter(low=0.2, high=0.8)(reward, group).any()


def test_skew_filter_leaves_the_reference_row_out():
    # 16 rows, row 0 is the reference; with w wins of 15 the mean is (2w - 15) / 15: kept for w = 3 .. 12
    keep = build(registry.resolve("skew_filter"), {})
    kept = []
    for wins in range(16):
        reward = torch.tensor([0.0] + [1.0] * wins + [-1.0] * (15 - wins), dtype=torch.float64)
        signals = {"reward": reward, "group_id": torch.zeros(16, dtype=torch.long)}
        kept.append(bool(keep({**signals, "opponent_id": torch.zeros(16, dtype=torch.long)})[0]))
    assert [w for w in range(16) if kept[w]] == list(range(3, 13))


def test_spread_top_keeps_three_of_four():
    spread = torch.tensor([0.1, 0.1, 0.4, 0.4, 0.2, 0.2, 0.3, 0.3])
    reward = spread * torch.tensor([1.0, -1.0] * 4)
    keep = build(registry.resolve("spread_top"), {})
    out = keep({"reward": reward, "group_id": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])})
    assert out.tolist() == [False, False] + [True] * 6


def test_std_filter_compares_with_the_running_mean_after_warmup():
    def call(std, f):  # rows +-std/sqrt 2 have this sample std
        return bool(f(torch.tensor([1.0, -1.0]) * std / 2**0.5, torch.tensor([0, 0]))[0])

    f = GroupFilter(low=-9.0, high=9.0, ema_ratio=0.5, decay=0.5, warmup=2)
    assert call(1.0, f)
    assert call(0.2, f)  # still warming up; the mean is now .5 * 1 + .5 * .2 = .6
    assert not call(0.29, f)  # below .5 * .6; the mean is now .445
    assert call(0.23, f)  # above .5 * .445


def test_state_survives_a_restart():
    reward = torch.tensor([1.0, -1.0, 3.0, 0.0])
    group = torch.tensor([0, 0, 1, 1])
    first = GroupFilter(low=-9.0, high=9.0, ema_ratio=1.0, warmup=1)
    first(reward, group)
    second = GroupFilter(low=-9.0, high=9.0, ema_ratio=1.0, warmup=1)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert torch.equal(first(reward, group), second(reward, group))
    assert first.state_dict() == second.state_dict()
    assert second(reward, group).tolist() == [False, False, True, True]  # std 1.41 and 2.12 around their mean 1.77


def test_min_std_and_row_order():
    reward = torch.tensor([1.0, -1.0, 0.1, -0.1, 5.0])
    group = torch.tensor([0, 0, 1, 1, 2])
    f = GroupFilter(low=-9.0, high=9.0, min_std=0.5)
    assert f(reward, group).tolist() == [True, True, False, False, False]
    order = torch.tensor([4, 2, 0, 3, 1])
    assert f(reward[order], group[order]).tolist() == [False, False, True, False, True]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_impossible_share_is_refused(share):
    with pytest.raises(RecipeError, match="share"):
        GroupFilter(keep_fraction=share)
