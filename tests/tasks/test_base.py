from __future__ import annotations

import pickle

import pytest

from guerdon.errors import DataError
from guerdon.records import Task
from guerdon.tasks.base import Lazy, TaskData, characters_of, generator, rank, split_by_prompt


def number(index: int) -> Task:
    return Task(str(index), f"{index % 20}")


def test_lazy_is_a_sequence():
    tasks = Lazy(5, number)
    assert len(tasks) == 5
    assert [t.id for t in tasks] == ["0", "1", "2", "3", "4"]
    assert tasks[-1] == tasks[4]
    assert [t.id for t in tasks[::2]] == ["0", "2", "4"]
    assert number(3) in tasks
    for index in (5, -6):
        with pytest.raises(IndexError):
            tasks[index]
    assert list(pickle.loads(pickle.dumps(tasks))) == list(tasks)


def test_rank_and_generator_are_the_same_on_every_machine():
    # blake2b of "0\x1ftrain\x1f7", eight bytes, big-endian; getrandbits of a seeded Mersenne twister
    assert rank(0, "train", 7) == 0xD2756EEC38AAC8A6
    assert generator(0, "train", 7).getrandbits(32) == 0xEB86B82D
    assert rank("a", "b") != rank("ab")


def test_split_keeps_repeated_prompts_together():
    tasks = [number(i) for i in range(60)]
    train, evaluation = split_by_prompt(tasks, 0.25, seed=0)
    assert len(train) + len(evaluation) == 60
    assert len(evaluation) == 15  # 5 of 20 prompts, three times each
    assert not {t.prompt for t in train} & {t.prompt for t in evaluation}
    assert split_by_prompt(tasks[::-1], 0.25, seed=0)[1][::-1] == evaluation
    assert {t.prompt for t in split_by_prompt(tasks, 0.25, seed=1)[1]} != {t.prompt for t in evaluation}


def test_split_edges():
    two = [Task("a", "a"), Task("b", "b")]
    assert [len(p) for p in split_by_prompt(two, 0.0, 0)] == [2, 0]
    assert [len(p) for p in split_by_prompt(two, 0.01, 0)] == [1, 1]
    assert [len(p) for p in split_by_prompt(two, 0.99, 0)] == [1, 1]
    assert [len(p) for p in split_by_prompt(two[:1], 0.5, 0)] == [1, 0]


def test_characters_and_empty_data():
    tasks = [Task("1", "ba", gold=("x", {"k": "y"}), demonstration="\n"), Task("2", "a", gold=7)]
    assert characters_of(tasks) == "\n7abxy"
    with pytest.raises(DataError, match="no task to train on"):
        TaskData([], [], "text")
