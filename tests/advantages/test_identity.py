from __future__ import annotations

import torch

from guerdon.advantages import identity


def test_reward_on_decisions_and_zero_where_not_scored():
    mask = torch.tensor([[True, False], [True, True], [True, True]])
    out = identity(torch.tensor([2.0, -1.0, float("nan")], dtype=torch.float64), mask)
    assert out.tolist() == [[2.0, 0.0], [-1.0, -1.0], [0.0, 0.0]]
    assert out.dtype == torch.float64
