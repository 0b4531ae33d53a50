from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Task, ToolCall
from guerdon.rewards.agentic.solved_subgoals import solved_subgoals

OUTPUTS = {"f": "the value is 1,234 units", "g": "red, blue", "h": "nothing"}
TASK = Task("1", "?", fields={"unsolved": {"f": ["1234"], "g": ["red, blue"]}})
DONE = Task("2", "?", fields={"unsolved": {"f": []}})


def reward(names="", text="x", gold="42", task=TASK, **options):
    calls = [ToolCall(n, output=OUTPUTS.get(n)) for n in names]
    return solved_subgoals([calls], [text], [gold], [task], **options).item()


@pytest.mark.parametrize(
    ("names", "f1", "precision", "rate", "product"),
    [  # the checks of the FTRL dossier
        ("f", 1, 1, 1, 1), ("fg", 4 / 3, 1, 2, 2), ("fh", 2 / 3, 0.5, 1, 0.5), ("h", 0, 0, 0, 0),
        ("ff", 2 / 3, 0.5, 1, 0.5), ("gf", 4 / 3, 1, 2, 2), ("fz", 2 / 3, 0.5, 1, 0.5),
    ],
)  # fmt: skip
def test_forms(names, f1, precision, rate, product):
    for form, value in (("f1", f1), ("precision", precision), ("rate", rate), ("product", product)):
        assert reward(names, form=form) == pytest.approx(value)


def test_turns_without_a_call():
    assert reward(text="") == -0.5
    assert reward(text="<tool_call>{bad}</tool_call>") == pytest.approx(-0.3)
    assert solved_subgoals([[ToolCall("", ok=False)]], ["x"], ["42"], [TASK]).item() == pytest.approx(-0.3)
    assert reward(text="It is 42.") == pytest.approx(1 / 3)  # two results are open
    assert reward(text="It is 42.", task=DONE) == 1.0
    assert reward(text="It is 7.", task=DONE) == 0.5
    assert reward(text="It is 7.") == 0.0
    assert reward(text="1,234", gold="1234", task=DONE) == 1.0


def test_a_useless_call_lowers_f1_by_the_stated_factor():
    # (p + 1) / (p + 2)
    assert reward("fgh") == pytest.approx(reward("fg") * 3 / 4)


def test_a_task_without_the_table_is_not_scored():
    assert math.isnan(reward("f", task=Task("3", "?")))
    with pytest.raises(DataError, match="one value per signal"):
        solved_subgoals([[]], ["x"], [], [TASK])
