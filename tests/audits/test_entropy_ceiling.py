"""The ceiling of entropy: exact recovery, coverage of the interval, what is too little, refusals."""

from __future__ import annotations

import pytest
import torch

from guerdon.audits import entropy_ceiling
from guerdon.errors import DataError, RecipeError

H = torch.tensor([0.05, 0.2, 0.5, 1.0], dtype=torch.float64)
R = torch.tensor([0.58974578, 0.55571945, 0.47025575, 0.25634363], dtype=torch.float64)


def by_name(entropy, score, **options):
    return {f.name: f for f in entropy_ceiling(torch.stack([entropy, score]), **options)}


def test_points_on_the_law_give_it_back():
    """R = .8 - .2 e^H: ceiling .6, price .2; left at H = 1: .2 (e - 1)."""
    found = by_name(H, R)
    assert found["ceiling"].effect == pytest.approx(0.6, abs=1e-7)
    assert found["price of entropy"].effect == pytest.approx(0.2, abs=1e-7)
    assert found["left to gain"].effect == pytest.approx(0.2 * (torch.e - 1), abs=1e-7)
    assert found["ceiling"].n == 4


def test_steps_without_a_score_are_left_out():
    nan = torch.tensor([float("nan")], dtype=torch.float64)
    found = by_name(torch.cat([H, nan, H[:1]]), torch.cat([R, nan + 1, nan]))
    assert found["ceiling"].n == 4
    assert found["ceiling"].effect == pytest.approx(0.6, abs=1e-7)


def test_the_interval_holds_the_ceiling_in_95_of_100_runs():
    """400 runs of 12 noisy points: 380 expected, three standard deviations are 13."""
    g = torch.Generator().manual_seed(0)
    h = torch.linspace(0.1, 1.0, 12, dtype=torch.float64)
    hits = 0
    for _ in range(400):
        score = 0.8 - 0.2 * h.exp() + 0.05 * torch.randn(12, generator=g, dtype=torch.float64)
        low, high = by_name(h, score)["ceiling"].interval
        hits += low <= 0.6 <= high
    assert 367 <= hits <= 393


def test_a_score_that_falls_with_entropy_has_a_negative_price():
    found = by_name(H, 0.1 + 0.2 * H.exp())
    assert found["price of entropy"].effect == pytest.approx(-0.2)
    assert found["left to gain"].effect < 0


def test_nothing_to_fit():
    assert by_name(H[:3], R[:3]) == {}
    assert set(by_name(H[:3], R[:3], min_points=3)) == {"ceiling", "price of entropy", "left to gain"}
    assert by_name(torch.full((5,), 0.3), torch.linspace(0, 1, 5)) == {}


def test_refusals():
    with pytest.raises(DataError, match="two series"):
        entropy_ceiling(torch.zeros(3, 5))
    with pytest.raises(RecipeError, match="three points"):
        by_name(H, R, min_points=2)
