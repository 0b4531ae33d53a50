from __future__ import annotations

import pytest
import torch

from guerdon.advantages import pass_at_k
from guerdon.errors import DataError

NAN = float("nan")


def test_only_the_single_best_row_is_paid(batch, rows):
    # group 1 has two rows with the best score, a tie; group 2 has one, ahead by 1
    out = rows(pass_at_k(batch.reward, batch.group_id, batch.mask), batch.mask)
    assert out == [0, 0, 0, 0, 0, 0, 0, 1.0]


def test_scaled_by_the_sample_std(batch, rows):
    # std of 0, 0, 0, 1 is 1/2
    out = pass_at_k(batch.reward, batch.group_id, batch.mask, scale=True, eps=0.0)
    assert rows(out, batch.mask)[7] == 2.0


def test_lone_row_raises_a_value_error():
    call = (torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1, 1, 2]), torch.ones(3, 1, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least two samples") as caught:
        pass_at_k(*call)
    assert isinstance(caught.value, DataError)
    assert pass_at_k(*call, singleton="zero").flatten().tolist() == [1.0, 0.0, 0.0]


def test_all_equal_and_all_but_one_unscored_give_zero():
    mask, group = torch.ones(3, 1, dtype=torch.bool), torch.zeros(3, dtype=torch.long)
    for reward in ([1.0, 1.0, 1.0], [1.0, NAN, NAN], [NAN, NAN, NAN]):
        for scale in (False, True):
            assert (pass_at_k(torch.tensor(reward), group, mask, scale=scale) == 0).all()


@pytest.mark.parametrize("scale", [False, True])
def test_lawful(lawful, scale):
    lawful(lambda r, g, m: pass_at_k(r, g, m, scale=scale))
