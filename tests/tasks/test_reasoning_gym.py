from __future__ import annotations

import sys

import pytest

from guerdon.errors import DataError, MachineError, RecipeError, UnknownNameError
from guerdon.ops.answers import extract_answer
from guerdon.rewards.verifiers.task_oracle import task_oracle
from guerdon.tasks.reasoning_gym import ReasoningGym

gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")


@pytest.mark.parametrize("answer_format", ["text", "boxed", "tag", "hash"])
def test_demonstrations_score_one(answer_format):
    data = ReasoningGym(dataset="chain_sum", size=30, held_out=10, answer_format=answer_format).load()
    tasks = [*data.train, *data.evaluation]
    assert (len(data.train), len(data.evaluation)) == (30, 10)
    answers = [extract_answer(t.demonstration, data.answer_format) for t in tasks]
    assert task_oracle(answers, tasks).score == [1.0] * 40
    assert set("".join(t.prompt + t.demonstration + t.gold for t in tasks)) == set(data.characters)
    assert all(len(t.demonstration) < data.max_new_tokens for t in tasks)
    assert {t.domain for t in tasks} == {"chain_sum"}


def test_repeated_questions_stay_on_one_side():
    # one-digit sums of two terms: 200 draws from 162 questions repeat many
    config = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    data = ReasoningGym(dataset="chain_sum", size=160, held_out=40, config=config).load()
    train, held = [t.prompt for t in data.train], [t.prompt for t in data.evaluation]
    assert len(train) + len(held) == 200
    assert len(set(train)) < len(train)
    assert held
    assert not set(train) & set(held)


def test_same_seed_same_tasks():
    first, again, other = (ReasoningGym(dataset="leg_counting", size=8, held_out=2, seed=s).load() for s in (1, 1, 2))
    assert first.train == again.train
    assert first.evaluation == again.evaluation
    assert [t.prompt for t in first.train] != [t.prompt for t in other.train]


def test_a_data_set_without_a_single_right_answer():
    data = ReasoningGym(dataset="graph_color", size=3, held_out=0).load()
    assert len(data.evaluation) == 0
    assert all(t.gold is None and t.demonstration is None for t in data.train)
    assert data.max_new_tokens == 64


def test_instruction_and_length():
    data = ReasoningGym(dataset="chain_sum", size=2, held_out=0, instruction=" Go!", max_new_tokens=7).load()
    assert all(t.prompt.endswith("= Go!") for t in data.train)
    assert data.max_new_tokens == 7


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'chain_sum'"):
        ReasoningGym(dataset="chain_sums").load()
    with pytest.raises(UnknownNameError, match="did you mean 'min_terms'"):
        ReasoningGym(dataset="chain_sum", config={"min_term": 2}).load()
    with pytest.raises(UnknownNameError, match="setting of chain_sum 'seed'"):
        ReasoningGym(dataset="chain_sum", config={"seed": 2}).load()


def test_refused_settings_and_sizes():
    with pytest.raises(RecipeError, match="chain_sum refuses its settings"):
        ReasoningGym(dataset="chain_sum", config={"min_terms": 0}).load()
    with pytest.raises(RecipeError, match="positive size"):
        ReasoningGym(dataset="chain_sum", size=0).load()


def test_a_generator_that_breaks_off(monkeypatch):
    def broken(self, index):
        raise RuntimeError("no such puzzle")

    monkeypatch.setattr(gym.factory.DATASETS["chain_sum"][0], "__getitem__", broken)
    with pytest.raises(DataError, match=r"reasoning_gym/chain_sum entry 0: the data set broke off: RuntimeError"):
        ReasoningGym(dataset="chain_sum").load()


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MachineError, match=r"pip install 'guerdon\[tasks\]'"):
        ReasoningGym(dataset="chain_sum").load()
