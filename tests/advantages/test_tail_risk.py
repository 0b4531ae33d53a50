"""RiskPO: influence by hand, bundles, credit, the tracker and its state, what equal scores and missing rows do."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import TailRisk, grpo
from guerdon.advantages.tail_risk import LEVELS
from guerdon.errors import RecipeError

NAN = float("nan")


def tracking(a: float, b: float, **options) -> TailRisk:
    """A tracker whose quantiles at ``low`` and ``high`` are a and b."""
    risk = TailRisk(**options)
    shares = [min(max((level - risk.low) / (risk.high - risk.low), 0.0), 1.0) for level in LEVELS]
    risk.load_state_dict({"quantiles": [a + (b - a) * s for s in shares]})
    return risk


def single(risk: TailRisk, scores: list[float]) -> list[float]:
    """Advantages of one prompt whose samples have these rewards: with a bundle of one, a score is a reward."""
    n = len(scores)
    reward = torch.tensor(scores, dtype=torch.float64)
    mask = torch.ones(n, 1, dtype=torch.bool)
    return risk(reward, torch.zeros(n, dtype=torch.long), torch.arange(n), mask)[:, 0].tolist()


PLAIN = {"bundle": 1, "low": 0.2, "high": 0.8, "normalize": False}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # a = 1, b = 4: the middle over .6, the tail over .2, weight 1.5
        ({"mix": 0.0, "natural_baseline": True}, [-5, -5, -10 / 3, -5 / 3, 0, 0]),
        ({"natural_baseline": True}, [-5, -2, -4 / 3, -2 / 3, 0, 0]),
        ({}, [-3, 0, 2 / 3, 4 / 3, 2, 2]),
        # (g_rvar + 1.5 (R - 4)^+ / .2) / 2.5
        ({"tail": "upper"}, [0, 0, 2 / 3, 4 / 3, 2, 2 + 3]),
    ],
)
def test_influence_of_scores_0_to_5(options, expected):
    out = single(tracking(1.0, 4.0, **PLAIN, **options), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    assert out == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_influence_never_falls_and_has_the_slopes_of_its_three_parts():
    x = torch.linspace(0, 5, 51)
    out = torch.tensor(single(tracking(1.0, 4.0, **PLAIN), x.tolist()))
    slope = out.diff() / x.diff()
    assert (slope >= -1e-9).all()
    # 1.5 / (.2 * 2.5) below a, 1 / (.6 * 2.5) inside, 0 above b
    assert slope[5].item() == pytest.approx(3.0, rel=1e-4)
    assert slope[25].item() == pytest.approx(2 / 3, rel=1e-4)
    assert slope[45].item() == pytest.approx(0.0, abs=1e-9)


def test_with_the_widest_levels_it_is_the_mean_objective():
    """a = smallest, b = largest: g = (R - min) / (.95 - .05), centred the reward centred."""
    scores = [0.0, 2.0, 3.0, 7.0]
    risk = tracking(0.0, 7.0, bundle=1, low=0.05, high=0.95, mix=0.0, normalize=False)
    out = torch.tensor(single(risk, scores)) * 0.9
    assert (out - out.mean()).tolist() == pytest.approx([s - 3.0 for s in scores], rel=1e-5)


def rows(table: list[list[float]]):
    """Prompts by samples as the four inputs."""
    count = [len(r) for r in table]
    reward = torch.tensor([v for r in table for v in r], dtype=torch.float64)
    group = torch.arange(len(table)).repeat_interleave(torch.tensor(count))
    index = torch.cat([torch.arange(n) for n in count])
    return reward, group, index, torch.ones(len(reward), 1, dtype=torch.bool)


def test_samples_are_paired_by_their_index_and_prompts_bundled_in_order():
    table = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    reward, group, index, mask = rows(table)
    out = TailRisk(bundle=2)(reward, group, index, mask)[:, 0].reshape(4, 3)
    torch.testing.assert_close(out[0], out[1])
    torch.testing.assert_close(out[2], out[3])
    # the bundles' scores are (2, 1, 0) and (0, 1, 2)
    torch.testing.assert_close(out[0], out[2].flip(0))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    moved = TailRisk(bundle=2)(reward[order], group[order], index[order], mask[order])[:, 0]
    torch.testing.assert_close(moved, out.flatten()[order])


def test_a_smaller_last_bundle_is_scaled_to_the_size_of_the_others():
    """Five prompts solved by half stand where one prompt solved by half stands: 2.5 of 5."""
    risk = tracking(2.0, 4.0, **{**PLAIN, "bundle": 5})
    reward, group, index, mask = rows([[0.5, 0.5]] * 6)
    out = risk(reward, group, index, mask)[:, 0]
    assert out.unique().numel() == 1
    assert out[0].item() == pytest.approx(0.5 / 0.6 / 2.5, rel=1e-5)


@pytest.mark.parametrize(
    ("credit", "expected"),
    [
        # scores (2, 0), a = 0, b = 2 tracked, mix 0: g = 2 / .6 and 0 up to eps
        ("uniform", [10 / 3, 0, 10 / 3, 0]),
        ("score", [5 / 3, 0, 5 / 3, 0]),
        # std of (1, 0) is 1/sqrt 2
        ("std", [10 / 3 * 2**0.5, 0, 10 / 3 * 2**0.5, 0]),
        # deviations of the first score .5 and .5: half each
        ("sum_mean", [5 / 3, 0, 5 / 3, 0]),
    ],
)
def test_credit(credit, expected):
    risk = tracking(0.0, 2.0, **{**PLAIN, "bundle": 2}, mix=0.0, credit=credit)
    out = risk(*rows([[1.0, 0.0], [1.0, 0.0]]))[:, 0]
    assert out.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_credit_of_a_score_without_deviation_is_shared_equally():
    risk = tracking(0.0, 2.0, **{**PLAIN, "bundle": 2}, mix=0.0, credit="sum_mean")
    out = risk(*rows([[1.0, 1.0], [1.0, 1.0]]))[:, 0]
    assert out.tolist() == pytest.approx([5 / 3] * 4, rel=1e-4)


def test_an_all_wrong_bundle_is_pushed_down_where_a_group_baseline_is_silent():
    reward, group, index, mask = rows([[0.0] * 4, [0.0] * 4])
    out = tracking(0.4, 1.6, **{**PLAIN, "bundle": 2, "normalize": True})(reward, group, index, mask)
    # no spread, so no division: -(1.5 * .4 / .2) / 2.5
    assert out[:, 0].tolist() == pytest.approx([-1.2] * 8, rel=1e-4)
    assert not grpo(reward, group, mask).any()


def test_the_first_batch_starts_the_tracker_and_later_ones_move_it():
    risk = TailRisk(bundle=1)
    single(risk, [0.0, 1.0, 2.0, 3.0, 4.0])
    first = risk.state_dict()["quantiles"]
    assert first == pytest.approx([4 * level for level in LEVELS])
    single(risk, [0.1, 0.5, 3.0, 3.5, 4.0])
    # level .2: two of five scores lie below .8, so it moves by .1 (.2 - .4)
    second = risk.state_dict()["quantiles"]
    assert second[LEVELS.index(0.2)] == pytest.approx(0.8 - 0.02)
    # level .9 at 3.6: four of five
    assert second[LEVELS.index(0.9)] == pytest.approx(3.6 + 0.1 * (0.9 - 0.8))


def test_the_tracker_settles_at_the_true_quantile():
    """Uniform scores on [0, 5]; with a step of .005 the stationary spread of the level .2 is about .03."""
    g = torch.Generator().manual_seed(0)
    risk = TailRisk(bundle=1, lr=0.05)
    for k in range(400):
        risk.lr = 0.05 if k < 200 else 0.005
        single(risk, (5 * torch.rand(25, generator=g)).tolist())
    tracked = risk.state_dict()["quantiles"]
    assert tracked[LEVELS.index(0.2)] == pytest.approx(1.0, abs=0.1)
    assert tracked[LEVELS.index(0.9)] == pytest.approx(4.5, abs=0.1)


def test_tracked_quantiles_reach_the_advantage_and_survive_a_restart():
    batch = rows([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    easy = rows([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    old = TailRisk(bundle=2)
    old(*easy)
    state = old.state_dict()
    new = TailRisk(bundle=2)
    new.load_state_dict(state)
    after = old(*batch)
    torch.testing.assert_close(after, new(*batch), rtol=0, atol=0)
    assert old.state_dict() == new.state_dict()
    assert not torch.allclose(after, TailRisk(bundle=2)(*batch))
    alone = TailRisk(bundle=2, quantiles="batch")
    alone(*easy)
    torch.testing.assert_close(alone(*batch), TailRisk(bundle=2)(*batch))


def test_mixed_quantiles_lie_between_tracked_and_own():
    a = tracking(0.0, 4.0, **PLAIN, quantiles="mix")
    # own quantiles of (0, 1, 2) are .4 and 1.6, so a = .2 and b = 2.8
    b = tracking(0.2, 2.8, **PLAIN)
    assert single(a, [0.0, 1.0, 2.0]) == pytest.approx(single(b, [0.0, 1.0, 2.0]))


def test_crossed_quantiles_are_read_in_order():
    falling = [4.0 - k * 0.1 for k in range(19)]
    crossed, sound = TailRisk(**PLAIN), TailRisk(**PLAIN)
    crossed.load_state_dict({"quantiles": falling})
    sound.load_state_dict({"quantiles": falling[::-1]})
    low, high = single(crossed, [0.0, 5.0])
    assert low < 0 < high
    assert [low, high] == single(sound, [0.0, 5.0])


def test_rows_without_a_score_leave_the_pairing():
    reward, group, index, mask = rows([[1.0, NAN, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [NAN, NAN, NAN, NAN]])
    out = TailRisk(bundle=2)(reward, group, index, mask)[:, 0]
    less = TailRisk(bundle=2)(*rows([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]))[:, 0]
    assert out[[1, 8, 9, 10, 11]].tolist() == [0.0] * 5
    torch.testing.assert_close(out[[0, 2, 3, 4, 5, 6, 7]], less)
    assert out[7] == 0.0  # beyond the smallest prompt of the bundle


def test_without_any_score_nothing_is_learnt():
    risk = TailRisk()
    reward, group, index, mask = rows([[NAN, NAN], [NAN, NAN]])
    assert not risk(reward, group, index, mask).any()
    assert risk.state_dict() == {"quantiles": None}


@pytest.mark.parametrize("options", [{"low": 0.9, "high": 0.2}, {"low": 0.01}, {"high": 0.99}, {"bundle": 0}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(RecipeError):
        TailRisk(**options)
