"""Effective rank: worked values, what it does not see, its bounds; prefixes and movements; loops against walks."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.ops.effective_rank import effective_rank, mean_or_zero, movements, prefix_ranks
from guerdon.providers.hidden_rank import hidden_rank


def with_values(sigma: list[float]) -> torch.Tensor:
    """A matrix of centred rows with these singular values: each direction there and back."""
    rows = torch.zeros(2 * len(sigma), len(sigma), dtype=torch.float64)
    for i, s in enumerate(sigma):
        rows[2 * i, i], rows[2 * i + 1, i] = s / 2**0.5, -s / 2**0.5
    return rows


def states(seed: int, rows: int = 12, width: int = 5) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("sigma", "rank"), [([1, 1, 1, 1], 4.0), ([3, 1], 1.75476535), ([1, 0], 1.0)])
def test_rank_of_known_singular_values(sigma, rank):
    # exp of the entropy of (.75, .25) is 1.75476535
    assert effective_rank(with_values(sigma)) == pytest.approx(rank, abs=1e-6)


def test_rotation_scale_and_shift_are_not_seen():
    z = states(0)
    q = torch.linalg.qr(states(1, 5, 5)).Q
    for other in (z @ q, 100.0 * z, z + torch.arange(5.0)):
        assert effective_rank(other) == pytest.approx(effective_rank(z), abs=1e-6)


@pytest.mark.parametrize("rows", [2, 4, 30])
def test_rank_is_bounded_by_rows_and_width(rows):
    assert 1.0 - 1e-6 <= effective_rank(states(2, rows)) <= min(rows - 1, 5) + 1e-6


def test_equal_rows_have_rank_one_and_a_single_row_none():
    assert effective_rank(torch.ones(4, 3)) == pytest.approx(1.0)
    assert effective_rank(torch.ones(1, 3)) == 0.0


def test_velocity_and_acceleration_by_hand():
    first, second = movements([2.0, 3.0, 5.0, 4.0])
    # 3 - 2, 5 - 2.5, 4 - 10/3
    assert first == pytest.approx([1.0, 2.5, 2 / 3])
    assert mean_or_zero(first) == pytest.approx(1.38888889)
    assert second == pytest.approx([1.5, -11 / 6])
    assert mean_or_zero(second) == pytest.approx(-0.16666667)


def test_rows_are_apart_and_padding_is_not_read():
    z = torch.stack([states(3), states(4)])
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    poisoned = z.clone()
    poisoned[1, 7:] = float("nan")
    out = hidden_rank(poisoned, mask, stride=2)
    assert torch.equal(out[0], hidden_rank(z[:1], mask[:1], stride=2)[0])
    assert torch.equal(out[1], hidden_rank(z[1:, :7], torch.ones(1, 7, dtype=torch.bool), stride=2)[0])


def test_the_window_keeps_the_last_states():
    z, mask = states(5)[None], torch.ones(1, 12, dtype=torch.bool)
    assert torch.equal(hidden_rank(z, mask, stride=2, window=6), hidden_rank(z[:, 6:], mask[:, 6:], stride=2))


def test_a_short_row_has_seen_nothing_move():
    z, mask = states(6)[None], torch.ones(1, 12, dtype=torch.bool)
    rank, velocity, acceleration = hidden_rank(z, mask, stride=11)[0].tolist()
    assert rank > 1
    assert (velocity, acceleration) == (0.0, 0.0)
    # 6 and 12 rows: two prefixes, one movement, none of its differences
    _, velocity, acceleration = hidden_rank(z, mask, stride=5)[0].tolist()
    assert velocity != 0.0
    assert acceleration == 0.0


def test_new_directions_rise_and_one_that_comes_again_falls():
    walk = states(7, 60, 16).cumsum(0)[None]
    # what is new lies in the first prefix, everything after it is one state again and again
    stuck = torch.cat([states(8, 7, 16), states(8, 1, 16).expand(53, 16)])[None]
    mask = torch.ones(1, 60, dtype=torch.bool)
    assert float(hidden_rank(walk, mask, stride=6)[0, 1]) > 0
    assert float(hidden_rank(stuck, mask, stride=6)[0, 1]) < 0
    assert len(prefix_ranks(walk[0], 6)) == 9


def test_stride_and_window_out_of_range():
    for options in ({"stride": 0}, {"window": 1}):
        with pytest.raises(RecipeError, match="stride and window"):
            hidden_rank(states(0)[None], torch.ones(1, 12, dtype=torch.bool), **options)
