"""Existing verifiers: verl's string rewards, math-verify alone, reasoning-gym's cascade, TRL's repetition penalty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tests.golden.support import Exclusion

from guerdon.ops.mathtext.strings import hash_number
from guerdon.rewards.rules.repetition import repetition
from guerdon.rewards.verifiers.math_string import math_string


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values."""
    inputs = case["inputs"]
    if "ids" in inputs:
        return _repetition(inputs["ids"])
    if "strict" in case["outputs"]:
        return _gsm8k(inputs["solution"], inputs["gold"])
    if "answer" in inputs:
        return _cascade(inputs["answer"], inputs["expected"])
    return _math(inputs["solution"], inputs["gold"])


def _gsm8k(solution: str, gold: str) -> dict[str, Any]:
    strict, flexible = (
        math_string([solution], [gold], extract=extract, normalise="none", tail=300).score[0]
        for extract in ("hash", "last_number")
    )
    return {"strict": strict, "flexible": flexible, "extracted_strict": hash_number(solution[-300:]) or None}


def _math(solution: str, gold: str) -> dict[str, Any]:
    programs = pytest.importorskip("guerdon.programs.math")
    cascade = pytest.importorskip("guerdon.programs.cascade")
    start, end = solution.find("\\boxed{"), solution.rfind("}")
    x = solution[start + len("\\boxed{") : end] if 0 <= start < end else solution
    return {
        "verl_math_reward": math_string([solution], [gold], extract="boxed", normalise="hendrycks", tail=None).score[0],
        # the source pays -1 where a score of ours is 0
        'verl_math_dapo_on_"Answer: x"': 2 * math_string([f"Answer: {x}"], [gold]).score[0] - 1,
        "math_verify_0.9.0_gold_boxed": programs.verify({"gold": f"\\boxed{{{gold}}}", "answer": solution}),
        "rg_cascade_on_box_content": cascade.cascade({"answer": x, "expected": gold, "native": [0.0]}),
    }


def _cascade(answer: str, expected: str) -> dict[str, Any]:
    cascade = pytest.importorskip("guerdon.programs.cascade")
    return {
        "string": cascade.same_text(answer, expected),
        "float": float(cascade.close(answer, expected)),
        "cascade": cascade.cascade({"answer": answer, "expected": expected, "native": [0.0]}),
    }


def _repetition(ids: list[list[int]]) -> dict[str, Any]:
    width = max(len(row) for row in ids)
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in ids])
    mask = torch.tensor([[True] * len(row) + [False] * (width - len(row)) for row in ids])
    found = repetition([""] * len(ids), tokens=tokens, mask=mask, n=2, unit="token")
    return {"reward": found.tolist()}


def _several_boxes(case: Mapping[str, Any]) -> bool:
    return case["inputs"].get("solution", "").count("\\boxed") > 1


_ARTEFACT = "with two boxes the text handed over is the broken fragment between them, which no caller would hand over"
EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion("verl_math_dapo*", _several_boxes, _ARTEFACT),
    Exclusion("rg_cascade*", _several_boxes, _ARTEFACT),
)
TOLERANCE: dict[str, tuple[float, float]] = {"reward*": (1e-6, 1e-7)}
