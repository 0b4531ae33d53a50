from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.rewards.rules.random_reward import random_reward


def test_the_share_that_is_paid_is_p_and_follows_the_generator():
    def draw(seed):
        return random_reward(["x"] * 10_000, torch.Generator().manual_seed(seed), p=0.3)

    # five standard deviations: 5 * sqrt(.3 * .7 / 10000) = 0.023
    assert draw(0).mean().item() == pytest.approx(0.3, abs=0.023)
    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_no_probability(p):
    with pytest.raises(RecipeError, match="probability"):
        random_reward(["x"], torch.Generator(), p=p)
