"""What is stored, for how long, when and how much is replayed; the state on disk and back."""

from __future__ import annotations

import json

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.records import ToolCall
from guerdon.selection import ReplayBuffer
from guerdon.selection.replay_buffer import Stored


def row(step: int, reward: float = 1.0) -> Stored:
    return Stored(step, 0, torch.tensor([9]), torch.tensor([1, 2]), torch.tensor([-0.1, -1 / 3]), torch.ones(2), reward)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_rows_of_the_last_steps_stay():
    buffer = ReplayBuffer(size=32, max_age=5)
    for step in range(1, 13):
        buffer.store([row(step)], step)
    # newest 12, five steps back: 8 to 12
    assert [r.step for r in buffer.rows] == [8, 9, 10, 11, 12]


def test_the_oldest_go_when_it_is_full():
    buffer = ReplayBuffer(size=2, trigger=1.0, capacity=3)
    buffer.store([row(1, reward=float(i)) for i in range(5)], 1)
    assert [r.reward for r in buffer.rows] == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(("good", "used"), [(13, 8), (16, 16), (40, 16), (3, 2), (1, 0), (0, 0)])
def test_a_power_of_two_up_to_the_size(good, used):
    buffer = ReplayBuffer(size=16, trigger=0.01)
    assert len(buffer.choose([1.0] * good + [0.0] * 5, generator())) == used


def test_nothing_before_enough_rows_are_good():
    buffer = ReplayBuffer(size=8)
    assert buffer.choose([1.0] * 12 + [-1.0] * 50, generator()) == []  # 12 is not more than 1.5 * 8
    chosen = buffer.choose([-1.0] * 50 + [1.0] * 13, generator())
    assert len(chosen) == 8
    assert min(chosen) >= 50
    assert len(set(chosen)) == 8


def test_only_good_scored_rows_with_a_call_are_worth_storing():
    advantage = torch.tensor([[1.0, 1.0], [-3.0, 1.0], [1.0, -9.0], [1.0, 1.0], [1.0, 1.0]])
    mask = torch.tensor([[True, True]] * 2 + [[True, False]] + [[True, True]] * 2)
    reward = torch.tensor([1.0, 1.0, 1.0, float("nan"), 1.0])
    calls = [(ToolCall("f"),)] * 4 + [(ToolCall("", ok=False),)]
    assert ReplayBuffer().worth(advantage, mask, reward, calls) == [0, 2]
    assert ReplayBuffer(require_tool=False).worth(advantage, mask, reward, None) == [0, 2, 4]


def test_the_state_survives_json():
    buffer, again = ReplayBuffer(), ReplayBuffer()
    buffer.store([row(3), row(3, 0.1)], 3)
    again.load_state_dict(json.loads(json.dumps(buffer.state_dict())))
    for a, b in zip(buffer.rows, again.rows, strict=True):
        assert torch.equal(a.logp, b.logp)
        assert torch.equal(a.tokens, b.tokens)
        assert (a.step, a.reward) == (b.step, b.reward)


def test_what_is_refused():
    for options in ({"size": 1}, {"trigger": 0.0}, {"max_age": 0}, {"size": 8, "capacity": 12}):
        with pytest.raises(RecipeError, match="sizes"):
            ReplayBuffer(**options)
