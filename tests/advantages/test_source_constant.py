from __future__ import annotations

import torch

from guerdon.advantages import source_constant

A = torch.tensor([[0.5, -0.5], [0.3, 0.0], [0.2, 0.2]])
M = torch.tensor([[True, True], [True, False], [True, True]])


def test_rows_of_the_source_are_set_on_their_decisions_alone():
    out = source_constant(A, ["base", "hot", "hot"], M, value=2.0)
    assert out.tolist() == [A[0].tolist(), [2.0, 0.0], [2.0, 2.0]]


def test_unscored_rows_stay_zero_and_other_sources_untouched():
    reward = torch.tensor([1.0, torch.nan, 1.0])
    out = source_constant(A.masked_fill(reward.isnan()[:, None], 0.0), ["demo", "demo", "hot"], M, reward, only="demo")
    torch.testing.assert_close(out, torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.2, 0.2]]))
