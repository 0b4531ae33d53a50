"""Turn rewards and the check of outputs of FTRL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon.providers.tool_calls import tool_calls
from guerdon.records import Task, ToolCall
from guerdon.rewards.agentic.solved_subgoals import solved_subgoals
from guerdon.rewards.verifiers.contains_all import contains_all

FORMS = {"f1": "f1", "pr": "product", "rate": "rate", "precision": "precision"}


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values; the tools answer from the table of the case."""
    inputs = case["inputs"]
    if "pred" in inputs:
        return {"ok": contains_all([str(inputs["pred"])], [inputs["gold"]]).score[0] == 1.0}
    text = inputs["response"]
    calls = [
        ToolCall(c.name, c.arguments, output=inputs["tool_feedback"].get(c.name), ok=c.ok)
        for c in tool_calls([text], form="tags")[0]
    ]
    task = Task("1", "", fields={"unsolved": inputs["unsolved"]})
    return {
        name: solved_subgoals([calls], [text], [inputs["gold_answer"]], [task], form=form).item()  # type: ignore[arg-type]
        for name, form in FORMS.items()
    }


EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {}
