from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.shaping import standardize

NAN = float("nan")


def test_batch_numbers_with_both_deviations():
    # mean .5, squared deviations .16 + .09 + .04 + .09 = .38; sample variance .38/3, population .38/4
    reward = torch.tensor([0.9, 0.2, 0.7, 0.2], dtype=torch.float64)
    centred = torch.tensor([0.4, -0.3, 0.2, -0.3], dtype=torch.float64)
    torch.testing.assert_close(standardize(reward), centred / (0.38 / 3) ** 0.5)
    torch.testing.assert_close(standardize(reward, ddof=0), centred / (0.38 / 4) ** 0.5)
    assert standardize(reward)[0].item() == pytest.approx(1.123903, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_rewards_give_zero_not_blown_up_rounding(dtype):
    out = standardize(torch.full((7,), 0.1, dtype=dtype))
    assert out.dtype == dtype
    assert (out == 0).all()


def test_scopes_take_their_own_rows():
    reward = torch.tensor([1.0, 3.0, 10.0, 30.0, NAN, 5.0])
    label = torch.tensor([0, 0, 1, 1, 0, 2])
    wanted = torch.tensor([-(0.5**0.5), 0.5**0.5, -(0.5**0.5), 0.5**0.5, NAN, 0.0])
    torch.testing.assert_close(standardize(reward, label, scope="group"), wanted, equal_nan=True)
    torch.testing.assert_close(standardize(reward, None, label, scope="domain"), wanted, equal_nan=True)
    kept = torch.tensor([0, 1, 2, 3, 5])
    torch.testing.assert_close(standardize(reward)[kept], standardize(reward[kept]))


@pytest.mark.parametrize(("scope", "name"), [("group", "group_id"), ("domain", "domain")])
def test_missing_signal_is_named(scope, name):
    with pytest.raises(RecipeError, match=name):
        standardize(torch.ones(2), scope=scope)
