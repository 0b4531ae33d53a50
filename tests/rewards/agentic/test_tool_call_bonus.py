"""The bonus per turn with a call, its cap and the three ways to apply it."""

from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.records import ToolCall
from guerdon.rewards.agentic.tool_call_bonus import tool_call_bonus


def turns(n: int) -> tuple[ToolCall, ...]:
    return tuple(ToolCall("f", turn=t) for t in range(n))


def test_three_calls_and_the_cap():
    assert tool_call_bonus([turns(3), turns(15), ()]).tolist() == pytest.approx([0.3, 1.0, 0.0])


def test_turns_count_and_not_calls_and_broken_ones_do_not():
    row = (ToolCall("f", turn=1), ToolCall("g", turn=1), ToolCall("", turn=2, ok=False))
    assert tool_call_bonus([row]).tolist() == pytest.approx([0.1])


def test_ways_to_apply():
    rows, right = [turns(2), turns(2), ()], torch.tensor([True, False, True])
    assert tool_call_bonus(rows, right, apply="negative_only").tolist() == pytest.approx([0.0, 0.2, 0.0])
    assert tool_call_bonus(rows, right, apply="any_call").tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(RecipeError, match="depends on the verdict"):
        tool_call_bonus(rows, apply="any_call")
