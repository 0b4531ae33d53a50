from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.records.model import Rollout, Step, ToolCall, Turn

ALWAYS = ("id", "step", "task_id", "prompt", "completion", "reward", "v")
FLOATS = st.floats() | st.integers(-3, 3) | st.none()
TEXT = st.text(max_size=8)
JSON = st.recursive(FLOATS | TEXT | st.booleans(), lambda s: st.lists(s, max_size=3) | st.dictionaries(TEXT, s))
TURNS = st.builds(Turn, role=TEXT, content=TEXT, reward=FLOATS, calls=st.tuples(st.builds(ToolCall, name=TEXT)))
ROLLOUTS = st.builds(
    Rollout,
    id=TEXT, step=st.integers(0, 9), task_id=TEXT, prompt=TEXT, completion=TEXT,
    kind=st.sampled_from(["train", "eval"]), gold=JSON, domain=TEXT, group=st.integers(0, 2), sample=st.integers(0, 2),
    tokens=st.lists(st.integers(0, 9)).map(tuple), length=st.integers(0, 3), truncated=st.booleans(), answer=JSON,
    is_correct=st.none() | st.booleans(), reward=st.floats(), aspects=st.dictionaries(TEXT, st.floats()),
    status=st.dictionaries(TEXT, TEXT), advantage=st.none() | st.floats(), turns=st.lists(TURNS, max_size=2).map(tuple),
    steps=st.lists(st.builds(Step, text=TEXT, end=st.integers(0, 9), score=FLOATS), max_size=2).map(tuple),
    detail=st.dictionaries(TEXT, st.lists(JSON, max_size=4) | st.lists(st.floats(), max_size=4)),
)  # fmt: skip


def finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, (list, tuple)) else value


def slow_data(rollout: Rollout) -> dict[str, Any]:
    """What ``data`` promises, written without regard to speed."""
    out = {}
    for field in dataclasses.fields(Rollout):
        value = getattr(rollout, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        default = None if default is dataclasses.MISSING else default
        if field.name in ("turns", "steps"):
            value = [dataclasses.asdict(t) for t in value]
        if field.name in ALWAYS or not (value == default or value in ([], (), {})):
            out[field.name] = finite(value)
    return out


@settings(max_examples=60, deadline=None)
@given(ROLLOUTS)
def test_data_equals_its_plain_definition(rollout):
    fast, slow = rollout.data(), slow_data(rollout)
    assert list(fast) == list(slow)
    assert json.dumps(fast, allow_nan=False) == json.dumps(slow, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(ROLLOUTS)
def test_reading_gives_data_that_reads_the_same(rollout):
    once = Rollout.from_data(json.loads(json.dumps(rollout.data()))).data()
    assert once == Rollout.from_data(once).data()
    assert {k: v for k, v in once.items() if k != "advantage"} == {
        k: v for k, v in rollout.data().items() if k != "advantage"
    }


def test_numbers_that_are_not_finite_become_none_wherever_they_are():
    nan, inf = math.nan, math.inf
    rollout = Rollout(
        id="0:a:0", step=0, task_id="a", prompt="", completion="", reward=nan, advantage=inf, gold=(nan, 10**400),
        aspects=MappingProxyType({"a": nan, "b": 1.0}), detail={"x": [1.0, nan], "y": [1e308, 1e308], "z": [inf, -inf]},
    )  # fmt: skip
    data = rollout.data()
    assert (data["reward"], data["advantage"]) == (None, None)
    assert data["gold"] == [None, 10**400]
    assert data["aspects"] == {"a": None, "b": 1.0}
    # 1e308 + 1e308 overflows although each number is finite
    assert data["detail"] == {"x": [1.0, None], "y": [1e308, 1e308], "z": [None, None]}


def test_data_shares_nothing_mutable_with_the_rollout():
    columns = {"entropy": [0.5]}
    data = Rollout(id="", step=0, task_id="", prompt="", completion="", detail=columns, gold=[1]).data()
    data["detail"]["entropy"].append(1.0)
    assert columns == {"entropy": [0.5]}
