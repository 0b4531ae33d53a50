"""The band of past entropies: charges by hand, what enters the history and when, alignment, the constant mode."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.entropy import EntropyHistoryBand, entropy_bonus

H = torch.tensor([[0.39, 0.40, 0.41, 0.60, 0.61]], dtype=torch.float64)
PAST = torch.full_like(H, 0.5)
STEP, M = torch.zeros(1, 5, dtype=torch.long), torch.ones(1, 5, dtype=torch.bool)


def at(step: int) -> torch.Tensor:
    return torch.tensor(step)


@pytest.mark.parametrize(
    ("mode", "loss", "slope"),
    [
        # band .4 to .6 and open: .4 and .6 are outside
        ("constant", [0.1, 0.1, 0.0, 0.1, 0.1], [0.0] * 5),
        ("hinge", [0.001, 0.0, 0.0, 0.0, 0.001], [-0.1, -0.1, 0.0, 0.1, 0.1]),
        ("mask", [-0.039, -0.040, -0.41, -0.060, -0.061], [-0.1, -0.1, -1.0, -0.1, -0.1]),
    ],
)
def test_worked_charges(mode, loss, slope):
    h = H.clone().requires_grad_()
    out = EntropyHistoryBand(mode=mode, coef=1.0)(h, PAST, STEP, M)
    assert out[0].tolist() == pytest.approx(loss, abs=1e-12)
    grad = torch.autograd.grad(out.sum(), h)[0] if out.requires_grad else torch.zeros_like(h)
    assert grad[0].tolist() == pytest.approx(slope)


def test_a_rollout_enters_once_with_all_its_mini_batches():
    band = EntropyHistoryBand(coef=1.0)

    def see(value: float, step: int, rows: int = 1) -> None:
        past = torch.full((rows, 5), value, dtype=torch.float64)
        band(past, past, STEP.expand(rows, -1), M.expand(rows, -1), at(step))

    see(1.0, 0)
    assert band.reference() == [1.0]
    see(2.0, 1, rows=3)
    see(4.0, 1)  # the second mini-batch of the same rollout: mean (3 * 2 + 4) / 4
    assert band.reference() == [pytest.approx((1.0 + 2.5) / 2)]
    see(2.0, 1, rows=3)  # another epoch over the same rows
    see(4.0, 1)
    assert band.reference() == [pytest.approx((1.0 + 2.5) / 2)]
    see(9.0, 2)
    assert band.reference() == [pytest.approx((1.0 + 2.5 + 9.0) / 3)]


def test_steps_are_remembered_apart_and_the_state_goes_on():
    steps = torch.tensor([[0, 0, 1, 1, -1]])
    band = EntropyHistoryBand(coef=1.0)
    past = torch.tensor([[0.2, 0.4, 2.0, 4.0, 50.0]], dtype=torch.float64)
    band(past, past, steps, M, at(0))
    assert band.reference() == pytest.approx([0.3, 3.0])
    late = torch.tensor([[0, 0, 0, 3, 3]])
    band(past, past, late, M, at(1))
    first, second, third, fourth = band.reference()
    assert first == pytest.approx((0.3 + 2.6 / 3) / 2)
    assert (second, math.isnan(third), fourth) == (3.0, True, 27.0)
    other = EntropyHistoryBand(coef=1.0)
    other.load_state_dict(band.state_dict())
    for step in (1, 2):
        again = [x(past, past, steps, M, at(step)).tolist() for x in (band, other)]
        assert again[0] == again[1]
    assert other.state_dict() == band.state_dict()


def test_decisions_outside_all_steps_and_padding_cost_nothing():
    step = torch.tensor([[0, 0, 0, -1, 0]])
    mask = torch.tensor([[True, True, True, True, False]])
    out = EntropyHistoryBand(mode="constant", coef=1.0)(H + 5.0, PAST, step, mask)
    assert out[0].tolist() == pytest.approx([0.1, 0.1, 0.1, 0.0, 0.0])


def test_left_padding_shifts_short_episodes_as_released():
    """Steps 0 and 1 of a horizon of 4 are remembered as steps 2 and 3, zeros before: H above 1.2 * 0 is charged."""
    band = EntropyHistoryBand(mode="constant", align="left_pad", max_steps=4, coef=1.0)
    past = torch.tensor([[0.5, 0.7]], dtype=torch.float64)
    out = band(past, past, torch.tensor([[0, 1]]), torch.ones(1, 2, dtype=torch.bool), at(0))
    assert band.reference() == [0.0, 0.0, 0.5, 0.7]
    assert out[0].tolist() == [0.1, 0.1]
    longer = torch.arange(1.0, 6.0, dtype=torch.float64)[None]
    band(longer, longer, torch.arange(5)[None], M, at(1))
    assert band.reference() == pytest.approx([1.0, 1.5, 2.25, 2.85])  # the first of five steps is cut off


def test_sequence_level_compares_the_mean_of_a_step():
    """Mean .482 lies inside .4 to .6, so no decision is charged; with .3 added each gets the same."""
    band = EntropyHistoryBand(mode="constant", level="sequence", coef=1.0)
    assert not band(H, PAST, STEP, M).any()
    high = EntropyHistoryBand(level="sequence", coef=1.0, penalty=1.0)(H + 0.3, PAST, STEP, M)
    assert high[0].tolist() == pytest.approx([0.182] * 5)


def test_the_constant_charge_is_the_bonus_alone():
    h = H.clone().requires_grad_()
    alone = torch.autograd.grad(entropy_bonus(h, coef=0.2).sum(), h)[0]
    both = entropy_bonus(h, coef=0.2) + EntropyHistoryBand(mode="constant", coef=0.2)(h, PAST, STEP, M)
    assert torch.autograd.grad(both.sum(), h)[0].equal(alone)


def test_no_band_leaves_nothing():
    wide = EntropyHistoryBand(low=0.0, high=math.inf, coef=1.0)
    assert not wide(H, PAST, STEP, M).any()
    with pytest.raises(RecipeError, match="band"):
        EntropyHistoryBand(low=1.2, high=0.8)
