"""STEER's weight: changes and weights by hand, both shapes, the floor, what keeps and what loses weight, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.entropy import entropy_change_weight
from guerdon.ops.entropy_steps import scalar_change

HALF = math.log(0.5)


def of_changes(sizes: list[float], **options) -> list[float]:
    """Weights of decisions whose change has these sizes."""
    n = len(sizes)
    lp = torch.full((1, n), HALF, dtype=torch.float64)
    # A / p_old * p * (1 - p) * (ln p + H) = A / 2 at H = 1 + ln 2
    entropy = torch.full_like(lp, 1.0 - HALF)
    advantage = 2.0 * torch.tensor([sizes], dtype=torch.float64)
    return entropy_change_weight(lp, lp, entropy, advantage, torch.ones(1, n, dtype=torch.bool), **options)[0].tolist()


@pytest.mark.parametrize(
    ("p", "h", "change"), [(0.9, 0.3, 0.0194639484), (0.1, 1.0, -1.1723265837), (math.exp(-1.0), 1.0, 0.0)]
)
def test_the_change_on_policy(p, h, change):
    """(1 - p)(ln p + H); at p = e^-H the decision is neither common nor rare."""
    lp = torch.tensor(math.log(p), dtype=torch.float64)
    h = torch.tensor(h, dtype=torch.float64)
    assert scalar_change(lp, lp, h, torch.tensor(1.0)).item() == pytest.approx(change, abs=1e-10)


def test_exponential_weights():
    """k = -ln .8 / .2: weight .8 ** (change / .2); with changes up to .01 the floor .02 stands in its place."""
    assert of_changes([0.0, 0.05, 0.2]) == pytest.approx([1.0, 0.94574161, 0.8])
    assert of_changes([0.0, -0.05, 0.2]) == pytest.approx([1.0, 0.94574161, 0.8])
    assert of_changes([0.0, 0.005, 0.01]) == pytest.approx([1.0, 0.94574161, 0.89442719])
    assert of_changes([0.0, 0.005, 0.01], floor=0.005) == pytest.approx([1.0, 0.89442719, 0.8])


def test_linear_weights():
    ends = {"mode": "linear", "w_min": 0.8, "w_max": 1.2}
    assert of_changes([0.0, 0.05, 0.2], **ends) == pytest.approx([1.2, 1.1, 0.8])
    assert of_changes([0.3, 0.3], **ends) == pytest.approx([1.0, 1.0])


def test_no_advantage_keeps_full_weight_and_padding_has_none():
    lp = torch.tensor([[-1.0, -2.0, -3.0]])
    mask = torch.tensor([[True, True, False]])
    assert entropy_change_weight(lp, lp, -lp / 2, torch.zeros_like(lp), mask).tolist() == [[1.0, 1.0, 0.0]]
    none = torch.zeros_like(mask)
    assert entropy_change_weight(lp, lp, -lp, torch.ones_like(lp), none).tolist() == [[0.0, 0.0, 0.0]]


def test_a_scale_of_the_advantage_does_not_matter_above_the_floor():
    assert of_changes([0.1, 0.3, 0.9]) == pytest.approx(of_changes([0.4, 1.2, 3.6]))
    assert of_changes([0.001, 0.003]) != pytest.approx(of_changes([0.1, 0.3]))


def test_full_smallest_weight_is_no_weight():
    assert of_changes([0.0, 0.05, 0.2], w_min=1.0) == [1.0, 1.0, 1.0]


def test_the_exponent_of_the_derivation():
    """(1 - p)^2 at p = 1/2 halves every change, which the largest one divides out."""
    lp = torch.log(torch.tensor([[0.5, 0.9]], dtype=torch.float64))
    one = scalar_change(lp, lp, torch.ones_like(lp), torch.ones_like(lp))
    two = scalar_change(lp, lp, torch.ones_like(lp), torch.ones_like(lp), 2.0)
    assert (two / one)[0].tolist() == pytest.approx([0.5, 0.1])
    assert of_changes([0.1, 0.3], power=2.0) == pytest.approx(of_changes([0.1, 0.3]))


def test_the_ratio_counts():
    """Off-policy the change grows with p / p_old."""
    lp, old = torch.tensor(HALF, dtype=torch.float64), torch.tensor(math.log(0.25), dtype=torch.float64)
    h = torch.tensor(1.0 - HALF, dtype=torch.float64)
    assert scalar_change(lp, old, h, torch.tensor(1.0)).item() == pytest.approx(1.0)


def test_a_value_that_is_not_finite_is_not_hidden():
    lp = torch.tensor([[-1.0, -2.0]])
    broken = torch.tensor([[1.0, float("nan")]])
    assert torch.isnan(entropy_change_weight(lp, lp, -lp, broken, torch.ones_like(lp, dtype=torch.bool))).all()


@pytest.mark.parametrize(
    "options",
    [{"w_min": 0.0}, {"w_min": 1.5}, {"w_max": 1.2}, {"floor": 0.0}, {"power": -1.0},
     {"mode": "linear", "w_min": 1.0, "w_max": 0.5}],
)  # fmt: skip
def test_ends_out_of_range_are_refused(options):
    with pytest.raises(RecipeError):
        of_changes([0.1, 0.2], **options)
