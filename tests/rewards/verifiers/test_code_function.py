from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from guerdon.errors import DataError, RecipeError
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.code_function import code_function

CODE = "```python\ndef f(x):\n    return 2 * x\n```"


@dataclass
class Result:
    """A case as the sandbox gives it back."""

    outcome: str
    value: Any = None
    error: str = ""


def task(*pairs, id="t", **tests):
    cases = [{"args": [a], "expected": e} for a, e in pairs]
    return Task(id, "Double x.", fields={"tests": {"entry": "f", "cases": cases, **tests}})


def grade(replies, completions, tasks, **params):
    """The verdict with scripted replies, and the calls that were made."""
    asked: list[Any] = []

    def send(calls):
        asked.extend(calls)
        return [r if isinstance(r, Reply) else Reply(Outcome.DONE, r) for r in replies]

    return *drive(code_function.exchange(completions, tasks, **params), send), asked


def returned(*values):
    return [Result("returned", v) for v in values]


def test_expected_values_never_leave():
    t = task((3, "CANARY"), (4, "CANARY"), preamble="import math\n")
    _, _, _, calls = grade([returned(1, 1)], [CODE], [t], seconds=2.0, memory_mb=64)
    assert "CANARY" not in repr(calls)
    assert calls[0].payload == {
        "source": "import math\ndef f(x):\n    return 2 * x\n", "entry": "f", "fresh": True,
        "cases": [{"args": (3,), "kwargs": {}}, {"args": (4,), "kwargs": {}}],
    }  # fmt: skip
    assert (calls[0].channel, calls[0].program, calls[0].seconds, calls[0].memory_mb) == (
        "sandbox",
        "function",
        2.0,
        64,
    )


@pytest.mark.parametrize(
    ("values", "all_", "fraction"),
    [((6, 8, 10), 1.0, 1.0), ((6, 8, 11), 0.0, 2 / 3), ((6.0, 8, 10), 1.0, 1.0), ((1, 1, 1), 0.0, 0.0),
     ((True, 8, 10), 0.0, 2 / 3), ((math.nan, 8, 10), 0.0, 2 / 3)],
)  # fmt: skip
def test_all_or_a_share_of_the_cases(values, all_, fraction):
    t = task((3, 6), (4, 8), (5, 10))
    for form, score in (("all", all_), ("fraction", fraction)):
        v, passed, credit, _ = grade([returned(*values)], [CODE], [t], form=form)
        assert v.score == [pytest.approx(score)]
        assert v.status == [Status.SCORED]
        assert passed.shape == (1, 1, 3)
        assert torch.equal(credit, passed.float())


def test_the_reason_names_the_first_case_that_failed():
    v, passed, _, _ = grade([returned(6, "eight", None)], [CODE], [task((3, 6), (4, 8), (5, 10))])
    assert v.reason == ["1 of 3 passed; test 2: returned 'eight'"]
    assert passed.tolist() == [[[True, False, False]]]


@pytest.mark.parametrize("outcome", ["raised", "timeout", "memory", "crashed", "not_plain", "too_large"])
def test_a_case_without_a_value_is_not_passed(outcome):
    results = [Result("returned", 6), Result(outcome, error="KeyError: 'x'")]
    v, _, credit, _ = grade([results], [CODE], [task((3, 6), (4, 8))], form="fraction")
    assert (v.score, v.status) == ([0.5], [Status.SCORED])
    assert outcome.replace("_", " ") in v.reason[0]
    assert credit.tolist() == [[[1.0, 0.0]]]


def test_a_program_that_gives_no_value_at_all_is_at_fault():
    results = [Result("raised", error="SyntaxError: invalid syntax")] * 2
    v, _, credit, _ = grade([results], [CODE], [task((3, 6), (4, 8))], form="fraction")
    assert (v.score, v.status) == ([0.0], [Status.FAILED])
    assert "SyntaxError" in v.reason[0]
    assert credit.tolist() == [[[0.0, 0.0]]]


def test_a_case_nobody_could_run_leaves_the_row_open_unless_another_decides():
    results = [Result("returned", 6), Result("unavailable", error="no sandbox")]
    for form in ("all", "fraction"):
        v, passed, credit, _ = grade([results], [CODE], [task((3, 6), (4, 8))], form=form)
        assert v.status == [Status.UNSCORED]
        assert math.isnan(v.score[0])
        assert passed.tolist() == [[[True, False]]]
        assert credit[0, 0, 0] == 1
        assert math.isnan(credit[0, 0, 1])
    wrong = [Result("returned", 7), Result("unavailable", error="no sandbox")]
    assert grade([wrong], [CODE], [task((3, 6), (4, 8))], form="all")[0].score == [0.0]
    assert math.isnan(grade([wrong], [CODE], [task((3, 6), (4, 8))], form="fraction")[0].score[0])


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DONE])
def test_whose_fault_a_missing_reply_is(outcome):
    reply = Reply(outcome, reason="why")
    v, _, credit, _ = grade([reply], [CODE], [task((3, 6))])
    assert v.status == [Status.FAILED if reply.theirs else Status.UNSCORED]
    assert v.reason == [f"{outcome}: why"]
    assert bool(torch.isnan(credit).all()) is not reply.theirs


def test_rows_of_different_tasks():
    tasks = [task((3, 6), id="a"), task((3, 6), (4, 8), id="b"), Task("c", "?"), task((3, 6), (4, 8), id="b")]
    v, passed, credit, calls = grade([returned(6), returned(6, 9)], [CODE, CODE, CODE, ""], tasks, form="fraction")
    assert len(calls) == 2
    assert [s.name for s in v.status] == ["SCORED", "SCORED", "UNSCORED", "FAILED"]
    assert v.score[:2] == [1.0, 0.5]
    assert v.reason[2:] == ["the task has no tests", "no program found"]
    assert passed[:, 0].tolist() == [[True, False], [True, False], [False, False], [False, False]]
    # NaN says where there is no such test: the first task has one, the third none
    assert torch.isnan(credit[:, 0]).tolist() == [[False, True], [False, False], [True, True], [False, False]]


def test_no_call_without_need():
    v, passed, _, calls = grade([], ["", None], [task((3, 6)), task((3, 6))])
    assert calls == []
    assert v.status == [Status.FAILED] * 2
    assert passed.tolist() == [[[False]], [[False]]]


def test_python_literals_say_what_json_cannot():
    cases = [
        {"args": "((1, 2), {3})", "expected": "(1, {2: b'x'})"},
        {"args": "()", "kwargs": "{'k': 1j}", "expected": "None"},
    ]
    t = Task("t", "", fields={"tests": {"entry": "f", "literals": True, "cases": cases}})
    v, _, _, calls = grade([returned((1, {2: b"x"}), None)], [CODE], [t], sequences="same")
    assert v.score == [1.0]
    assert calls[0].payload["cases"] == [{"args": ((1, 2), {3}), "kwargs": {}}, {"args": (), "kwargs": {"k": 1j}}]


def test_lists_tuples_and_tolerance_are_parameters():
    t = task((1, [0.3, 2]))
    assert grade([returned((0.1 + 0.2, 2))], [CODE], [t])[0].score == [1.0]
    assert grade([returned((0.1 + 0.2, 2))], [CODE], [t], sequences="same")[0].score == [0.0]
    assert grade([returned((0.1 + 0.2, 2))], [CODE], [t], tolerance=0.0)[0].score == [0.0]


def test_an_exception_can_be_what_is_expected():
    cases = [{"args": [-1], "raises": "ValueError"}] * 4
    t = Task("t", "", fields={"tests": {"entry": "f", "cases": [*cases, {"args": [1], "expected": 2}]}})
    results = [Result("raised", error="ValueError: no"), Result("raised", error="ValueErrors: no"),
               Result("returned", "ValueError"), Result("crashed", error="ValueError"),
               Result("returned", 2)]  # fmt: skip
    assert grade([results], [CODE], [t])[1].tolist() == [[[True, False, False, False, True]]]


def test_a_program_that_raises_while_it_loads_raises_nothing_on_purpose():
    cases = [{"args": [-1], "raises": "ValueError"}, {"args": [1], "expected": 2}]
    t = Task("t", "", fields={"tests": {"entry": "f", "cases": cases}})
    v, passed, _, _ = grade([[Result("raised", error="ValueError: no")] * 2], [CODE], [t], form="fraction")
    assert (v.score, passed.tolist()) == ([0.0], [[[False, False]]])


def test_a_weak_isolation_is_told_with_every_row():
    reply = Reply(Outcome.DONE, returned(6), "isolation level 1")
    assert grade([reply], [CODE], [task((3, 6))])[0].reason == ["isolation level 1"]


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"tests": None}, {"tests": {"entry": "f", "cases": [{"args": [], "raises": "E"}]}},
        {"tests": {"entry": "f"}}, {"tests": {"entry": "f", "cases": []}},
        {"tests": {"cases": [{"args": [1], "expected": 1}]}}, {"tests": {"entry": "f", "cases": [{"args": [1]}]}},
        {"tests": {"entry": "f", "cases": [{"args": 1, "expected": 1}]}},
        {"tests": {"entry": "f", "cases": [{"args": [object()], "expected": 1}]}},
        {"tests": {"entry": "f", "cases": [{"args": [1], "expected": math.nan}]}},
        {"tests": {"entry": "f", "cases": [{"args": [1], "expected": 1, "raises": "E"}]}},
        {"tests": {"entry": "f", "literals": True, "cases": [{"args": "(f(),)", "expected": "1"}]}},
        {"tests": {"entry": "f", "preamble": 3, "cases": [{"args": [1], "expected": 1}]}},
    ],
)  # fmt: skip
def test_tests_that_cannot_be_used_are_our_fault(fields):
    v, _, _, calls = grade([], [CODE], [Task("t", "", fields=fields)])
    assert v.status == [Status.UNSCORED]
    assert v.reason[0]
    assert calls == []


def test_a_sandbox_that_loses_a_case_is_not_believed():
    v, _, credit, _ = grade([returned(6)], [CODE], [task((3, 6), (4, 8))])
    assert v.status == [Status.UNSCORED]
    assert bool(torch.isnan(credit).all())


@pytest.mark.parametrize("value", [10**5000, [10**5000], "x" * 10**6, list(range(10**5))], ids=range(4))
def test_a_value_too_large_to_show_is_judged_like_any_other(value):
    v = grade([returned(value, 8)], [CODE], [task((3, 6), (4, 8))], form="fraction")[0]
    assert v.score == [0.5]
    assert len(v.reason[0]) < 120


def test_errors():
    with pytest.raises(RecipeError, match="positive"):
        code_function([CODE], [task((1, 2))], seconds=0)
    with pytest.raises(RecipeError, match="positive"):
        code_function([CODE], [task((1, 2))], memory_mb=-1)
    with pytest.raises(DataError, match="one value per signal"):
        code_function([CODE], [])
