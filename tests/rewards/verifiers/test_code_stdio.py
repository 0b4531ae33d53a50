from __future__ import annotations

from dataclasses import dataclass

import pytest

from guerdon.errors import UnknownNameError
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.code_stdio import code_stdio

CODE = "```python\nprint(sum(map(int, input().split())))\n```"


@dataclass
class Result:
    """A run as the sandbox gives it back."""

    outcome: str = "exited"
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = 0
    error: str = ""


def task(*pairs, **tests):
    return Task("t", "Add.", fields={"tests": {"cases": [{"stdin": i, "stdout": o} for i, o in pairs], **tests}})


def grade(results, t, **params):
    calls = []

    def send(asked):
        calls.extend(asked)
        return [Reply(Outcome.DONE, results)]

    return *drive(code_stdio.exchange([CODE], [t], **params), send), calls


def test_expected_output_never_leaves():
    t = task(("1 2", "CANARY"))
    v, passed, _, calls = grade([Result(stdout="3\n")], t, seconds=2.0)
    assert "CANARY" not in repr(calls)
    assert calls[0].payload["cases"] == [{"stdin": "1 2", "argv": []}]
    assert (v.score, v.status, v.reason) == ([0.0], [Status.SCORED], ["0 of 1 passed; test 1: printed '3\\n'"])
    assert passed.tolist() == [[[False]]]


def test_a_program_that_fails_after_the_right_output_has_not_passed():
    results = [Result(stdout="3"), Result(stdout="7", stderr="Traceback\nValueError: x\n", exit_code=1)]
    v, passed, _, _ = grade(results, task(("1 2", "3"), ("3 4", "7")), form="fraction")
    assert v.score == [0.5]
    assert "ended with code 1: 'ValueError: x'" in v.reason[0]
    assert passed.tolist() == [[[True, False]]]


def test_a_program_that_never_ends_well_is_at_fault():
    results = [Result("timeout"), Result(exit_code=1, stderr="SyntaxError: no")]
    v, _, _, _ = grade(results, task(("1 2", "3"), ("3 4", "7")), form="fraction")
    assert (v.score, v.status) == ([0.0], [Status.FAILED])


def test_the_checker_of_a_task_wins():
    assert grade([Result(stdout="1  2")], task(("", "1 2"), checker="exact"))[0].score == [0.0]
    assert grade([Result(stdout="1  2")], task(("", "1 2"), checker="tokens"), checker="exact")[0].score == [1.0]
    with pytest.raises(UnknownNameError, match="tokens"):
        grade([Result()], task(("", ""), checker="token"))


@pytest.mark.parametrize("case", [{"stdin": "1"}, {"stdin": 1, "stdout": "1"}, {"stdout": "1", "argv": "-x"}, "1"])
def test_tests_that_cannot_be_used_are_our_fault(case):
    v = code_stdio([CODE], [Task("t", "", fields={"tests": {"cases": [case]}})])[0]
    assert v.status == [Status.UNSCORED]
