"""Gaussian ranks: quantiles by hand, ties, invariance to every rising transform, rounding, silent groups."""

from __future__ import annotations

from statistics import NormalDist

import pytest
import torch

from guerdon.advantages import gaussian_rank, grpo
from guerdon.errors import RecipeError

NAN = float("nan")


def one(values, dtype=torch.float64, **options) -> list[float]:
    """One group, one decision per row."""
    reward = torch.tensor(values, dtype=dtype)
    mask = torch.ones(len(values), 1, dtype=torch.bool)
    return gaussian_rank(reward, torch.zeros(len(values), dtype=torch.long), mask, **options)[:, 0].tolist()


def test_quantiles_of_the_ranks():
    phi = NormalDist().inv_cdf
    assert one([0.1, 0.9, 0.5, 0.3]) == pytest.approx([phi(1 / 8), phi(7 / 8), phi(5 / 8), phi(3 / 8)])
    assert one([0.1, 0.9, 0.5, 0.3], offset=0.0) == pytest.approx([phi(0.2), phi(0.8), phi(0.6), phi(0.4)])


def test_ties_share_the_mean_of_their_quantiles():
    """Mean of the quantiles of 1/8, 3/8, 5/8 is -.38345; the quantile of their mean rank 2 is that of 3/8."""
    assert one([0, 0, 0, 1.0]) == pytest.approx([-0.38344979] * 3 + [1.15034938])
    assert one([0, 0, 1.0, 1.0]) == pytest.approx([-0.73449437] * 2 + [0.73449437] * 2)
    assert one([0, 0, 0, 1.0], ties="mean_rank") == pytest.approx([-0.31863936] * 3 + [1.15034938])


def test_the_sum_over_a_group_is_zero_with_mean_quantiles():
    g = torch.Generator().manual_seed(0)
    for size in (2, 5, 9):
        values = torch.randint(4, (size,), generator=g).tolist()
        assert sum(one([float(v) for v in values])) == pytest.approx(0.0, abs=1e-12)


def test_unit_variance_rescales_by_the_untied_quantiles():
    """Population std of the eight quantiles is .92252421, so the top 1.53412 becomes 1.66296."""
    eight = [float(k) for k in range(8)]
    assert torch.tensor(one(eight)).std(correction=0).item() == pytest.approx(0.92252421, rel=1e-6)
    assert one(eight, unit_variance=True)[-1] == pytest.approx(1.66295960, rel=1e-6)
    tied = one([0, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], unit_variance=True)
    assert tied[0] == pytest.approx(one([0, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])[0] / 0.92252421, rel=1e-6)
    by_rank = [one([0, 0, 0, 1.0], ties="mean_rank", unit_variance=u)[0] for u in (False, True)]
    assert by_rank[0] / by_rank[1] == pytest.approx(torch.tensor(one([0, 1.0, 2.0, 3.0])).std(correction=0).item())


def test_only_the_order_counts():
    values = [0.3, -1.0, 0.9, 2.0]
    plain = one(values)
    assert one([float(torch.tensor(5 * v).exp()) for v in values]) == plain
    assert one([*values[:3], 1e6]) == plain
    assert one([-v for v in values]) == pytest.approx([-a for a in plain])


def test_two_tasks_of_other_scale_push_with_the_same_force():
    g = torch.Generator().manual_seed(3)
    values = torch.rand(6, generator=g)
    reward, group = torch.cat([values, 1000 * values]), torch.tensor([0] * 6 + [1] * 6)
    out = gaussian_rank(reward, group, torch.ones(12, 1, dtype=torch.bool)).abs()
    assert out[:6].sum() == out[6:].sum()


def test_an_outlier_does_not_squeeze_the_others():
    reward, group = torch.tensor([0.0, 1.0, 2.0, 100.0]), torch.zeros(4, dtype=torch.long)
    mask = torch.ones(4, 1, dtype=torch.bool)
    squeezed = grpo(reward, group, mask)[:3, 0]
    assert (squeezed.max() - squeezed.min()).item() < 0.05
    ranked = gaussian_rank(reward, group, mask)[:3, 0]
    assert (ranked.max() - ranked.min()).item() == pytest.approx(1.15034938 + 0.31863936)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rewards_that_differ_by_rounding_are_ties(dtype):
    tenth = torch.tensor(0.1, dtype=dtype)
    sums = [(tenth + tenth + tenth).item(), 0.3, 0.6]
    assert one(sums, dtype) == pytest.approx(one([0.3, 0.3, 0.6], dtype))
    assert one([1.0, 1.0 + 1e-4], dtype) == pytest.approx(one([0.0, 1.0], dtype))


@pytest.mark.parametrize("values", [[0.4], [0.7] * 5, [0.5, NAN]])
def test_groups_without_an_order_are_exactly_zero(values):
    assert one(values) == [0.0] * len(values)
    assert one(values, unit_variance=True) == [0.0] * len(values)


def test_offset_outside_its_range_is_refused():
    with pytest.raises(RecipeError, match="plotting"):
        one([0.0, 1.0], offset=1.0)


def test_lawful(lawful):
    lawful(gaussian_rank)
