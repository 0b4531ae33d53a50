"""Rewards of ToolRL: the share of points and the layout, put into the ranges of the case, and the length reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon import build
from guerdon.providers.tool_calls import tool_calls
from guerdon.records import Status, ToolCall
from guerdon.rewards.rules.word_target import word_target
from guerdon.rewards.verifiers.tool_call_match import tool_call_match

VARIANTS: dict[str, dict[str, Any]] = {
    "COARSEREWARD": {"granularity": "all"},
    "INTERMEDIATEREWARD": {"granularity": "call"},
    "REFINEDREWARD": {"strict": True},
}


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the names of the case's outputs."""
    inputs = case["inputs"]
    options = {k: v for flag in inputs["flags"] for k, v in VARIANTS.get(flag, {}).items()}
    if "pred_calls" in inputs:
        calls = [[ToolCall(c["name"], c["parameters"]) for c in inputs["pred_calls"]]]
        share = tool_call_match(calls, [inputs["gold_calls"]], **options).score[0]
        return {"reward": (inputs["max"] - inputs["min"]) * share + inputs["min"]}
    verdict = tool_call_match(tool_calls([inputs["response"]], form="tags"), [inputs["gold"]], **options)
    low, high = _range(inputs["flags"], inputs["step"])
    skipped = verdict.status[0] is Status.SKIPPED
    correct = 0.0 if skipped else (high - low) * verdict.score[0] + low
    bad, good = _layout_range(inputs["flags"], inputs["step"])
    layout = build("tag_grammar/toolrl", bad=bad, good=good)({"completion": [inputs["response"]],
                                                              "gold": [inputs["gold"]]}).item()  # fmt: skip
    long = word_target([inputs["response"]]).item() if "WITHLENGTH" in inputs["flags"] else 0.0
    return {"correctness": correct, "format": layout, "length": long, "total": correct + layout + long}


def _layout_range(flags: Mapping[str, str], step: int) -> tuple[float, float]:
    """What a wrong and a right layout are worth."""
    if "MAX1STEP30MAX3" in flags:
        return 0.0, 1.0 if step < 30 else 0.5
    if "SCHEDULEREWARD" in flags:
        return min(-2.0 + 2 * step / 150, -1.0), max(2.0 - step / 150, 1.0)
    return 0.0, 1.0


def _range(flags: Mapping[str, str], step: int) -> tuple[float, float]:
    """Ends of the range, which a recipe gives to the reward as schedules."""
    if "MAX1STEP30MAX3" in flags:
        return (-1.0, 1.0) if step < 30 else (-3.0, 3.0)
    if "SCHEDULEREWARD" in flags:
        return max(-2.0 - step / 150, -3.0), min(2.0 + step / 150, 3.0)
    return -3.0, 3.0


EXCLUDED: tuple[Exclusion, ...] = ()
# the layout and the length are float32
TOLERANCE: dict[str, tuple[float, float]] = {"length": (1e-6, 1e-7), "total": (1e-6, 1e-6), "format": (1e-6, 1e-7)}
