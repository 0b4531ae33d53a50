"""High-entropy mask: quantiles over the batch and per row, padding and empty masks."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives import high_entropy_mask

H = torch.tensor([[1.0, 2.0, 3.0, torch.nan], [4.0, 5.0, 99.0, 99.0]])
M = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]]).bool()


def test_quantile_over_the_batch_ignores_padding():
    # 1 2 3 4 5: the .5 quantile is 3
    assert high_entropy_mask(H, M, quantile=0.5).tolist() == [[False, False, True, False], [True, True, False, False]]


def test_quantile_per_row():
    # row medians 2 and 4.5
    wanted = [[False, True, True, False], [False, True, False, False]]
    assert high_entropy_mask(H, M, quantile=0.5, over="row").tolist() == wanted


@pytest.mark.parametrize("over", ["batch", "row"])
def test_ends_of_the_range_and_empty_masks(over):
    assert torch.equal(high_entropy_mask(H, M, quantile=0.0, over=over), M)
    assert not high_entropy_mask(H, torch.zeros_like(M), over=over).any()
    with pytest.raises(RecipeError):
        high_entropy_mask(H, M, quantile=80.0, over=over)


def test_all_equal_entropies_are_all_kept():
    assert torch.equal(high_entropy_mask(torch.ones(2, 4), M), M)
