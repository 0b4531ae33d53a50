"""inspect: the parts of a scorer without the package, and a whole evaluation where it is installed."""

from __future__ import annotations

import importlib.util
import math
import sys
from types import SimpleNamespace

import pytest

from guerdon.adapters import _inspect, inspect
from guerdon.adapters._bound import Calls
from guerdon.errors import MachineError

ASK = "answer_equal:extract=last_number,normalise=number"
OUTPUTS, TARGETS = ["so 4", "so 5", "no", "so 4"], [["4"], ["1", "5"], ["4"], ["x"]]


def state(text, i=0):
    return SimpleNamespace(metadata={"k": i}, sample_id=i, input_text="2+2?", output=SimpleNamespace(completion=text))


def test_a_sample_is_a_row_and_a_score_says_why():
    calls = Calls(ASK, None, False)
    rows = [_inspect.row(state(t, i), g) for i, (t, g) in enumerate(zip(OUTPUTS, TARGETS, strict=True))]
    assert rows[1] == {"k": 1, "id": "1", "prompt": "2+2?", "completion": "so 5", "gold": ["1", "5"]}
    assert rows[0]["gold"] == "4"
    found = [_inspect.fields(g, t) for g, t in zip(calls.grade(rows), OUTPUTS, strict=True)]
    assert [f["value"] for f in found[:3]] == [1.0, 1.0, 0.0]
    assert found[2]["explanation"] == "no answer found"
    assert found[2]["metadata"]["status"] == "failed"
    assert math.isnan(found[3]["value"])
    assert found[3]["metadata"]["status"] == "unscored"


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai.scorer", None)
    with pytest.raises(MachineError, match="pip install inspect-ai"):
        inspect(ASK)


@pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="inspect_ai is not installed")
def test_an_evaluation_counts_what_has_no_score_apart(tmp_path):
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.solver import solver

    @solver
    def say():
        async def solve(found, generate):
            found.output = ModelOutput.from_content("none", OUTPUTS[int(found.sample_id)])
            return found

        return solve

    data = [Sample(input="2+2?", target=t, id=str(i)) for i, t in enumerate(TARGETS)]
    task = Task(dataset=data, solver=say(), scorer=inspect(ASK))
    log = eval(task, model="mockllm/model", log_dir=str(tmp_path), display="none")[0]
    assert log.status == "success"
    result = log.results.scores[0]
    assert result.metrics["mean"].value == pytest.approx(2 / 3)
    assert (result.scored_samples, result.unscored_samples) == (3, 1)
