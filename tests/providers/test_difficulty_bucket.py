from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.providers.difficulty_bucket import difficulty_bucket


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds_belong_to_the_easier_bucket(dtype):
    ones = torch.ones((), dtype=dtype)
    rate = torch.stack([2 * ones / 3, ones / 3, 0.6 * ones, 0.2 * ones, 10 * ones / 15])
    assert difficulty_bucket(rate).tolist() == [0, 1, 1, 2, 0]


def test_a_prompt_without_scores_is_medium():
    assert difficulty_bucket(torch.tensor([torch.nan])).tolist() == [1]


def test_bounds_out_of_order_are_refused():
    with pytest.raises(RecipeError, match="in order"):
        difficulty_bucket(torch.ones(1), easy=0.2, medium=0.5)
