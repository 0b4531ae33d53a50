"""Prompt-level advantages: the worked batch, what groups without a score do, silence where nothing differs."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import grpo, prompt_level

NAN = float("nan")
GROUP = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
MASK = torch.ones(8, 1, dtype=torch.bool)
R = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.0], dtype=torch.float64)


def test_standardises_the_means_of_the_prompts():
    """Means 1, .5, 0, .25: mean .4375, sample std .42696."""
    out = prompt_level(R, GROUP, MASK, eps=1e-6)[:, 0]
    expected = [1.31746201, 0.14638467, -1.02469268, -0.43915401]
    assert out[::2].tolist() == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(out[1::2], out[::2])


def test_speaks_where_groups_agree():
    agree = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    group, mask = torch.tensor([0, 0, 1, 1]), MASK[:4]
    assert not grpo(agree, group, mask).any()
    # means 1 and 0 have the sample std 1/sqrt 2
    half = 0.5**0.5
    assert prompt_level(agree, group, mask)[:, 0].tolist() == pytest.approx([half, half, -half, -half], rel=1e-5)


def test_permuting_prompts_permutes_advantages():
    order = torch.tensor([6, 7, 0, 1, 4, 5, 2, 3])
    torch.testing.assert_close(prompt_level(R[order], GROUP, MASK), prompt_level(R, GROUP, MASK)[order])


@pytest.mark.parametrize("reward", [torch.full((8,), 0.3), torch.tensor([0.0, 1.0] * 4)])
def test_equal_prompts_say_nothing(reward):
    assert not prompt_level(reward, GROUP, MASK).any()


@pytest.mark.parametrize("value", [0.1, 70.1, 1e4 / 3])
def test_rounding_of_equal_means_is_no_difference(value):
    """Seven, eight and three rows of one reward: in single precision their means differ in the last bit."""
    group = torch.arange(3).repeat_interleave(torch.tensor([7, 8, 3]))
    mask = torch.ones(18, 1, dtype=torch.bool)
    assert not prompt_level(torch.full((18,), value), group, mask).any()
    # the same three rewards in another order
    shuffled = value * torch.tensor([0.1, 0.2, 0.7, 0.7, 0.2, 0.1, 0.2, 0.7, 0.1])
    assert not prompt_level(shuffled, torch.arange(3).repeat_interleave(3), mask[:9]).any()


def test_rows_without_a_score_count_nowhere():
    holed = torch.tensor([1.0, NAN, NAN, NAN, 0.0, 0.0, 0.5, 0.0], dtype=torch.float64)
    out = prompt_level(holed, GROUP, MASK)[:, 0]
    assert out[1:4].tolist() == [0.0, 0.0, 0.0]
    kept = torch.tensor([0, 4, 5, 6, 7])
    torch.testing.assert_close(out[kept], prompt_level(holed[kept], GROUP[kept], MASK[kept])[:, 0])


def test_a_single_scored_prompt_gives_zero():
    assert not prompt_level(torch.tensor([1.0, 0.0, NAN, NAN]), GROUP[:4], MASK[:4]).any()
