from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.selection import mix_rollouts

SOURCE = ["base"] * 6 + ["hot"] * 4
GROUP = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
REWARD = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])


def mixed(entropy: float | None = None, reward: torch.Tensor = REWARD, **params) -> list[int]:
    last = None if entropy is None else torch.tensor(entropy)
    keep = mix_rollouts(reward, GROUP, SOURCE, torch.Generator().manual_seed(0), last, **params)
    return keep.nonzero()[:, 0].tolist()


def test_positive_rows_replace_the_first_of_the_base_pass():
    # only row 6 beats its group: a group that is all right has no positive advantage
    assert mixed() == [1, 2, 3, 4, 5, 6]
    assert mixed(positive_by="reward") == [3, 4, 5, 6, 8, 9]


@pytest.mark.parametrize(("entropy", "count"), [(0.2, 3), (0.5, 3), (0.6, 1)])
def test_half_as_many_above_the_target(entropy, count):
    found = mixed(entropy, positive_by="reward")
    assert len(found) == 6
    assert sum(i >= 6 for i in found) == count
    assert sum(i >= 6 for i in mixed(entropy, positive_by="reward", halve_above_target=False)) == 3


def test_no_positive_row_or_no_limit_is_the_base_batch():
    assert mixed(limit=0) == list(range(6))
    wrong = torch.where(torch.arange(10) < 6, REWARD, torch.tensor(0.0))
    assert mixed(reward=wrong) == list(range(6))
    assert mixed(reward=wrong.masked_fill(torch.arange(10) >= 6, torch.nan), positive_by="reward") == list(range(6))


def test_at_most_as_many_as_there_are():
    assert sum(i >= 6 for i in mixed(positive_by="reward", limit=2)) == 2
    assert len(mixed(positive_by="reward", order="random")) == 6


def test_a_negative_limit_is_refused():
    with pytest.raises(RecipeError, match="number of rows"):
        mixed(limit=-1)
