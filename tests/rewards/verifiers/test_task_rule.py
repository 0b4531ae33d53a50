from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status, Task
from guerdon.rewards.verifiers.task_rule import task_rule

PAIRS = Task("1", "?+?=4", fields={"accepted": ("0+4", "1+3", "2+2", "3+1", "4+0")})


def test_every_mode_is_accepted_and_nothing_else():
    right = list(PAIRS.fields["accepted"])
    assert task_rule(right, [PAIRS] * 5).score == [1.0] * 5
    # another spelling would be another mode, and the number of modes would not be known
    wrong = ["1+4", "4", "01+3", "1+3+0", "1+3=4", "(1+3)"]
    assert task_rule(wrong, [PAIRS] * 6).score == [0.0] * 6


def test_white_space_does_not_matter():
    assert task_rule([" 1 + 3 \n"], [PAIRS]).score == [1.0]


def test_no_answer_failed_and_no_rule_is_unscored():
    bare = [Task("2", "x"), Task("3", "x", fields={"accepted": ()}), Task("4", "x", fields={"accepted": "12"})]
    v = task_rule(["", None, "1", "1", "1"], [PAIRS, PAIRS, *bare])
    assert v.status == [Status.FAILED] * 2 + [Status.UNSCORED] * 3
    assert v.score[:2] == [0.0, 0.0]
    assert all(math.isnan(s) for s in v.score[2:])
    assert v.reason == ["no answer found"] * 2 + ["the task lists no answers in its field 'accepted'"] * 3
    with pytest.raises(DataError, match="one value per signal"):
        task_rule(["1"], [])
