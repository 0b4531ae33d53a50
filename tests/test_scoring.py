"""Rewards as one table: columns, statuses, predicates, weights, and the values that stop a run."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.component import Component
from guerdon.errors import MethodError, NumericsError
from guerdon.frame import Frame
from guerdon.method import method, registered
from guerdon.records import Status, Task, Verdict
from guerdon.schedule import Schedule
from guerdon.scoring import Reward, score_rows

TASKS = [
    Task("t0", "1+1=", gold="2", domain="easy", fields={"kind": "add"}),
    Task("t1", "2+2=", gold="4", domain="hard", fields={"kind": "add"}),
    Task("t2", "3*3=", gold="9", domain="hard", fields={"kind": "mul"}),
]


pytestmark = pytest.mark.usefixtures("forget_methods")


def reward(function, *, stage="reward", when=None, weight=1.0, label="", **card) -> Reward:
    method(stage=stage, **card)(function)
    return Reward(Component(registered()[function.__name__], {}, label=label), weight, when)


def frame(**more) -> Frame:
    return Frame({"group_id": torch.tensor([0, 0, 1]), "task": TASKS, "length": torch.tensor([3, 5, 7]), **more})


def tokens(length):
    """Length."""
    return length.float()


def flags(length):
    """Two named values."""
    return {"short": (length < 6).float(), "odd": torch.tensor([1.0, math.nan, 1.0])}


def judge(task):
    """A verifier that could not score one row."""
    return Verdict([0.0, 0.7, 1.0], [Status.FAILED, Status.UNSCORED, Status.SCORED], ["wrong", "judge away", ""])


def test_a_column_per_component_and_named_value():
    f = frame()
    scores, weights = score_rows([reward(tokens, weight=0.5), reward(flags, weight=2.0)], f)
    assert scores.names == ["tokens", "flags.short", "flags.odd"]
    assert weights == (0.5, 2.0, 2.0)
    assert torch.equal(f.get("aspects")[:, 1], torch.tensor([1.0, 1.0, 0.0]))
    assert scores.status[:, 2].tolist() == [Status.SCORED, Status.UNSCORED, Status.SCORED]
    assert scores.reasons[2] == ["", "not scored", ""]
    assert torch.equal(f.get("reward"), f.get("aspects")[:, 0])


def test_what_was_not_scored_is_nan_and_never_its_value():
    f = frame()
    scores, _ = score_rows([reward(judge, stage="verifier")], f)
    assert scores.values[:, 0].tolist() == [0.0, pytest.approx(math.nan, nan_ok=True), 1.0]
    assert scores.status[:, 0].tolist() == [Status.FAILED, Status.UNSCORED, Status.SCORED]
    assert f.get("is_correct").tolist() == [False, False, True]


def test_correct_is_what_the_first_verifier_accepts():
    f = frame()
    scores, _ = score_rows([reward(flags), reward(tokens), reward(judge, stage="verifier")], f)
    assert scores.names.index("judge") == 3
    assert f.get("is_correct").tolist() == [False, False, True]
    other = frame()
    score_rows([reward(tokens), reward(flags)], other)  # without a verifier the first column decides: all >= 1
    assert other.get("is_correct").tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ({"level": "hard"}, [False, True, True]),
        ({"domain": ["easy", "hard"]}, [True, True, True]),
        ({"level": "hard", "kind": "mul"}, [False, False, True]),
        ({"kind": "none"}, [False, False, False]),
    ],
)
def test_a_predicate_skips_rows_and_says_so(when, applies):
    scores, _ = score_rows([reward(tokens, when=when)], frame())
    assert (scores.status[:, 0] != Status.SKIPPED).tolist() == applies
    assert (~scores.values[:, 0].isnan()).tolist() == applies
    assert [r == "does not apply" for r in scores.reasons[0]] == [not a for a in applies]


def test_weights_may_be_schedules():
    ramp = Schedule.model_validate({"schedule": "linear", "from": 0.0, "to": 4.0})
    f = Frame({"group_id": torch.zeros(3), "length": torch.tensor([1, 2, 3])}, step=1, total=4)
    assert score_rows([reward(tokens, weight=ramp)], f)[1] == (1.0,)


def test_a_reward_may_write_signals():
    def writer(length):
        """Writes what it counts."""
        return length.float(), torch.ones(3)

    f = frame()
    score_rows([reward(writer, writes=("difficulty",))], f)
    assert f.get("difficulty").tolist() == [1.0, 1.0, 1.0]


def first(length):
    """Accepts the first row."""
    return Verdict([1.0, 0.0, 0.5], [Status.SCORED] * 3, [""] * 3)


def second(length):
    """Accepts the second row."""
    return Verdict([0.0, 1.0, 0.0], [Status.SCORED] * 3, [""] * 3)


def paid(is_correct):
    """What the first verifier said."""
    return is_correct.float()


def test_the_first_verifier_says_what_is_correct_also_to_rewards_after_it():
    f = frame()
    scores, _ = score_rows(
        [reward(tokens), reward(first, stage="verifier"), reward(second, stage="verifier"), reward(paid)], f
    )
    assert f.get("is_correct").tolist() == [True, False, False]
    assert scores.values[:, 3].tolist() == [1.0, 0.0, 0.0]
    f = frame()
    score_rows([reward(first, stage="verifier"), reward(second, stage="verifier")], f)
    assert f.get("is_correct").tolist() == [True, False, False]
    with pytest.raises(MethodError, match="is_correct"):
        score_rows([reward(paid), reward(first, stage="verifier")], frame())


def infinite(length):
    """Broken."""
    return torch.tensor([1.0, math.inf, 1.0])


def poisoned(length):
    """A score that is NaN and says it is one."""
    return Verdict([1.0, math.nan, 1.0], [Status.SCORED, Status.UNSCORED, Status.SCORED], [""] * 3)


def test_infinity_stops_the_run_and_names_the_task():
    with pytest.raises(NumericsError) as caught:
        score_rows([reward(tokens), reward(infinite)], frame())
    assert "reward infinite" in str(caught.value)
    assert "inf for task t1" in str(caught.value)
    score_rows([reward(poisoned, stage="verifier")], frame())


def wide(length):
    """Two axes."""
    return torch.ones(3, 2)


def short(length):
    """Too few."""
    return torch.ones(2)


def listed(length):
    """No tensor."""
    return [1.0, 2.0, 3.0]


def few(length):
    """A verdict of another batch."""
    return Verdict([1.0], [Status.SCORED], [""])


@pytest.mark.parametrize(
    ("function", "message"),
    [(wide, r"shape \[3, 2\]"), (short, r"shape \[2\]"), (listed, "list"), (few, r"shape \[1\]")],
)
def test_anything_else_than_a_value_per_row_is_refused(function, message):
    with pytest.raises(MethodError, match=message) as caught:
        score_rows([reward(function)], frame())
    assert function.__name__ in caught.value.where
