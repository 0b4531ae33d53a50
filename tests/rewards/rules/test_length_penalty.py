from __future__ import annotations

import math

import pytest
import torch

from guerdon import registry
from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.rewards.rules.length_penalty import length_penalty

LENGTHS = torch.tensor([10, 80, 81, 90, 100, 101, 120])


def test_overlong_ramp_of_20_before_100():
    # (80 - L) / 20 beyond 80
    out = length_penalty(LENGTHS, max_length=100, buffer=20)
    assert out.tolist() == pytest.approx([0, 0, -0.05, -0.5, -1, -1.05, -2])
    floored = length_penalty(LENGTHS, max_length=100, buffer=20, floor=-1.0)
    assert floored.tolist() == pytest.approx([0, 0, -0.05, -0.5, -1, -1, -1])
    assert length_penalty(LENGTHS, max_length=100, buffer=20, factor=0.5)[3].item() == -0.25


def test_overlong_preset_takes_the_limits_of_a_run():
    rule = build(registry.resolve("overlong"), {"max_length": 100, "buffer": 20, "floor": -1.0})
    assert rule({"length": LENGTHS})[-1].item() == -1.0
    paper = build(registry.resolve("overlong"), {})
    assert paper({"length": torch.tensor([16384, 18432, 20480])}).tolist() == [0.0, -0.5, -1.0]


def test_excess_above_300_by_default():
    assert length_penalty(torch.tensor([0, 300, 301, 400])).tolist() == pytest.approx([0, 0, -0.01, -1])


def test_log_of_characters():
    out = length_penalty(torch.tensor([1, 1]), ["a" * 20, ""], form="log", unit="char", slope=2.0)
    assert out.tolist() == pytest.approx([-2 * math.log(20), 0.0])


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(RecipeError, match="completion"):
        length_penalty(LENGTHS, unit="char")
    for buffer in (0, 101):
        with pytest.raises(RecipeError, match="ramp"):
            length_penalty(LENGTHS, max_length=100, buffer=buffer)
