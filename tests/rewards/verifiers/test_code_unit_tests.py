from __future__ import annotations

import math

import pytest
import torch

from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.code_unit_tests import code_unit_tests

CODE = "def f(x):\n    return 2 * x"
FILE = "def check(candidate):\n    assert candidate(3) == 6\n"


def done(*passed, problem="", loaded=True):
    items = [[f"line {i}", p, "" if p else "assertion failed"] for i, p in enumerate(passed)]
    return Reply(Outcome.DONE, {"items": items, "problem": problem, "loaded": loaded})


def grade(replies, tasks, completions=None, **params):
    calls = []

    def send(asked):
        calls.extend(asked)
        return list(replies)

    return *drive(code_unit_tests.exchange(completions or [CODE] * len(tasks), tasks, **params), send), calls


def task(id="t", **fields):
    return Task(id, "Double x.", fields={"tests": FILE, "entry": "f", **fields})


def test_the_file_goes_to_a_worker_with_the_program_beside_it():
    _, _, _, calls = grade([done(True)], [task(preamble="import math\n")], seconds=1.0, total=9.0, memory_mb=64)
    assert (calls[0].channel, calls[0].program, calls[0].seconds) == ("pool", "unit_tests.run", 11.0)
    assert calls[0].payload == {
        "source": f"import math\n{CODE}", "file": FILE, "entry": "f", "module": "solution", "preamble": "import math\n",
        "in_place": False, "seconds": 1.0, "total": 9.0, "memory_mb": 64,
    }  # fmt: skip


@pytest.mark.parametrize(
    "tests", [{"tests": FILE, "entry": "g", "module": "m"}, {"tests": {"file": FILE, "entry": "g", "module": "m"}}]
)
def test_parts_beside_the_tests_or_inside(tests):
    payload = grade([done(True)], [Task("t", "", fields=tests)])[3][0].payload
    assert (payload["file"], payload["entry"], payload["module"]) == (FILE, "g", "m")


@pytest.mark.parametrize(("passed", "all_", "share"), [((True, True), 1.0, 1.0), ((True, False), 0.0, 0.5)])
def test_all_or_a_share_of_the_tests(passed, all_, share):
    for form, score in (("all", all_), ("fraction", share)):
        v, found, _, _ = grade([done(*passed)], [task()], form=form)
        assert (v.score, v.status) == ([score], [Status.SCORED])
        assert found.tolist() == [[list(passed)]]


def test_a_program_that_does_not_load_is_at_fault():
    v, found, _, _ = grade([done(False, False, loaded=False)], [task()], form="fraction")
    assert (v.score, v.status) == ([0.0], [Status.FAILED])
    assert found.tolist() == [[[False, False]]]


def test_a_file_that_cannot_be_run_is_our_fault():
    v, _, credit, _ = grade([done(problem="fixtures are not supported")], [task()])
    assert (v.status, v.reason) == ([Status.UNSCORED], ["fixtures are not supported"])
    assert credit.shape == (1, 1, 0)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DONE])
def test_a_row_that_was_stopped_has_the_tests_of_its_task(outcome):
    reply = Reply(outcome, reason="why")
    v, passed, credit, _ = grade([reply, done(True, False, True), done(True)], [task("a"), task("a"), task("b")])
    assert v.status[0] == (Status.FAILED if reply.theirs else Status.UNSCORED)
    assert passed[0].tolist() == [[False] * 3]
    if reply.theirs:
        assert credit[0].tolist() == [[0.0] * 3]
    else:
        assert math.isnan(v.score[0])
        assert bool(torch.isnan(credit[0]).all())
    assert torch.isnan(credit[2, 0]).tolist() == [False, True, True]


def test_no_program_no_tests_no_call():
    v, _, _, calls = grade([], [task(), Task("t", "")], completions=["", CODE])
    assert calls == []
    assert [s.name for s in v.status] == ["FAILED", "UNSCORED"]
