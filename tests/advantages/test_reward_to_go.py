from __future__ import annotations

import pytest
import torch

from guerdon import registry
from guerdon.advantages import reward_to_go
from guerdon.component import build
from guerdon.errors import NumericsError, RecipeError
from guerdon.ops.masked import masked_whiten
from guerdon.providers.token_reward import token_reward

NAN = float("nan")


def paid(batch):
    return token_reward(batch.reward, batch.mask)


def test_discounted_sums_by_hand():
    # 1 + .5 * (2 + .5 * 4) = 3
    out = reward_to_go(torch.tensor([[1.0, 2.0, 4.0]]), torch.ones(1, 3, dtype=torch.bool), gamma=0.5)
    assert out.tolist() == [[3.0, 4.0, 4.0]]


def test_holes_are_skipped_or_reset():
    reward, mask = torch.tensor([[1.0, NAN, 2.0, 7.0]]), torch.tensor([[True, False, True, False]])
    assert reward_to_go(reward, mask, gamma=0.5).tolist() == [[2.0, 0.0, 2.0, 0.0]]
    assert reward_to_go(reward, mask, gamma=0.5, holes="reset").tolist() == [[1.0, 0.0, 2.0, 0.0]]


def test_reinforce_pp_whitens_over_all_decisions(batch):
    raw = reward_to_go(paid(batch), batch.mask, gamma=0.9)
    out = reward_to_go(paid(batch), batch.mask, gamma=0.9, whiten=True)
    torch.testing.assert_close(out, masked_whiten(raw, batch.mask) * batch.mask)
    valid = out[batch.mask]
    assert valid.mean().item() == pytest.approx(0, abs=1e-6)
    assert valid.std().item() == pytest.approx(1, abs=1e-6)


def test_group_baseline_is_the_mean_total(batch, rows):
    out = reward_to_go(paid(batch), batch.mask, batch.group_id, baseline="group")
    assert rows(out, batch.mask) == [0.5, -0.5, -0.5, 0.5, -0.25, -0.25, -0.25, 0.75]


def test_greedy_baseline_subtracts_the_mean_reference():
    reward, mask = torch.tensor([[0.0, 1.0], [0.0, 3.0]]), torch.ones(2, 2, dtype=torch.bool)
    reference = torch.tensor([[0.25, NAN], [NAN, NAN]])
    out = reward_to_go(reward, mask, None, reference, baseline="greedy")
    assert out.tolist() == [[0.75, 0.75], [0.0, 0.0]]  # the second greedy answer could not be scored


@pytest.mark.parametrize("baseline", ["none", "group"])
@pytest.mark.parametrize("whiten", [False, True])
def test_unscored_rows_change_nothing(batch, baseline, whiten):
    reward = paid(batch)
    reward[2, 5] = NAN
    kept = torch.tensor([0, 1, 3, 4, 5, 6, 7])
    out = reward_to_go(reward, batch.mask, batch.group_id, baseline=baseline, whiten=whiten)
    assert (out[2] == 0).all()
    alone = reward_to_go(reward[kept], batch.mask[kept], batch.group_id[kept], baseline=baseline, whiten=whiten)
    torch.testing.assert_close(out[kept], alone)


def test_lone_row_is_left_out_of_whitening_unless_raw():
    reward, mask = torch.tensor([[1.0], [0.0], [9.0]]), torch.ones(3, 1, dtype=torch.bool)
    group = torch.tensor([0, 0, 1])
    zero = reward_to_go(reward, mask, group, baseline="group", whiten=True)
    assert zero.flatten().tolist() == pytest.approx([0.5**0.5, -(0.5**0.5), 0.0])
    assert reward_to_go(reward, mask, group, baseline="group", singleton="raw").flatten().tolist() == [0.5, -0.5, 9.0]


def test_nothing_scored_gives_zero_and_one_decision_cannot_be_whitened():
    mask = torch.ones(2, 2, dtype=torch.bool)
    assert (reward_to_go(torch.full((2, 2), NAN), mask, whiten=True) == 0).all()
    with pytest.raises(NumericsError, match="at least two"):
        reward_to_go(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), whiten=True)


@pytest.mark.parametrize(("baseline", "name"), [("group", "group_id"), ("greedy", "reference_reward")])
def test_missing_signal_is_named(baseline, name):
    with pytest.raises(RecipeError, match=name):
        reward_to_go(torch.ones(2, 1), torch.ones(2, 1, dtype=torch.bool), baseline=baseline)


def test_row_order_and_precision(batch):
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    options = {"baseline": "group", "whiten": True, "gamma": 0.9}
    full = reward_to_go(paid(batch), batch.mask, batch.group_id, **options)
    mixed = reward_to_go(paid(batch)[order], batch.mask[order], batch.group_id[order], **options)
    torch.testing.assert_close(mixed, full[order])
    single = reward_to_go(paid(batch).float(), batch.mask, batch.group_id, **options)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), full, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pair", [("reinforce_pp", "reinforce_plus_plus"),
                                  ("reinforce_pp_baseline", "reinforce_plus_plus_baseline")])  # fmt: skip
def test_both_spellings_are_the_same_preset(batch, pair):
    signals = {"token_reward": paid(batch), "mask": batch.mask, "group_id": batch.group_id}
    short, long = (build(registry.resolve(name), {})(signals) for name in pair)
    assert torch.equal(short, long)
    assert short[batch.mask].std().item() == pytest.approx(1, abs=1e-6)


def test_remax_preset_binds_the_greedy_answer():
    remax = build(registry.resolve("remax"), {})
    assert remax.settings("reference_reward") == {"policy": "current", "decode": "greedy"}
    assert remax.params["baseline"] == "greedy"
