"""The discriminator's band: values by hand, both centres, the sign of the advantage, no band, no spread, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.entropy import discriminator_clip
from guerdon.ops.entropy_steps import discriminant, mean_discriminant

P = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
H = -(P * P.log()).sum()
TAKEN = torch.tensor([[0.7, 0.2, 0.1, 0.2]], dtype=torch.float64)
ENTROPY = H.expand(1, 4)
UP = torch.ones(1, 4, dtype=torch.float64)
M = torch.ones(1, 4, dtype=torch.bool)
COLLISION = (P * P).sum().expand(1, 4)
COLLISION_LOGP = (P * P * P.log()).sum().expand(1, 4)


def kept(advantage=UP, mask=M, **options) -> list[bool]:
    return discriminator_clip(TAKEN.log(), ENTROPY, advantage, mask, COLLISION, COLLISION_LOGP, **options)[0].tolist()


def test_values_of_a_policy_of_three():
    """H = .80181855; the values add up to 0 over the vocabulary, their mean under the policy is .17080793."""
    s = discriminant(P.log(), H)
    assert s.tolist() == pytest.approx([0.31160053, -0.16152387, -0.15007665], abs=1e-8)
    assert s.sum().item() == pytest.approx(0.0, abs=1e-12)
    mean = mean_discriminant(H, COLLISION[0, 0], COLLISION_LOGP[0, 0])
    assert mean.item() == pytest.approx(0.17080793, abs=1e-8)
    assert (P * s).sum().item() == pytest.approx(mean.item())


def test_edges_of_the_discriminant():
    """Certain decisions and uniform policies have none: p = 1 at H = 0, p = 1/V at H = ln V."""
    lp = torch.log(torch.tensor([1.0, 0.125], dtype=torch.float64))
    h = torch.tensor([0.0, math.log(8)], dtype=torch.float64)
    assert discriminant(lp, h).tolist() == pytest.approx([0.0, 0.0], abs=1e-15)


def test_the_batch_centre():
    """D = .352, -.121, -.110, -.121 with deviation .2033: 1.73, -.596, -.539, -.596 standard deviations."""
    assert kept() == [False, True, True, True]
    assert kept(high=1.8) == [True] * 4
    assert kept(high=math.inf, low=0.55) == [True, False, True, False]


def test_the_vocabulary_centre():
    """S - E S = .141, -.332, -.321, -.332; the deviation .2033 is the same: .69, -1.63, -1.58, -1.63."""
    assert kept(center="vocab") == [True] * 4
    assert kept(center="vocab", high=0.6, low=1.6) == [False, False, True, False]


def test_the_band_acts_on_the_chosen_sign():
    down = torch.tensor([[-1.0, 1.0, -1.0, 1.0]], dtype=torch.float64)
    assert kept(down, side="positive") == [True] * 4
    assert kept(down, side="negative") == [False, True, True, True]
    assert kept(down, side="positive", high=math.inf, low=0.55) == [True, False, True, False]
    assert kept(torch.zeros_like(UP), side="positive") == [True] * 4


def test_the_batch_centre_does_not_see_a_shift_and_the_vocabulary_centre_does():
    """A deeper E[S] by .2 moves every decision by a whole standard deviation."""
    shifted = discriminator_clip(
        TAKEN.log(), ENTROPY, UP, M, COLLISION, COLLISION_LOGP - 0.2, center="vocab", high=1.0
    )  # fmt: skip
    assert shifted[0].tolist() == [False, True, True, True]
    alone = discriminator_clip(TAKEN.log(), ENTROPY, UP, M)
    assert alone.equal(discriminator_clip(TAKEN.log(), ENTROPY, UP, M, COLLISION, COLLISION_LOGP - 0.2))


def test_without_bounds_or_spread_nothing_is_dropped():
    assert kept(high=math.inf) == [True] * 4
    one = torch.tensor([[True, False, False, False]])
    assert kept(mask=one, high=0.0, low=0.0) == one[0].tolist()
    assert kept(mask=one, center="vocab", high=0.0) == one[0].tolist()
    none = torch.zeros_like(M)
    assert kept(mask=none) == none[0].tolist()


def test_padding_does_not_move_the_band():
    pad = torch.full((1, 2), torch.nan, dtype=torch.float64)
    found = discriminator_clip(
        torch.cat([TAKEN.log(), pad], 1), torch.cat([ENTROPY, pad], 1), torch.cat([UP, pad], 1),
        torch.tensor([[True] * 4 + [False] * 2]),
    )  # fmt: skip
    assert found[0].tolist() == [False, True, True, True, False, False]


def test_refusals():
    with pytest.raises(RecipeError, match="collision"):
        discriminator_clip(TAKEN.log(), ENTROPY, UP, M, center="vocab")
    with pytest.raises(RecipeError, match="at least 0"):
        kept(low=-1.0)
