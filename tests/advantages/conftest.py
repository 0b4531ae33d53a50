"""One batch with known answers, and the checks that hold for every outcome estimator."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

NAN = float("nan")


@pytest.fixture
def batch() -> SimpleNamespace:
    """Two prompts of four samples: scores [1,0,0,1 | 0,0,0,1], lengths [5,3,6,2 | 4,6,1,3]."""
    length = torch.tensor([5, 3, 6, 2, 4, 6, 1, 3])
    return SimpleNamespace(
        reward=torch.tensor([1, 0, 0, 1, 0, 0, 0, 1], dtype=torch.float64),
        group_id=torch.tensor([3, 3, 3, 3, 9, 9, 9, 9]),
        length=length,
        mask=torch.arange(6)[None] < length[:, None],
    )


@pytest.fixture
def rows() -> Callable[[Tensor, Tensor], list[float]]:
    """The value of each row, after checking that it is the same on all decisions and 0 elsewhere."""

    def read(advantage: Tensor, mask: Tensor) -> list[float]:
        assert (advantage[~mask] == 0).all()
        assert torch.where(mask, advantage == advantage[:, :1], True).all()
        return [round(v, 4) for v in advantage[:, 0].tolist()]

    return read


@pytest.fixture
def lawful() -> Callable[..., None]:
    """Row order, labels of groups, precision and unscored rows, for ``estimate(reward, group_id, mask)``."""

    def check(estimate: Callable[[Tensor, Tensor, Tensor], Tensor], *, seed: int = 0) -> None:
        g = torch.Generator().manual_seed(seed)
        reward = torch.randn(9, generator=g, dtype=torch.float64)
        group = torch.tensor([0, 0, 0, 5, 5, 5, 5, 2, 2])
        mask = torch.rand(9, 4, generator=g) < 0.7
        mask[:, 0] = True
        full = estimate(reward, group, mask)
        assert full.dtype == torch.float64
        assert estimate(reward.float(), group, mask).dtype == torch.float32
        torch.testing.assert_close(estimate(reward.float(), group, mask).double(), full, rtol=1e-4, atol=1e-5)
        order = torch.randperm(9, generator=g)
        torch.testing.assert_close(estimate(reward[order], group[order], mask[order]), full[order])
        torch.testing.assert_close(estimate(reward, 10 - group, mask), full)
        holed = reward.clone()
        holed[[1, 7]] = NAN
        kept = torch.tensor([0, 2, 3, 4, 5, 6])
        out = estimate(holed, group, mask)
        assert (out[[1, 7, 8]] == 0).all()  # row 8 has no scored partner left
        torch.testing.assert_close(out[kept], estimate(reward[kept], group[kept], mask[kept]))

    return check
