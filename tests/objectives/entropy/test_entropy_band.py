"""The entropy band: the hinge and its gradient by hand at each level, change since sampling, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives import aggregate, entropy_band

H = torch.tensor([[0.2, 0.4, 7.0], [0.9, 1.1, 1.3]], dtype=torch.float64)
MASK = torch.tensor([[True, True, False], [True, True, True]])


def hinge(entropy=H, *signals, **options) -> float:
    return aggregate(entropy_band(entropy, MASK, *signals, coef=1.0, **options), MASK).item()


def test_the_mean_of_the_loss_is_the_hinge_on_the_mean_of_the_batch():
    """The mean of .2, .4, .9, 1.1, 1.3 is .78."""
    assert hinge(low=0.0, high=0.5) == pytest.approx(0.28)
    assert hinge(low=1.0, high=2.0) == pytest.approx(0.22)
    assert hinge(low=0.5, high=0.8) == 0.0
    assert hinge(low=-math.inf, high=math.inf) == 0.0


@pytest.mark.parametrize(("low", "high", "sign"), [(0.0, 0.5, 1.0), (1.0, 2.0, -1.0), (0.5, 1.0, 0.0)])
def test_every_decision_carries_the_same_gradient(low, high, sign):
    entropy = H.clone().requires_grad_()
    aggregate(entropy_band(entropy, MASK, low=low, high=high, coef=0.5), MASK).backward()
    torch.testing.assert_close(entropy.grad, torch.where(MASK, sign * 0.5 / 5, 0.0).to(H.dtype))


def test_task_families_have_means_of_their_own():
    """Means .3 and 1.1 over two and three decisions, band .5 to .9: .2 twice of five decisions and .2 three times."""
    domain = torch.tensor([4, 1])
    assert hinge(H, None, domain, low=0.5, high=0.9, level="task") == pytest.approx(0.2)
    assert hinge(H, None, torch.tensor([4, 4]), low=0.5, high=0.9, level="task") == 0.0


def test_single_decisions_may_be_held_in_the_band():
    out = entropy_band(H, MASK, low=0.3, high=1.0, coef=1.0, level="token")
    assert out[0].tolist() == pytest.approx([0.1, 0.0, 0.3])  # the last stands outside the mask
    assert out[1].tolist() == pytest.approx([0.0, 0.1, 0.3])


def test_growth_since_sampling_is_charged():
    """Changes -.1, .1 and 0, .2, -.3: only rises count, .3 over five decisions."""
    old = H - torch.tensor([[-0.1, 0.1, 5.0], [0.0, 0.2, -0.3]], dtype=torch.float64)
    found = hinge(H, old, low=-math.inf, high=0.0, centre="old", level="token")
    assert found == pytest.approx(0.06)
    # the mean change is -.02
    assert hinge(H, old, low=-0.01, high=0.0, centre="old") == pytest.approx(0.01)


@pytest.mark.parametrize("options", [{"low": 2.0}, {"centre": "old"}, {"level": "task"}])
def test_what_cannot_be_computed_is_refused(options):
    with pytest.raises(RecipeError):
        entropy_band(H, MASK, **{"low": 0.0, "high": 1.0, **options})


def test_nothing_to_hold_in_an_empty_batch():
    none = torch.zeros_like(MASK)
    assert aggregate(entropy_band(H, none, low=0.5, high=0.6), none).item() == 0.0
