"""CANON: the worked group, Dr.GRPO as a special case, freedom of direction, the weight on one half, ties, refusals."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import conditional, grpo
from guerdon.errors import NumericsError, RecipeError

R = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
METRIC = torch.tensor([10, 20, 30, 40])
GROUP = torch.zeros(4, dtype=torch.long)
MASK = torch.ones(4, 2, dtype=torch.bool)


def value(reward=R, metric=METRIC, group=GROUP, mask=MASK, **options) -> list[float]:
    return conditional(reward, group, metric, mask, **options)[:, 0].tolist()


def test_halves_are_compared_between_and_inside():
    """Low half (1, 0) has mean .5, high half (1, 1) has mean 1."""
    assert value() == [0.0, -1.0, 0.5, 0.5]
    assert value(inter=0.0) == [0.5, -0.5, 0.0, 0.0]
    assert value(inter=0.25) == pytest.approx([0.375, -0.625, 0.125, 0.125])


def test_equal_weights_and_halves_are_dr_grpo(batch):
    ours = conditional(batch.reward, batch.group_id, batch.length, batch.mask, inter=0.5)
    torch.testing.assert_close(ours, grpo(batch.reward, batch.group_id, batch.mask, scale="none"))


def test_a_better_half_is_pushed_twice_as_hard_as_by_dr_grpo():
    sorted_rewards = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert value(sorted_rewards) == [-1.0, -1.0, 1.0, 1.0]
    plain = grpo(sorted_rewards, GROUP, MASK, scale="none")[:, 0]
    assert torch.tensor(value(sorted_rewards)).abs().mean() == 2 * plain.abs().mean()


@pytest.mark.parametrize("inter", [0.0, 0.3, 1.0])
def test_only_the_order_of_the_metric_counts_and_not_its_direction(inter):
    g = torch.Generator().manual_seed(1)
    reward, metric = torch.rand(8, generator=g), torch.randn(8, generator=g)
    group, mask = torch.tensor([0, 1] * 4), torch.ones(8, 1, dtype=torch.bool)
    plain = value(reward, metric, group, mask, inter=inter)
    assert value(reward, metric.exp(), group, mask, inter=inter) == pytest.approx(plain)
    assert value(reward, -metric, group, mask, inter=inter) == pytest.approx(plain)
    assert sum(plain) == pytest.approx(0.0, abs=1e-6)


def test_alpha_below_one_favours_the_half_it_does_not_weigh():
    """All right: the high half has .9 - 1, the low half 1 - .9."""
    ones = torch.ones(4, dtype=torch.float64)
    assert value(ones, alpha=0.9) == pytest.approx([0.1, 0.1, -0.1, -0.1])
    assert value(ones, alpha=0.9, side="low") == pytest.approx([-0.1, -0.1, 0.1, 0.1])
    # inside the halves alpha says nothing
    assert value(alpha=0.9, inter=0.0) == value(inter=0.0)


def test_bias_moves_the_halves_apart():
    assert value(torch.ones(4), bias=0.25) == [-0.25, -0.25, 0.25, 0.25]


def test_an_odd_group_has_the_larger_high_half_and_ties_keep_the_order():
    three, mask = torch.zeros(3, dtype=torch.long), MASK[:3]
    # low (3), high (0, 3): means 3 and 1.5
    assert value(torch.tensor([0.0, 3.0, 3.0]), torch.tensor([2.0, 1.0, 3.0]), three, mask) == [-3.0, 1.5, 0.0]
    tied = torch.full((4,), 7.0)
    assert value(torch.tensor([1.0, 1.0, 0.0, 0.0]), tied) == [1.0, 1.0, -1.0, -1.0]


def test_a_quantity_per_decision_is_averaged_over_the_row():
    mask = torch.tensor([[True, True], [True, False], [True, True], [True, False]])
    entropy = torch.tensor([[1.0, 3.0], [1.5, 99.0], [1.0, 1.2], [2.5, float("nan")]])
    assert value(metric=entropy, mask=mask) == value(metric=torch.tensor([2.0, 1.5, 1.1, 2.5]))


def test_mix_by_accuracy_starts_inside_and_ends_between():
    assert value(mix="accuracy") == pytest.approx(value(inter=0.75))
    with pytest.raises(RecipeError, match=r"\[0, 1\]"):
        value(5 * R, mix="accuracy")


def test_unscored_rows_belong_to_no_half():
    holed = torch.cat([R, torch.tensor([float("nan")], dtype=torch.float64)])
    longer = torch.cat([METRIC, torch.tensor([5])])
    out = value(holed, longer, torch.zeros(5, dtype=torch.long), torch.ones(5, 2, dtype=torch.bool))
    assert out == [*value(), 0.0]


def test_a_metric_that_is_not_a_number_is_refused_on_scored_rows_only():
    broken = torch.tensor([1.0, float("nan"), 2.0, 3.0])
    with pytest.raises(NumericsError, match="row"):
        value(metric=broken)
    reward = R.clone()
    reward[1] = float("nan")
    assert value(reward, broken)[1] == 0.0


def test_lawful(lawful):
    lawful(lambda r, g, m: conditional(r, g, r.abs(), m, inter=0.7, alpha=0.9))
