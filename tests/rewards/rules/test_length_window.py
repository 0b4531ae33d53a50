"""Length windows: the trapezoid by hand, families of tasks, wrong answers, refusals."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.records import Task
from guerdon.rewards.rules.length_window import length_window

LENGTH = torch.tensor([0, 6, 8, 10, 12, 15, 17, 19, 400])
RIGHT = torch.ones(9, dtype=torch.bool)


def test_one_inside_and_a_ramp_of_four_on_both_sides():
    out = length_window(LENGTH, RIGHT, low=10, high=15, margin=4)
    assert out.tolist() == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0])


def test_hard_edges_and_open_ends():
    assert length_window(LENGTH, RIGHT, low=10, high=15).tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    short = length_window(LENGTH, RIGHT, low=0, high=8, margin=4)
    assert short.tolist() == pytest.approx([1, 1, 1, 0.5, 0, 0, 0, 0, 0])
    assert length_window(LENGTH, RIGHT, low=10, high=float("inf"), margin=1.0)[-1] == 1.0


def test_wrong_answers_get_nothing_at_any_length():
    assert not length_window(LENGTH, ~RIGHT, low=0, high=1000, margin=5).any()


def test_families_of_tasks_have_windows_of_their_own():
    tasks = [Task(str(i), "p", domain=d) for i, d in enumerate(["glance", "chain", "other"])]
    n, ok = torch.tensor([12, 12, 12]), RIGHT[:3]
    out = length_window(n, ok, tasks, low=12, high=12, windows={"glance": (1, 4), "chain": (10, 50)}, margin=16)
    assert out.tolist() == pytest.approx([0.5, 1.0, 1.0])


@pytest.mark.parametrize(
    "options",
    [
        {"low": 5, "high": 4},
        {"low": 0, "high": 4, "margin": -1.0},
        {"low": 0, "high": 4, "windows": {"a": (1, 2)}},
        {"low": 0, "high": 4, "windows": {"a": (3, 2)}},
    ],
)
def test_windows_that_make_no_sense_are_refused(options):
    with pytest.raises(RecipeError):
        length_window(LENGTH, RIGHT, **options)
