"""Pass rate: means over scored rows of a group."""

from __future__ import annotations

import torch

from guerdon.providers.rates import pass_rate

OK = torch.tensor([True, False, True, True, False])
GROUP = torch.tensor([4, 4, 4, 1, 9])


def test_every_row_counts_without_rewards():
    rate = pass_rate(OK, GROUP)
    assert torch.allclose(rate, torch.tensor([2 / 3, 2 / 3, 2 / 3, 1.0, 0.0]))


def test_unscored_rows_are_left_out_and_a_group_without_any_is_nan():
    reward = torch.tensor([1.0, 0.0, torch.nan, 1.0, torch.nan], dtype=torch.float64)
    rate = pass_rate(OK, GROUP, reward)
    assert rate[:4].tolist() == [0.5, 0.5, 0.5, 1.0]
    assert torch.isnan(rate[4])
    assert rate.dtype == torch.float64
