"""Correctness reward of ToolRL: the share of points, put into the range of the case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon.providers.tool_calls import tool_calls
from guerdon.records import Status, ToolCall
from guerdon.rewards.verifiers.tool_call_match import tool_call_match

VARIANTS: dict[str, dict[str, Any]] = {
    "COARSEREWARD": {"granularity": "all"},
    "INTERMEDIATEREWARD": {"granularity": "call"},
    "REFINEDREWARD": {"strict": True},
}


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values; the parts of the total that other components give are left out."""
    inputs = case["inputs"]
    options = {k: v for flag in inputs["flags"] for k, v in VARIANTS.get(flag, {}).items()}
    if "pred_calls" in inputs:
        calls = [[ToolCall(c["name"], c["parameters"]) for c in inputs["pred_calls"]]]
        share = tool_call_match(calls, [inputs["gold_calls"]], **options).score[0]
        return {"reward": (inputs["max"] - inputs["min"]) * share + inputs["min"]}
    verdict = tool_call_match(tool_calls([inputs["response"]], form="tags"), [inputs["gold"]], **options)
    low, high = _range(inputs["flags"], inputs["step"])
    skipped = verdict.status[0] is Status.SKIPPED
    return {"correctness": 0.0 if skipped else (high - low) * verdict.score[0] + low}


def _range(flags: Mapping[str, str], step: int) -> tuple[float, float]:
    """Ends of the range, which a recipe gives to the reward as schedules."""
    if "MAX1STEP30MAX3" in flags:
        return (-1.0, 1.0) if step < 30 else (-3.0, 3.0)
    if "SCHEDULEREWARD" in flags:
        return max(-2.0 - step / 150, -3.0), min(2.0 + step / 150, 3.0)
    return -3.0, 3.0


EXCLUDED: tuple[Exclusion, ...] = tuple(
    Exclusion(name, lambda case: True, why)
    for name, why in (
        ("format", "the pattern of the tags is another component"),
        ("length", "the length reward is another component"),
        ("total", "the sum with the parts of other components"),
    )
)
TOLERANCE: dict[str, tuple[float, float]] = {}
