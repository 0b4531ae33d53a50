"""The runner of reference vectors can fail: each way of being wrong is told with its place and numbers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch


def _runner() -> Any:
    name = "golden_runner_under_test"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("test_golden.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def judged(outputs: dict[str, Any], ours: dict[str, Any], *, excluded: tuple = (), tolerance: dict | None = None):
    adapter = SimpleNamespace(run=lambda case: ours, EXCLUDED=excluded, TOLERANCE=tolerance or {})
    return _runner().judge({"name": "c", "inputs": {"n": 1}, "outputs": outputs}, adapter)


def exclusion(output: str, *, when: bool = True, whole_case: bool = False) -> Any:
    return _runner().support.Exclusion(output, lambda case: when, "the release is wrong", whole_case=whole_case)


def test_equal_values_pass_through_every_container() -> None:
    outputs = {"a": [[1.0, 2.0]], "b": {"c": "nan", "d": "-inf", "e": True, "f": None, "g": "text"}}
    ours = {
        "a": torch.tensor([[1.0, 2.0]]),
        "b": {"c": float("nan"), "d": -float("inf"), "e": True, "f": None, "g": "text"},
    }
    assert judged(outputs, ours) == ([], [])


@pytest.mark.parametrize(
    ("outputs", "ours", "told"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, "a[1]: expected 2.0, ours 2.1 (difference 0.1"),
        ({"a": {"b": 1.0}}, {"a": {}}, "a.b: the adapter gives no value, expected 1.0"),
        ({"a": 1.0}, {}, "a: the adapter gives no value"),
        ({"a": [1.0, 2.0]}, {"a": [1.0]}, "a: expected [1.0, 2.0], ours [1.0]"),
        ({"a": 1.0}, {"a": float("nan")}, "a: expected 1.0, ours nan"),
        ({"a": "nan"}, {"a": 0.0}, "a: expected 'nan', ours 0.0"),
        ({"a": "inf"}, {"a": 1e300}, "a: expected 'inf'"),
        ({"a": "x"}, {"a": "y"}, "a: expected 'x', ours 'y'"),
        ({"a": None}, {"a": 0.0}, "a: expected None, ours 0.0"),
    ],
)
def test_a_difference_is_told_with_its_path(outputs, ours, told: str) -> None:
    problems, _ = judged(outputs, ours)
    assert len(problems) == 1
    assert told in problems[0]


def test_tolerance_by_glob() -> None:
    # 1.0 against 1.00001: a relative difference of 1e-5, above the default of 1e-6
    assert judged({"a": 1.0}, {"a": 1.00001})[0]
    assert not judged({"a": 1.0}, {"a": 1.00001}, tolerance={"a*": (1e-4, 0.0)})[0]
    assert judged({"a": 1.0}, {"a": 1.00001}, tolerance={"b*": (1e-4, 0.0)})[0]


def test_an_excluded_output_is_reported_and_covers_what_is_below_it() -> None:
    problems, excluded = judged({"a": [9.0], "b": 1.0}, {"a": [0.0], "b": 1.0}, excluded=(exclusion("a"),))
    assert problems == []
    assert excluded == ["a is not compared: the release is wrong"]
    assert judged({"a": [9.0], "b": 1.0}, {"a": [0.0], "b": 1.0}, excluded=(exclusion("a", when=False),))[0]


def test_exclusions_may_not_empty_a_case_in_silence() -> None:
    problems, _ = judged({"a": 9.0}, {"a": 0.0}, excluded=(exclusion("*"),))
    assert "every output is excluded" in problems[0]
    assert judged({"a": 9.0}, {"a": 0.0}, excluded=(exclusion("*", whole_case=True),))[0] == []
