from __future__ import annotations

import pytest
import torch

from guerdon.advantages import whiten
from guerdon.errors import NumericsError

NAN = float("nan")
MASK = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
ADVANTAGE = torch.tensor([[1.0, 1.0, NAN], [4.0, 9.0, 9.0], [7.0, 7.0, 7.0]], dtype=torch.float64)


def test_by_token_every_decision_has_one_vote():
    # values 1, 1, 4: mean 2, variance 3
    out = whiten(ADVANTAGE, MASK, eps=0.0)
    assert out[MASK].tolist() == pytest.approx([-(3**-0.5), -(3**-0.5), 2 * 3**-0.5])
    assert (out[~MASK] == 0).all()


def test_by_row_every_row_has_one_vote():
    # row means 1 and 4: mean 2.5, variance 4.5
    out = whiten(ADVANTAGE, MASK, by="row", eps=0.0)
    assert out[MASK].tolist() == pytest.approx([-1.5 / 4.5**0.5] * 2 + [1.5 / 4.5**0.5])
    assert (out[~MASK] == 0).all()


@pytest.mark.parametrize("by", ["token", "row"])
def test_unscored_rows_stay_zero_and_leave_the_statistics(by):
    mask = torch.ones(4, 2, dtype=torch.bool)
    advantage = torch.tensor([[1.0, 2.0], [3.0, 5.0], [0.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
    reward, kept = torch.tensor([1.0, 2.0, NAN, 0.0]), torch.tensor([0, 1, 3])
    out = whiten(advantage, mask, reward, by=by)
    assert (out[2] == 0).all()
    torch.testing.assert_close(out[kept], whiten(advantage[kept], mask[kept], by=by))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_decisions_have_no_variance(count):
    mask = torch.zeros(2, 2, dtype=torch.bool)
    mask[0, :count] = True
    with pytest.raises(NumericsError, match="at least two"):
        whiten(torch.ones(2, 2), mask)


@pytest.mark.parametrize("by", ["token", "row"])
def test_row_order_and_precision(by):
    g = torch.Generator().manual_seed(0)
    advantage, mask = torch.randn(6, 4, generator=g).double(), torch.rand(6, 4, generator=g) < 0.8
    order = torch.randperm(6, generator=g)
    full = whiten(advantage, mask, by=by)
    torch.testing.assert_close(whiten(advantage[order], mask[order], by=by), full[order])
    single = whiten(advantage.float(), mask, by=by)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), full, rtol=1e-4, atol=1e-5)
