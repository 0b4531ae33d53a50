from __future__ import annotations

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.records import Task
from guerdon.rewards.rules.marker_excess import marker_excess


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0.0), ("Wait", 0.0), ("wait, wait", 0.0), ("wait wait WAIT", -0.5), ("hmm wait wait hmm", -1.0),
     ("waiting awaits wait", 0.0)],
)  # fmt: skip
def test_only_the_excess_is_charged(text, value):
    found = marker_excess([text], markers=("wait", "hmm"), allowance=2, weight=0.5)
    assert found.item() == value
    assert str(found.item()) != "-0.0"


def test_a_task_may_allow_the_markers():
    tasks = [Task("1", "", fields={"need_plot": True}), Task("2", "", fields={"need_plot": False}), Task("3", "")]
    found = marker_excess(
        ["plt.plot(x)"] * 3, tasks, markers=("plt.plot",), allowance=0, weight=1.0, unless="need_plot"
    )
    assert found.tolist() == [0.0, -1.0, -1.0]


def test_errors():
    with pytest.raises(RecipeError, match="markers"):
        marker_excess(["a"], markers=(), allowance=0, weight=1.0)
    with pytest.raises(RecipeError, match="weight"):
        marker_excess(["a"], markers=("a",), allowance=0, weight=-1.0)
    with pytest.raises(RecipeError, match="unless needs the tasks"):
        marker_excess(["a"], markers=("a",), allowance=0, weight=1.0, unless="need_plot")
    with pytest.raises(DataError, match="one value per signal"):
        marker_excess(["a"], [], markers=("a",), allowance=0, weight=1.0)
