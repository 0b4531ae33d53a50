from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.rewards.rules.length_cosine import length_cosine


@pytest.mark.parametrize(
    ("length", "right", "value"),
    [
        (0, True, 1.0), (50, True, 0.75), (100, True, 0.5),  # half way: the mean of both ends
        (0, False, -1.0), (50, False, -0.75), (100, False, -0.5),
        (25, True, 0.5 + 0.25 * (1 + math.cos(math.pi / 4))), (150, True, 0.5), (10**6, False, -0.5),
    ],
)  # fmt: skip
def test_values(length, right, value):
    """The check of the dossier (.75 and -.75 at half length) and the ends of the cosine."""
    found = length_cosine(torch.tensor([length]), torch.tensor([right]), max_length=100)
    assert found.item() == pytest.approx(value)


def test_own_ends_and_order():
    n = torch.arange(0, 101)
    right = length_cosine(n, torch.ones(101).bool(), max_length=100, correct=(2.0, 1.0), wrong=(0.0, -10.0))
    wrong = length_cosine(n, torch.zeros(101).bool(), max_length=100, correct=(2.0, 1.0), wrong=(0.0, -10.0))
    assert (right.diff() <= 0).all()
    assert (wrong.diff() <= 0).all()
    assert right.min() > wrong.max()
    with pytest.raises(RecipeError, match="limit"):
        length_cosine(n, n > 3, max_length=0)
