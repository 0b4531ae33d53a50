from __future__ import annotations

import json
import math

import pytest

from guerdon.errors import DataError, MachineError, RecipeError
from guerdon.outside import drive
from guerdon.programs import reasoning_gym as program
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.task_oracle import task_oracle

gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")


def task(dataset="chain_sum", answer="3", **config):
    entry = {"question": "1 + 2 =", "answer": answer, "metadata": {}}
    return Task("1", "1 + 2 =", fields={"reasoning_gym": {"dataset": dataset, "config": config, "entry": entry}})


def generated(name, **config):
    entry = gym.create_dataset(name, size=1, seed=3, **config)[0]
    return Task(name, entry["question"], fields={"reasoning_gym": {"dataset": name, "config": config, "entry": entry}})


def entry_of(t):
    return t.fields["reasoning_gym"]["entry"]


def here(answers, tasks, sent=None, **hyper):
    """The verdict with the program run in this process, on payloads that went through JSON."""

    def answered(calls):
        if sent is not None:
            sent.extend(calls)
        return [Reply(Outcome.DONE, program.score(json.loads(json.dumps(c.payload)))) for c in calls]

    return drive(task_oracle.exchange(answers, tasks, **hyper), answered)


def with_reply(reply):
    return drive(task_oracle.exchange(["3"], [task()]), lambda calls: [reply])


def test_the_data_sets_own_score():
    # the data set's rule: right 1, wrong 0, an answer that contains the right one the share of its length (1 of 5)
    assert here(["3", "4", "not 3"], [task()] * 3).score == [1.0, 0.0, 0.2]


def test_in_a_worker():
    tasks = [generated(n) for n in ("chain_sum", "leg_counting", "spell_backward", "countdown", "arc_agi")]
    v = task_oracle([*(entry_of(t)["answer"] for t in tasks), "x", ""], [*tasks, task("chain_sums"), task()])
    assert v.score[:5] == [1.0] * 5
    assert v.status == [Status.SCORED] * 5 + [Status.UNSCORED, Status.FAILED]


@pytest.mark.nightly
def test_every_data_set_scores_in_a_worker_as_in_this_process():
    from reasoning_gym.factory import DATASETS

    checked = 0
    for name in sorted(set(DATASETS) - {"composite", "boxnet"}):  # these need settings, or do not generate
        t, source = generated(name), gym.create_dataset(name)
        own = entry_of(t)["answer"]
        for answer in (own if isinstance(own, str) else "5", "7", "x y"):
            v = task_oracle([answer], [t])
            try:
                wanted = float(source.score_answer(answer, entry_of(t)))
            except Exception:
                assert v.status[0] in (Status.FAILED, Status.UNSCORED), name
                continue
            assert v.score == [wanted], name
            checked += 1
    assert checked > 200


def test_grids_that_were_stored_as_lists():
    t = generated("arc_agi")
    assert here([entry_of(t)["answer"]], [t]).score == [1.0]


def test_no_answer_failed():
    v = here(["", None, "  "], [task()] * 3, sent := [])
    assert (v.score, v.status, v.reason) == ([0.0] * 3, [Status.FAILED] * 3, ["no answer found"] * 3)
    assert sent == []


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
    v = here(["3", "4"], [source, task()])
    assert math.isnan(v.score[0])
    assert v.status == [Status.UNSCORED, Status.SCORED]
    assert v.reason[0].startswith(reason)
    assert v.score[1] == 0.0


def test_an_answer_that_breaks_a_working_scorer_failed():
    # this scorer turns the factors into numbers; breaking it must not pay more than a wrong answer
    t = generated("prime_factorization")
    v = here([entry_of(t)["answer"], "x"], [t, t])
    assert v.score == [1.0, 0.0]
    assert v.status == [Status.SCORED, Status.FAILED]
    assert v.reason[1].startswith("the scorer raised ValueError")


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan])
def test_a_score_out_of_range_is_unscored(value):
    v = with_reply(Reply(Outcome.DONE, {"score": value}))
    assert v.status == [Status.UNSCORED]
    assert math.isnan(v.score[0])


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.TIMEOUT, Status.FAILED), (Outcome.UNAVAILABLE, Status.UNSCORED)]
)
def test_what_did_not_come_back(outcome, status):
    assert with_reply(Reply(outcome, reason="over 5 s")).status == [status]


def test_exhaustion_is_left_to_the_pool(monkeypatch):
    def deep(*_):
        raise RecursionError

    monkeypatch.setattr(program, "_scorer", lambda *_: deep)
    with pytest.raises(RecursionError):
        here(["3"], [task()])


def test_equal_rows_are_asked_once_and_scorers_are_kept(monkeypatch):
    program._scorer.cache_clear()
    made = []
    create = gym.create_dataset
    monkeypatch.setattr(gym, "create_dataset", lambda name, **config: made.append(name) or create(name, **config))
    one, other = task(), task(min_terms=3)
    tasks = [one, one, one, other, task("leg_counting"), other]
    v = here(["3", "3", "4", "3", "3", "4"], tasks, sent := [], seconds=2.0)
    assert v.score == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    assert [c.seconds for c in sent] == [2.0] * 5
    assert made == ["chain_sum", "chain_sum", "leg_counting"]


def test_missing_package_lengths_and_limits(monkeypatch):
    with pytest.raises(DataError, match="one value per signal"):
        here(["1"], [])
    with pytest.raises(RecipeError, match="positive"):
        here(["1"], [task()], seconds=0.0)
    monkeypatch.setattr(program, "reasoning_gym", None)
    monkeypatch.setattr(program, "MISSING", "No module named 'reasoning_gym'", raising=False)
    with pytest.raises(MachineError, match=r"pip install 'guerdon\[tasks\]'"):
        here(["1"], [task()])


def test_the_cascade_of_newer_versions():
    pytest.importorskip("math_verify")
    from guerdon.programs import cascade

    answers = ["100", r"\text{101}", "110", r"\frac{202}{2}", "101"]
    tasks = [task(answer="101")] * len(answers)
    sent = []

    def answered(calls):
        sent.extend(calls)
        return [Reply(Outcome.DONE, cascade.score(json.loads(json.dumps(c.payload)))) for c in calls]

    v = drive(task_oracle.exchange(answers, tasks, cascade=True), answered)
    assert v.score == [1.0, 1.0, 0.0, 1.0, 1.0]  # 100 is within 1 % of 101, 110 is not
    assert {c.program for c in sent} == {"cascade.score"}
    # the data set's own rule: 101 inside \text{101} is paid by its share of 10 characters
    assert here(answers, tasks).score == [0.0, 0.3, 0.0, 0.0, 1.0]
