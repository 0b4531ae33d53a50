from __future__ import annotations

import itertools
import math
import threading
import time

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.outside import drive
from guerdon.programs.patterns import match
from guerdon.records import Outcome, Reply, Status
from guerdon.rewards.verifiers.regex_match import regex_match

DATE = r"\d{4}-\d\d-\d\d"


def here(calls):
    """Run the program in this process."""
    return [Reply(Outcome.DONE, match(c.payload)) for c in calls]


def judged(answer, gold, send=here, **options):
    return drive(regex_match.exchange(answer, gold, **options), send)


def test_scores():
    v = judged([" 2024-05-06 ", "on 2024-05-06", "2024-05-06\n"], [DATE] * 3)
    assert v.score == [1.0, 0.0, 1.0]
    assert judged(["on 2024-05-06"], [DATE], mode="search").score == [1.0]
    assert judged(["b"], [["a", "b"]]).score == [1.0]  # several patterns
    assert judged(["A\nB"], ["a.b"], ignore_case=True, dotall=True).score == [1.0]


def test_whose_fault_without_a_call():
    def never(calls):
        raise AssertionError("no row needs a call")

    v = judged(["", None, "x" * 20_001, "x", "x", "x"], ["a", "a", "a", None, "", "a" * 10_001], never)
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 3
    assert math.isnan(v.score[3])
    assert judged([], [], never).score == []


def test_a_pattern_that_is_none_is_unscored():
    v = judged(["x"], ["("])
    assert v.status == [Status.UNSCORED]
    assert "is no pattern" in v.reason[0]


def test_equal_rows_are_asked_once_and_replies_find_their_rows():
    asked = []

    def send(calls):
        asked.extend(calls)
        return here(calls)

    v = judged(["a", "b", "a", "", "b"], ["a"] * 5, send, seconds=0.25)
    assert v.score == [1.0, 0.0, 1.0, 0.0, 0.0]
    assert [c.payload["text"] for c in asked] == ["a", "b"]
    assert {c.seconds for c in asked} == {0.25}


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DONE])
def test_whose_fault_a_missing_reply_is(outcome):
    v = judged(["x"], ["x"], lambda calls: [Reply(outcome, reason="why")])
    theirs = outcome in (Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASHED, Outcome.REFUSED)
    assert v.status == [Status.FAILED if theirs else Status.UNSCORED]
    assert v.reason == [f"the match ended with {outcome}: why"]


def test_errors():
    with pytest.raises(RecipeError, match="time limit"):
        judged(["a"], ["a"], seconds=0.0)
    with pytest.raises(DataError, match="one value per signal"):
        judged(["a"], [])


def test_a_catastrophic_pattern_fails_within_a_second_and_blocks_nothing():
    """(a+)+$ on 40 times a and a b needs about 2^40 steps; the goal R22 is a second, with the caller alive."""
    regex_match(["warm"], ["warm"])  # the workers start once
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.01):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    try:
        v = regex_match(["a" * 40 + "b", "aaa"], ["(a+)+$", "(a+)+$"])
    finally:
        done.set()
        thread.join()
    assert v.status == [Status.FAILED, Status.SCORED]
    assert v.score == [0.0, 1.0]
    assert "timeout" in v.reason[0]
    assert time.monotonic() - start < 5  # a second on an idle core; the wall limit grows with the load of the machine
    assert max(b - a for a, b in itertools.pairwise(ticks)) < 1.0  # the other thread went on
