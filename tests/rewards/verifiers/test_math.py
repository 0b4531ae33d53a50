from __future__ import annotations

import asyncio
import json
import math as numbers
import re
import threading
import time
from pathlib import Path

import pytest

from guerdon.errors import DataError, MachineError, RecipeError, UnknownNameError
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status
from guerdon.rewards.verifiers.math import math

PAGE = Path(__file__).resolve().parents[3] / "docs" / "math-verifier.md"
HARD, HARD_GOLD = "\\boxed{\\log_2 8}", "3"


def grade(completions, golds, replies=(), **params):
    calls, left = [], list(replies)

    def send(asked):
        calls.append(list(asked))
        return [left.pop(0) for _ in asked]

    return drive(math.exchange(completions, golds, **params), send), calls


def said(relation):
    return Reply(Outcome.DONE, {"relation": relation, "by": "values"})


def test_what_is_decided_here_sends_no_call():
    v, calls = grade(
        ["\\boxed{\\dfrac12}", "#### 1,000", "The answer is (3, 4].", "so it is 8", "\\boxed{2} and \\boxed{-1}"],
        ["0.5", 1000, "(3,4)", 7.0, "-1, 2"],
    )
    assert (v.score, calls) == ([1.0, 1.0, 0.0, 0.0, 1.0], [])
    assert v.status == [Status.SCORED] * 5


def test_what_is_not_known_is_asked_once_per_pair():
    v, calls = grade([HARD, HARD, "\\boxed{3}", HARD], [HARD_GOLD, "3", "3", "4"], [said("equal"), said("different")])
    assert v.score == [1.0, 1.0, 1.0, 0.0]
    assert [(c.channel, c.program, c.seconds) for c in calls[0]] == [("pool", "math.equal", 1.0)] * 2
    assert calls[0][0].payload == {"answer": "\\log_2 8", "gold": "3", "relative": 0.0, "units": "ignore"}


@pytest.mark.parametrize(
    ("replies", "status", "reason"),
    [
        ([said("bad_answer")], Status.FAILED, "the answer cannot be read: '\\\\log_2 8'"),
        ([said("bad_gold")], Status.UNSCORED, "the gold answer cannot be read: '3'"),
        ([Reply(Outcome.TIMEOUT), Reply(Outcome.DONE, True)], Status.FAILED, "timeout: '\\\\log_2 8'"),
        ([Reply(Outcome.MEMORY), Reply(Outcome.DONE, True)], Status.FAILED, "memory: '\\\\log_2 8'"),
        # a gold answer that runs out of time by itself is ours
        ([Reply(Outcome.TIMEOUT), Reply(Outcome.TIMEOUT)], Status.UNSCORED, "the gold answer cannot be read: '3'"),
        ([Reply(Outcome.UNAVAILABLE, reason="no healthy worker")], Status.UNSCORED, "unavailable: no healthy worker"),
        ([Reply(Outcome.RAISED, reason="ImportError")], Status.UNSCORED, "raised: ImportError"),
    ],
)
def test_status_follows_the_fault(replies, status, reason):
    v, calls = grade([HARD], [HARD_GOLD], replies)
    assert (v.status, v.reason) == ([status], [reason])
    assert v.score == [0.0] if status is Status.FAILED else numbers.isnan(v.score[0])
    assert len(calls) == len(replies)


def test_a_missing_package_is_named():
    with pytest.raises(MachineError, match=r"pip install 'guerdon\[math\]'"):
        grade(
            [HARD], [HARD_GOLD], [Reply(Outcome.DONE, {"relation": "missing", "by": "No module named 'math_verify'"})]
        )


def test_one_of_several_golds_is_enough():
    v, _ = grade([HARD, HARD, "\\boxed{5}"], [["4", "3"], ["x", "y"], ["4", "5"]], [
        said("different"), said("equal"), said("different"), said("bad_gold"),
    ])  # fmt: skip
    assert v.score[0] == v.score[2] == 1.0
    assert v.status[1] is Status.UNSCORED


def test_statuses_without_calls():
    v, calls = grade(
        ["no idea", None, "", "\\boxed{1", "\\boxed{" + "x+" * 1001 + "1}", "\\boxed{1}", "\\boxed{1}", "\\boxed{1}"],
        ["7", "7", "7", "7", "7", "", None, "1" * 500],
    )
    assert v.status == [Status.FAILED] * 5 + [Status.UNSCORED] * 3
    assert v.reason == [
        "no answer found", "no answer found", "no answer found", "the last box is not closed",
        "longer than 2,000 characters", "the gold answer cannot be read: no gold answer", "no gold answer",
        "the gold answer cannot be read: more than 400 digits in a row",
    ]  # fmt: skip
    assert calls == []


def test_length_contract():
    hostile = [
        None,
        "",
        "x" * 100_000,
        "{" * 100_000,
        "\\boxed{" * 10_000,
        "\ud800",
        "\x00",
        "#### ",
        "Answer:",
        "$" * 999,
    ]
    v, _ = grade(hostile, ["7"] * len(hostile))
    assert len(v.score) == len(v.status) == len(v.reason) == len(hostile)
    assert v.score == [0.0] * len(hostile)


def test_no_completion_turns_its_row_into_unscored():
    """What a completion says may cost it the score, never the row: dropped rows would pay for breaking the grader."""
    pytest.importorskip("math_verify")
    from guerdon.programs.math import equal

    golds = [
        "Evelyn",
        "\\text{(C)}",
        "(1,2)",
        "x+1",
        "\\{1,2\\}",
        "52_8",
        "y=2x",
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    ]
    for text in ("\\foo{3}", "\\{x|x\\}", "\\begin{x}", "1 2 3", "^^^", "\\sum", "\\log", "1/0", "\\int x"):
        v = drive(
            math.exchange([f"\\boxed{{{text}}}"] * len(golds), golds),
            lambda calls: [Reply(Outcome.DONE, equal(c.payload)) for c in calls],
        )
        assert Status.UNSCORED not in v.status, (text, v.reason)
        assert v.score == [0.0] * len(golds)


def test_parameters():
    assert math(["0.3333"], ["1/3"], relative=1e-3).score == [1.0]
    assert math(["\\boxed{5}"], ["5 cm"], units="strict").score == [0.0]
    assert math(["\\boxed{1}, \\boxed{2}"], ["2"], several="last").score == [1.0]
    assert math(["<answer>7</answer> 8"], ["7"], extract="tag").score == [1.0]
    with pytest.raises(RecipeError, match="tolerance"):
        math(["1"], ["1"], relative=-1.0)
    with pytest.raises(RecipeError, match="time limit"):
        math(["1"], ["1"], seconds=0.0)
    with pytest.raises(UnknownNameError, match="answer format"):
        math(["1"], ["1"], extract="bxed")
    with pytest.raises(DataError, match="one value per signal"):
        math(["1"], [])


def known_pairs():
    rows = re.findall(
        r"^\| `(.+?)` \| `(.+?)` \| (boxed|bare) \| (\w+) \| (\w+) \| .+ \|$", PAGE.read_text("utf-8"), re.M
    )
    return [pytest.param(*row, id=f"{row[0]} vs {row[1]}") for row in rows]


@pytest.mark.parametrize(("answer", "gold", "fed", "theirs", "ours"), known_pairs())
def test_known_false_verdicts(answer, gold, fed, theirs, ours):
    """The page's table: what math-verify says is a fact, and what ``math`` says is right, from either side."""
    pytest.importorskip("math_verify")
    from guerdon.programs.math import equal, verify

    form = "\\boxed{%s}" if fed == "boxed" else "%s"
    assert verify({"answer": form % answer, "gold": form % gold}) == (theirs == "accepts")
    assert theirs != ours
    sides = [(answer, gold)] if "_" in answer + gold else [(answer, gold), (gold, answer)]
    for a, g in sides:
        v = drive(
            math.exchange([f"\\boxed{{{a}}}"], [g]),
            lambda calls: [Reply(Outcome.DONE, equal(c.payload)) for c in calls],
        )
        assert v.score == [float(ours == "accepts")]


def test_the_table_is_there():
    assert len(known_pairs()) >= 30


def test_the_measured_table_is_the_saved_result():
    saved = json.loads((PAGE.parents[1] / "benchmarks" / "results" / "math_data.json").read_text("utf-8"))
    rows = re.findall(r"^\| .+ \| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text("utf-8"), re.M)
    table = saved["detail"]["table"].values()
    assert rows == [(str(r["items"]), str(r["math"]), str(r["math-verify"])) for r in table]


# R20: through the real pool, from every kind of caller
REAL = ["\\boxed{\\log_2 8}", "\\boxed{\\prod_{k=1}^{10^8} k}", "\\boxed{9^{9^{9^9}}}", "\\boxed{2}", "\\boxed{\\foo}"]
GOLDS = ["3", "7", "7", "2", "1"]


def check(v):
    assert v.score == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert v.status == [Status.SCORED, Status.FAILED, Status.SCORED, Status.SCORED, Status.FAILED]
    assert v.reason[1].startswith("timeout")


def test_bombs_end_in_every_kind_of_caller():
    pytest.importorskip("math_verify")
    check(math(REAL, GOLDS, seconds=0.5))
    found, ticks = [], 0
    thread = threading.Thread(target=lambda: found.append(math(REAL, GOLDS, seconds=0.5)))
    thread.start()
    while thread.is_alive():  # the host is not frozen while a bomb burns
        time.sleep(0.01)
        ticks += 1
    check(found[0])
    assert ticks > 5
    check(asyncio.run(asyncio.to_thread(math, REAL, GOLDS, seconds=0.5)))
