"""Perplexity of reference solutions before and after."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.audits import reference_perplexity
from guerdon.errors import DataError

NAN = float("nan")


def test_padding_and_lengths():
    before = torch.tensor([[-1.0, -3.0], [-4.0, NAN]])  # 2 and 4 nats per token
    after = torch.tensor([[-1.0, -1.0], [-6.0, NAN]])  # 1 and 6
    out = {f.name: f for f in reference_perplexity(after, before)}
    assert out["base perplexity"].effect == pytest.approx(math.exp(3))
    assert out["trained perplexity"].effect == pytest.approx(math.exp(3.5))
    assert out["log perplexity change"].effect == pytest.approx(0.5)
    assert out["share less likely"].effect == 0.5
    # the two changes are -1 and 2: every bootstrap mean lies between
    assert out["log perplexity change"].interval == (-1.0, 2.0)


def test_the_same_model_changes_nothing():
    logp = -torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    out = {f.name: f for f in reference_perplexity(logp, logp)}
    assert out["log perplexity change"].effect == 0.0
    assert out["share less likely"].effect == 0.0


def test_too_few_solutions_say_nothing():
    assert reference_perplexity(torch.tensor([[-1.0]]), torch.tensor([[-2.0]])) == []
    empty = torch.full((3, 2), NAN)
    assert reference_perplexity(empty, empty) == []


def test_tables_of_different_tokens_are_refused():
    with pytest.raises(DataError, match="same tokens"):
        reference_perplexity(torch.tensor([[-1.0, NAN]]), torch.tensor([[-1.0, -1.0]]))
