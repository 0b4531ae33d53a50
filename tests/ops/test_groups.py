"""Group statistics over scored rows."""

from __future__ import annotations

import pytest
import torch

from guerdon.ops.groups import broadcast, groups

GROUP = torch.tensor([7, 3, 7, 3, 7, 5])
R = torch.tensor([1.0, 4.0, 3.0, torch.nan, 8.0, torch.nan], dtype=torch.float64)


def test_statistics_leave_unscored_rows_out():
    g = groups(GROUP, R)  # groups in order 3, 5, 7
    assert g.count.tolist() == [1, 0, 3]
    assert g.sum(R).tolist() == [4.0, 0.0, 12.0]
    mean = g.mean(R)
    assert mean[[0, 2]].tolist() == [4.0, 4.0]
    assert torch.isnan(mean[1])
    # deviations -3, -1, 4
    assert g.std(R)[2].item() == pytest.approx((26 / 2) ** 0.5)
    assert g.std(R, ddof=0)[2].item() == pytest.approx((26 / 3) ** 0.5)
    assert torch.isnan(g.std(R)[0])
    assert g.extreme(R)[[0, 2]].tolist() == [4.0, 8.0]
    assert g.extreme(R, largest=False)[2].item() == 1.0
    assert g.spread(torch.tensor([10, 20, 30])).tolist() == [30, 10, 30, 10, 30, 20]


@pytest.mark.parametrize("size", [3, 7, 12])
@pytest.mark.parametrize("value", [0.1, -0.7, 1e4 / 3])
def test_the_mean_of_equal_values_is_that_value(size, value):
    """The sum of seven times 3333.3333 over seven is off by a bit in single precision."""
    x = torch.full((size,), value)
    g = groups(torch.zeros(size, dtype=torch.long), x)
    assert g.mean(x).item() == x[0].item()
    assert g.std(x).item() == 0.0


def test_no_rows_and_rows_on_decisions():
    assert groups(torch.zeros(0, dtype=torch.long), torch.zeros(0)).size == 0
    mask = torch.tensor([[True, False], [True, True]])
    assert broadcast(torch.tensor([2.0, torch.nan]), mask).tolist() == [[2.0, 0.0], [0.0, 0.0]]
