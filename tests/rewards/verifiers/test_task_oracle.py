from __future__ import annotations

import math
import sys

import pytest

from guerdon.errors import DataError, MachineError
from guerdon.records import Status, Task
from guerdon.rewards.verifiers.task_oracle import task_oracle

gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")


def task(dataset="chain_sum", answer="3", **config):
    entry = {"question": "1 + 2 =", "answer": answer, "metadata": {}}
    return Task("1", "1 + 2 =", fields={"reasoning_gym": {"dataset": dataset, "config": config, "entry": entry}})


def test_the_data_sets_own_score():
    # the data set's rule: right 1, wrong 0, an answer that contains the right one the share of its length (1 of 5)
    assert task_oracle(["3", "4", "not 3"], [task()] * 3).score == [1.0, 0.0, 0.2]


def test_generated_entries_score_one_on_their_own_answer():
    names = ["chain_sum", "leg_counting", "spell_backward", "countdown"]
    tasks = []
    for name in names:
        entry = gym.create_dataset(name, size=1, seed=3)[0]
        tasks.append(Task(name, entry["question"], fields={"reasoning_gym": {"dataset": name, "entry": entry}}))
    v = task_oracle([t.fields["reasoning_gym"]["entry"]["answer"] for t in tasks], tasks)
    assert v.score == [1.0] * 4
    assert v.status == [Status.SCORED] * 4


def test_no_answer_failed():
    v = task_oracle(["", None, "  "], [task()] * 3)
    assert (v.score, v.status, v.reason) == ([0.0] * 3, [Status.FAILED] * 3, ["no answer found"] * 3)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Task("1", "x"), "the task brings no scorer"),
        (task("chain_sums"), "no scorer for 'chain_sums': ValueError: Dataset 'chain_sums' not registered"),
        (task(min_terms=0), "no scorer for 'chain_sum': AssertionError"),
        (task(answer=7), "the scorer raised TypeError"),
    ],
)
def test_our_own_faults_are_unscored_and_never_zero(source, reason):
    v = task_oracle(["3", "4"], [source, task()])
    assert math.isnan(v.score[0])
    assert v.status == [Status.UNSCORED, Status.SCORED]
    assert v.reason[0].startswith(reason)
    assert v.score[1] == 0.0


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan, "high"])
def test_a_score_out_of_range_is_unscored(monkeypatch, value):
    monkeypatch.setattr(gym.factory.DATASETS["chain_sum"][0], "score_answer", lambda *_, **__: value)
    v = task_oracle(["3"], [task()])
    assert v.status == [Status.UNSCORED]
    assert math.isnan(v.score[0])


def test_one_scorer_per_data_set_and_call(monkeypatch):
    made = []
    create = gym.create_dataset
    monkeypatch.setattr(gym, "create_dataset", lambda name, **config: made.append(name) or create(name, **config))
    task_oracle(["3"] * 5, [task(), task(), task(min_terms=3), task("leg_counting"), task()])
    assert made == ["chain_sum", "chain_sum", "leg_counting"]


def test_missing_package_and_lengths(monkeypatch):
    with pytest.raises(DataError, match="one value per signal"):
        task_oracle(["1"], [])
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MachineError, match=r"pip install 'guerdon\[tasks\]'"):
        task_oracle(["1"], [task()])
