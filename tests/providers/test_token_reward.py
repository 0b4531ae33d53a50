from __future__ import annotations

import math

import torch

from guerdon.providers.token_reward import token_reward


def test_score_on_the_last_valid_decision_even_behind_holes():
    mask = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()
    reward = torch.tensor([2.0, 5.0, -1.0], dtype=torch.float64)
    out = token_reward(reward, mask)
    assert out.tolist() == [[0, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, -1]]
    assert out.dtype == torch.float64
    assert token_reward(reward.float(), mask).dtype == torch.float32


def test_unscored_row_stays_unscored():
    out = token_reward(torch.tensor([math.nan, 1.0]), torch.tensor([[True, True], [True, False]]))
    assert math.isnan(out[0, 1])
    assert out[0, 0] == 0
    assert out[1].tolist() == [1.0, 0.0]
