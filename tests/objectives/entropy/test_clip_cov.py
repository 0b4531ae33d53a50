"""Clip-Cov: covariances by hand, counts, the draw, what is no candidate, the reduction to no mask."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.entropy import clip_cov

LP = torch.tensor([[-0.1, -3.0, -0.2, -2.9]], dtype=torch.float64)
A = torch.tensor([[1.0, 1.0, -1.0, -1.0]], dtype=torch.float64)
M = torch.ones(1, 4, dtype=torch.bool)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dropped(*args, **options) -> list[int]:
    mask = args[2]
    return (mask & ~clip_cov(*args, **options)).flatten().nonzero()[:, 0].tolist()


def test_candidates_lie_strictly_inside_the_band():
    """Means -1.55 and 0 give C = 1.45, -1.45, -1.35, 1.35."""
    assert dropped(LP, A, M, rng(), fraction=1.0, low=1.0, high=5.0) == [0, 3]
    assert dropped(LP, A, M, rng(), fraction=1.0, low=1.4, high=5.0) == [0]
    assert dropped(LP, A, M, rng(), fraction=1.0, low=-1.4, high=1.4) == [2, 3]
    exact = float(((LP - LP.mean()) * (A - A.mean()))[0, 3])
    assert dropped(LP, A, M, rng(), fraction=1.0, low=exact, high=5.0) == [0]
    assert dropped(LP, A, M, rng(), fraction=1.0, low=1.0, high=exact) == []


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (1e-9, 1), (0.26, 1), (0.5, 2), (1.0, 2)])
def test_the_count_is_truncated_at_least_one_and_at_most_the_candidates(fraction, count):
    assert len(dropped(LP, A, M, rng(), fraction=fraction)) == count


def test_without_candidates_nothing_is_dropped():
    assert dropped(LP, torch.zeros_like(A), M, rng(), fraction=1.0) == []
    assert clip_cov(LP, A, M, rng(), low=50.0, high=60.0).equal(M)


def test_clipped_decisions_are_no_candidates():
    clipped = torch.tensor([[True, False, False, False]])
    assert dropped(LP, A, M, rng(), clipped, fraction=1.0) == [3]


def test_every_candidate_is_drawn_equally_often():
    """One of two candidates, 400 seeds: 200 each, 4 standard deviations are 40."""
    first = sum(dropped(LP, A, M, rng(seed)) == [0] for seed in range(400))
    assert 160 <= first <= 240


def test_a_seed_fixes_the_draw_and_padding_does_not_move_it():
    lp, a = LP.repeat(3, 2) + torch.arange(3.0)[:, None] / 10, A.repeat(3, 2)
    mask = torch.ones(3, 8, dtype=torch.bool)
    kept = clip_cov(lp, a, mask, rng(7), fraction=0.1)
    pad = torch.full((3, 2), torch.nan, dtype=torch.float64)
    longer = clip_cov(
        torch.cat([lp, pad], 1), torch.cat([a, pad], 1), torch.cat([mask, torch.zeros(3, 2, dtype=torch.bool)], 1),
        rng(7), fraction=0.1,
    )  # fmt: skip
    assert int((mask & ~kept).sum()) == 2  # 24 decisions, a tenth of them, truncated
    assert longer[:, :8].equal(kept)
    assert not longer[:, 8:].any()


def test_an_empty_mask_is_legal_and_percent_is_refused():
    none = torch.zeros_like(M)
    assert clip_cov(LP, A, none, rng()).equal(none)
    with pytest.raises(RecipeError, match="share"):
        clip_cov(LP, A, M, rng(), fraction=2.0)
