from __future__ import annotations

import pytest
import torch

from guerdon.advantages import gdpo, grpo
from guerdon.errors import RecipeError

NAN = float("nan")
GROUP = torch.tensor([0, 0, 0, 1, 1, 1])
MASK = torch.ones(6, 2, dtype=torch.bool)
ASPECTS = torch.tensor([[1, 0], [0, 3], [0, 0], [1, 2], [1, 1], [0, 0]], dtype=torch.float64)


def zscore(x):
    return (x - x.mean()) / (x.std() + 1e-4)


def test_normalises_each_reward_then_the_weighted_sum():
    w = torch.tensor([1.0, 0.5], dtype=torch.float64)
    parts = torch.cat([torch.stack([zscore(ASPECTS[g][:, k]) for k in (0, 1)], 1) for g in (slice(0, 3), slice(3, 6))])
    out = gdpo(ASPECTS, GROUP, MASK, weights=(1.0, 0.5))
    torch.testing.assert_close(out[:, 0], zscore((w * parts).sum(1)))


def test_unit_of_a_reward_does_not_matter_only_when_normalised_first():
    blown = ASPECTS * torch.tensor([1.0, 1000.0], dtype=torch.float64)
    torch.testing.assert_close(gdpo(blown, GROUP, MASK), gdpo(ASPECTS, GROUP, MASK), rtol=1e-3, atol=1e-3)
    late = [gdpo(a, GROUP, MASK, order="sum_then_normalize") for a in (blown, ASPECTS)]
    assert not torch.allclose(late[0], late[1], atol=0.1)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_sum_then_normalize_is_grpo_on_the_sum(scale):
    out = gdpo(ASPECTS, GROUP, MASK, weights=(2.0, -1.0), order="sum_then_normalize", scale=scale)
    total = 2 * ASPECTS[:, 0] - ASPECTS[:, 1]
    torch.testing.assert_close(out, grpo(total, GROUP, MASK, scale=scale, eps=1e-4))


@pytest.mark.parametrize("order", ["normalize_then_sum", "sum_then_normalize"])
def test_rows_without_any_score_get_zero_and_enter_no_baseline(order):
    holed = torch.cat([ASPECTS, torch.tensor([[NAN, NAN]], dtype=torch.float64)])
    group, mask = torch.tensor([0, 0, 0, 1, 1, 1, 1]), torch.ones(7, 2, dtype=torch.bool)
    out = gdpo(holed, group, mask, order=order)
    assert (out[6] == 0).all()
    torch.testing.assert_close(out[:6], gdpo(ASPECTS, GROUP, MASK, order=order))


def test_missing_aspect_leaves_the_others():
    holed = ASPECTS.clone()
    holed[0, 0] = NAN  # group 0 keeps two values of aspect 0: both 0, so aspect 0 says nothing there
    out = gdpo(holed, GROUP, MASK)
    first = torch.cat([torch.zeros(3, dtype=torch.float64), zscore(ASPECTS[3:, 0])])
    second = torch.cat([zscore(ASPECTS[:3, 1]), zscore(ASPECTS[3:, 1])])
    torch.testing.assert_close(out[:, 0], zscore(first + second))


def test_lone_and_equal_rows_give_zero():
    alone = gdpo(ASPECTS[:1], torch.tensor([0]), MASK[:1])
    equal = gdpo(ASPECTS[:1].expand(3, 2), torch.zeros(3, dtype=torch.long), MASK[:3])
    assert (alone == 0).all()
    assert (equal == 0).all()


def test_wrong_number_of_weights_is_refused():
    with pytest.raises(RecipeError, match="one weight per aspect"):
        gdpo(ASPECTS, GROUP, MASK, weights=(1.0,))


@pytest.mark.parametrize("order", ["normalize_then_sum", "sum_then_normalize"])
def test_lawful(lawful, order):
    lawful(lambda r, g, m: gdpo(torch.stack([r, r * r.abs()], 1), g, m, order=order))
