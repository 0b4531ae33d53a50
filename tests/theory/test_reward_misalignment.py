"""Misalignment under random labels: the study's numbers, every draw counted, edges, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import DataError, RecipeError
from guerdon.theory import reward_misalignment


def of(correct, size, p=0.5):
    found = reward_misalignment(torch.tensor([correct]), torch.tensor([size]), p=p)
    return found.mass.item(), found.mean.item(), found.variance.item()


def every_draw(right, size, p):
    """Mean and variance of the loss of mass over all numbers of wrong labels."""
    wrong = size - right
    draws = [
        (math.comb(wrong, f) * p**f * (1 - p) ** (wrong - f) * math.comb(right, g) * (1 - p) ** g * p ** (right - g),
         (g * wrong + f * right) / size)
        for f in range(wrong + 1) for g in range(right + 1)
    ]  # fmt: skip
    mean = sum(w * d for w, d in draws)
    return mean, sum(w * (d - mean) ** 2 for w, d in draws)


@pytest.mark.parametrize(("right", "mean", "variance"), [(2, 1.75, 0.4375), (8, 4.0, 1.0), (14, 1.75, 0.4375)])
def test_groups_of_sixteen(right, mean, variance):
    assert of(right, 16) == (mean, mean, variance)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize(("right", "size"), [(3, 4), (12, 16), (5, 7)])
def test_every_draw_of_labels_counted(right, size, p):
    assert of(right, size, p)[1:] == pytest.approx(every_draw(right, size, p))


def test_the_mass_is_the_sum_of_centred_true_rewards():
    """Three of four right: each right sample has 1 - 3/4."""
    assert of(3, 4)[0] == pytest.approx(3 * 0.25)


def test_nothing_to_lose_where_all_agree_and_no_noise_in_certain_labels():
    assert of(0, 8) == of(8, 8) == (0.0, 0.0, 0.0)
    assert of(3, 8, p=1.0)[2] == 0.0


@pytest.mark.parametrize(("right", "size"), [(5, 4), (-1, 4), (0, 0)])
def test_impossible_groups_are_refused(right, size):
    with pytest.raises(DataError, match="group 0"):
        of(right, size)


def test_a_rate_is_a_probability():
    with pytest.raises(RecipeError, match="probability"):
        of(1, 2, p=1.5)
