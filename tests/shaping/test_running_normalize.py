from __future__ import annotations

import json

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.shaping import RunningNormalize

NAN = float("nan")


def test_published_merge_of_the_first_batch():
    # n = 1e-4, k = 2, mean 2, sample variance 2: total 2.0001, gap 2
    norm = RunningNormalize()
    out = norm(torch.tensor([1.0, 3.0, NAN], dtype=torch.float64))
    total = 2.0001
    mean = 2 * 2 / total
    var = (1e-4 + 2 * 2 + 4 * 1e-4 * 2 / total) / total
    expected = [(1 - mean) / (var**0.5 + 1e-8), (3 - mean) / (var**0.5 + 1e-8)]
    assert out[:2].tolist() == pytest.approx(expected)
    assert torch.isnan(out[2])


def test_pooled_statistics_over_batches():
    norm = RunningNormalize(init=(0.0, 1.0, 0.0), ddof=0)
    norm(torch.tensor([1.0, 2.0], dtype=torch.float64))
    out = norm(torch.tensor([6.0], dtype=torch.float64))  # of 1, 2, 6: mean 3, variance 14/3
    assert out.item() == pytest.approx(3 / (14 / 3) ** 0.5)


def test_minmax_clip_and_threshold():
    r = torch.tensor([0.0, 5.0, 10.0])
    assert RunningNormalize(kind="minmax")(r).tolist() == [0.0, 0.5, 1.0]
    assert RunningNormalize(kind="minmax")(torch.ones(2)).tolist() == [0.0, 0.0]
    clip = RunningNormalize(kind="clip", init=(0.0, 1.0, 0.0), ddof=0)
    spread = (50 / 3) ** 0.5
    assert clip(r).tolist() == pytest.approx([5 - spread, 5.0, 5 + spread])
    assert RunningNormalize(kind="minmax", threshold=0.5)(r).tolist() == [0.0, 0.0, 1.0]


def test_frozen_statistics_stay():
    norm = RunningNormalize(init=(1.0, 4.0, 10.0), frozen=True, eps=0.0)
    assert norm(torch.tensor([5.0, 100.0])).tolist() == [2.0, 49.5]
    assert norm.seen.count == 10.0


def test_resume_continues_exactly():
    first, second = RunningNormalize(), RunningNormalize()
    first(torch.tensor([1.0, 2.0]))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert torch.equal(first(torch.tensor([7.0])), second(torch.tensor([7.0])))


def test_bad_start_is_refused():
    with pytest.raises(RecipeError, match="not negative"):
        RunningNormalize(init=(0.0, -1.0, 0.0))
