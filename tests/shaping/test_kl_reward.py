from __future__ import annotations

import math

import torch

from guerdon.shaping import kl_reward

NAN = float("nan")
MASK = torch.tensor([[True, False, True, False], [True, True, True, True], [False, False, False, False]])
LOGP = torch.tensor([[-1.0, NAN, -3.0, -9.0], [-1.0, -1.0, -1.0, -1.0], [-5.0] * 4], dtype=torch.float64)
REF = torch.tensor([[-2.0, -7.0, -2.5, NAN], [-1.5, -0.5, -1.0, -1.0], [-1.0] * 4], dtype=torch.float64)
REWARD = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)


def test_row_pays_for_the_log_ratio_of_the_sequence():
    # row 0: (-1 + 2) + (-3 + 2.5) = .5; row 1: .5 - .5 = 0; row 2 has no decision
    out = kl_reward(REWARD, LOGP, REF, MASK, beta=0.1)
    torch.testing.assert_close(out, torch.tensor([0.95, 0.5, 2.0], dtype=torch.float64))


def test_time_pays_per_decision_with_the_score_on_the_last():
    out = kl_reward(REWARD, LOGP, REF, MASK, beta=0.1, place="time")
    wanted = [[-0.1, 0.0, 1.05, 0.0], [-0.05, 0.05, 0.0, 0.5], [0.0] * 4]
    torch.testing.assert_close(out, torch.tensor(wanted, dtype=torch.float64))
    torch.testing.assert_close(out.sum(1)[:2], kl_reward(REWARD, LOGP, REF, MASK, beta=0.1)[:2])


def test_estimator_squared():
    # k2 is d^2 / 2: (1 + .25) / 2
    out = kl_reward(REWARD, LOGP, REF, MASK, beta=1.0, estimator="k2")
    assert out[0].item() == 1.0 - 0.625


def test_unscored_row_stays_unscored_and_dtype_is_kept():
    reward = torch.tensor([NAN, 1.0, 1.0])
    row = kl_reward(reward, LOGP.float(), REF.float(), MASK)
    time = kl_reward(reward, LOGP.float(), REF.float(), MASK, place="time")
    assert row.dtype == time.dtype == torch.float32
    assert row.isnan().tolist() == [True, False, False]
    assert time.isnan().sum().item() == 1
    assert math.isnan(time[0, 2])
