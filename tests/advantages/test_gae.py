from __future__ import annotations

import pytest
import torch

from guerdon.advantages import gae, reward_to_go
from guerdon.errors import NumericsError
from guerdon.ops.masked import masked_whiten

NAN = float("nan")
ALL = torch.ones(1, 3, dtype=torch.bool)
REWARD = torch.tensor([[1.0, 0.0, 2.0]], dtype=torch.float64)
VALUE = torch.tensor([[0.5, 1.0, 1.5]], dtype=torch.float64)


def at(index):
    return torch.arange(3)[None] == index


def test_by_hand():
    # gamma .5, lam .5, backwards: 2 - 1.5 = .5; 0 + .75 - 1 + .25 * .5 = -.125; 1 + .5 - .5 - .25 * .125 = .96875
    adv, returns = gae(REWARD, VALUE, ALL, gamma=0.5, lam=0.5, whiten=False)
    assert adv.tolist() == [[0.96875, -0.125, 0.5]]
    assert returns.tolist() == [[1.46875, 0.875, 2.0]]


def test_without_critic_returns_are_the_reward_to_go():
    _, returns = gae(REWARD, torch.zeros_like(VALUE), ALL)
    torch.testing.assert_close(returns, reward_to_go(REWARD, ALL))


def test_lambda_zero_is_the_one_step_surprise():
    adv, _ = gae(REWARD, VALUE, ALL, gamma=0.9, lam=0.0, whiten=False)
    after = torch.tensor([[1.0, 1.5, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(adv, REWARD + 0.9 * after - VALUE)


def test_holes_are_as_if_they_were_not_there():
    mask = torch.tensor([[True, False, True, True, False]])
    reward = torch.tensor([[1.0, NAN, 0.0, 2.0, 5.0]], dtype=torch.float64)
    value = torch.tensor([[0.5, NAN, 1.0, 1.5, 9.0]], dtype=torch.float64)
    for holed, dense in zip(
        gae(reward, value, mask, gamma=0.9, lam=0.8), gae(REWARD, VALUE, ALL, gamma=0.9, lam=0.8), strict=True
    ):
        torch.testing.assert_close(holed[mask], dense[ALL])
        assert (holed[~mask] == 0).all()


def test_whitening_uses_valid_decisions_only():
    raw, returns = gae(REWARD, VALUE, ALL, lam=0.9, whiten=False)
    white, same = gae(REWARD, VALUE, ALL, lam=0.9)
    torch.testing.assert_close(white, masked_whiten(raw, ALL))
    torch.testing.assert_close(returns, same)


def test_a_cut_row_bootstraps_from_next_value_and_an_ended_one_does_not():
    nxt = torch.tensor([[1.0, 1.5, 4.0]], dtype=torch.float64)
    last = []
    for terminated, truncated in ((at(2), None), (at(9), at(2)), (None, None), (None, at(2))):
        adv, _ = gae(REWARD, VALUE, ALL, terminated, truncated, nxt, gamma=0.5, whiten=False)
        last.append(adv[0, 2].item())
    assert last == [0.5, 2.5, 0.5, 2.5]  # 2 - 1.5, plus half of 4 where the row was cut
    unknown, _ = gae(REWARD, VALUE, ALL, None, at(2), gamma=0.5, whiten=False)
    assert unknown[0, 2].item() == 0.5


@pytest.mark.parametrize("kind", ["terminated", "truncated"])
def test_nothing_flows_back_from_the_next_episode(kind):
    ends = {kind: at(0)}
    adv, _ = gae(REWARD, VALUE, ALL, **ends, whiten=False)
    other, _ = gae(REWARD * torch.tensor([1.0, 7.0, 7.0]), VALUE, ALL, **ends, whiten=False)
    assert adv[0, 0].item() == other[0, 0].item() == 0.5  # 1 - .5
    assert other[0, 1].item() != adv[0, 1].item()


def test_discount_signal_wins_over_gamma():
    factor = torch.full_like(REWARD, 0.5)
    a, _ = gae(REWARD, VALUE, ALL, discount=factor, gamma=1.0, lam=0.5, whiten=False)
    b, _ = gae(REWARD, VALUE, ALL, gamma=0.5, lam=0.5, whiten=False)
    torch.testing.assert_close(a, b)


def test_unscored_row_is_zero_outside_statistics_and_teaches_nothing():
    reward, value, mask = REWARD.repeat(3, 1), VALUE * torch.tensor([[1.0], [2.0], [3.0]]), ALL.repeat(3, 1)
    reward[1, 2] = NAN
    adv, returns = gae(reward, value, mask)
    kept = torch.tensor([0, 2])
    alone, _ = gae(reward[kept], value[kept], mask[kept])
    torch.testing.assert_close(adv[kept], alone)
    assert (adv[1] == 0).all()
    assert torch.equal(returns[1], value[1])


def test_single_decision_cannot_be_whitened_and_an_empty_batch_is_zero():
    one = torch.tensor([[True, False, False]])
    with pytest.raises(NumericsError, match="at least two"):
        gae(REWARD, VALUE, one)
    adv, returns = gae(REWARD, VALUE, torch.zeros_like(ALL))
    assert (adv == 0).all()
    assert (returns == 0).all()


def test_row_order_and_precision():
    g = torch.Generator().manual_seed(0)
    reward, value = torch.randn(5, 6, generator=g).double(), torch.randn(5, 6, generator=g).double()
    mask, order = torch.rand(5, 6, generator=g) < 0.7, torch.randperm(5, generator=g)
    full, _ = gae(reward, value, mask, gamma=0.9, lam=0.9)
    mixed, _ = gae(reward[order], value[order], mask[order], gamma=0.9, lam=0.9)
    torch.testing.assert_close(mixed, full[order])
    single, returns = gae(reward.float(), value.float(), mask, gamma=0.9, lam=0.9)
    assert single.dtype == returns.dtype == torch.float32
    torch.testing.assert_close(single.double(), full, rtol=1e-4, atol=1e-5)
