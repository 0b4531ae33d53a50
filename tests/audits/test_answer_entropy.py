"""Entropies by hand, and the toy in which tokens stay random while the answer does not."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.audits import answer_entropy
from guerdon.errors import DataError


def effects(answers, groups, source, entropy=None, mask=None, **options):
    mask = torch.ones(len(answers), 1, dtype=torch.bool) if mask is None else mask
    found = answer_entropy(answers, torch.tensor(groups), source, mask, entropy, **options)
    return {f.name: f.effect for f in found}


def test_five_three_two_and_the_ends():
    base = ["a"] * 5 + ["b"] * 3 + ["c"] * 2
    trained = [str(i) for i in range(10)]
    out = effects([*base, *trained], [0] * 20, ["base"] * 10 + ["rl"] * 10)
    assert out["base answer entropy"] == pytest.approx(1.02965301, abs=1e-8)  # -(.5 ln .5 + .3 ln .3 + .2 ln .2)
    assert out["trained answer entropy"] == pytest.approx(math.log(10))
    assert out["change of answer entropy"] == pytest.approx(math.log(10) - 1.02965301, abs=1e-8)


def test_many_ways_of_writing_one_answer():
    # 2^m equally likely paths to one answer: ln 2 per decision, no entropy of the answer
    entropy = torch.full((8, 3), math.log(2), dtype=torch.float64)
    entropy[:4] = 0.0
    out = effects(["x", "y", "x", "y", *["x"] * 4], [0] * 8, ["base"] * 4 + ["rl"] * 4, entropy,
                  torch.ones(8, 3, dtype=torch.bool))  # fmt: skip
    assert out["change of answer entropy"] == pytest.approx(-math.log(2))
    assert out["change of token entropy"] == pytest.approx(math.log(2))


def test_problems_weigh_the_same_whatever_their_samples_and_lengths():
    entropy = torch.tensor([[1.0, 1.0, 1.0], [3.0, 9.0, 9.0], [1.0, 1.0, 1.0], [3.0, 9.0, 9.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]] * 2)
    out = effects(["a"] * 4, [0, 1, 0, 1], ["base", "base", "rl", "rl"], entropy, mask)
    assert out["base token entropy"] == pytest.approx(2.0)  # (1 + 3) / 2, not the mean 1.5 over decisions


def test_rows_without_an_answer_are_one_class():
    out = effects([None, "", "a", "a"], [0, 0, 0, 0], ["base", "base", "rl", "rl"])
    assert out["base answer entropy"] == 0.0


def test_models_that_share_no_problem_are_refused():
    with pytest.raises(DataError, match="no problem"):
        effects(["a", "a"], [0, 1], ["base", "rl"])
