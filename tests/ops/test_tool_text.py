from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import UnknownNameError
from guerdon.ops.tool_text import BROKEN, MAX_CALLS, is_json, load_json, read_calls, same_value, too_deep

F, G = ("f", {"x": 1}), ("g", {})
TAG = "<tool_call>%s</tool_call>"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (TAG % '{"name": "f", "arguments": {"x": 1}}', [F]),
        (TAG % '\n{"name": "f", "parameters": {"x": 1}}\n{"name": "g", "parameters": {}}\n', [F, G]),  # ToolRL
        (TAG % '[{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": null}]', [F, G]),
        (TAG % '{\n "name": "f",\n "arguments": {"x": 1}\n}', [F]),  # one object over several lines
        ("a " + TAG % '{"name": "f", "arguments": {"x": 1}}' + " b " + TAG % '{"name":"g","arguments":{}}', [F, G]),
        ('{"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{\\"x\\": 1}"}}]}', [F]),
        ('{"role": "assistant", "content": "hi", "tool_calls": null}', []),
        ('```json\n{"name": "f", "arguments": {"x": 1}}\n```', [F]),
        ('[{"name": "f", "arguments": {"x": 1}}]', [F]),
        ("no call at all", []),
        ("", []),
        ('{"answer": 5}', []),  # JSON, but no call
        ("[1, 2]", []),
    ],
)
def test_formats(text, calls):
    assert read_calls(text) == calls


@pytest.mark.parametrize(
    "inside",
    [
        "{bad}", "", "[]x", '{"name": "f"}', '{"arguments": {}}', '{"name": 3, "arguments": {}}',
        '{"name": "", "arguments": {}}', '{"name": "f", "arguments": [1]}', '{"name": "f", "arguments": "{"}',
        '{"name": "f", "name": "g", "arguments": {}}', '{"name": "f", "arguments": {"x": NaN}}',
        '{"name": "f", "arguments": {"x": ' + "9" * 500 + "}}", '{"name": "f", "arguments": {"x": ' + "[" * 99_000,
        '{"name": "f", "arguments": {"x": ' + "[" * 40 + "]" * 40 + "}}", "5", "null",
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_read_is_broken_and_never_no_call(inside):
    found = read_calls(TAG % inside)
    assert found
    assert set(map(repr, found)) == {repr(BROKEN)}


def test_an_element_that_never_closes_is_broken():
    assert read_calls('<tool_call>{"name": "g", "arguments": {}}</tool_call><tool_call>{"name"') == [G, BROKEN]
    assert read_calls('{"tool_calls": [{"function"') == [BROKEN]


def test_too_many_calls_and_unknown_formats():
    found = read_calls(TAG % '{"name": "g", "arguments": {}}' * (MAX_CALLS + 5))
    assert found == [G] * MAX_CALLS + [BROKEN]
    with pytest.raises(UnknownNameError, match="tags"):
        read_calls("", "tag")


def test_forms_exclude_each_other():
    tagged = TAG % '{"name": "g", "arguments": {}}'
    assert read_calls(tagged, "openai") == []
    assert read_calls('{"name": "g", "arguments": {}}', "tags") == []


def test_hostile_text_is_read_in_linear_time():
    texts = ["<tool_call>" * 9_000, (TAG % "{") * 4_000, "`" * 100_000, "```\n" * 25_000, '{"a":' * 20_000]
    start = time.process_time()
    for text in texts:
        read_calls(text)
    assert time.process_time() - start < 5  # generous: a quadratic reader needs minutes


def test_equal_values():
    assert same_value({"a": 1, "b": [None, "x"]}, {"b": [None, "x"], "a": 1.0})
    for a, b in ((True, 1), ("1", 1), ([1, 2], [2, 1]), ({"a": 1}, {"a": 1, "b": 2}), (None, ""), ("A", "a"), ([], {})):
        assert not same_value(a, b)
    for a, b in (("1", 1), (" Paris", "paris"), ("1,000", 1000.0), ("true", True), (["1"], [1]), (0.1, "0.1")):
        assert same_value(a, b, loose=True)
    for a, b in (("1", 2), (True, 1), (None, "None"), (float("nan"), 1)):
        assert not same_value(a, b, loose=True)


def test_json_limits():
    assert load_json("[1, 2]") == [1, 2]
    for text in ("[", "NaN", '{"a":1,"a":2}', "[" * 100_000):
        assert not is_json(load_json(text))
    assert not too_deep([[[]]], 3)
    assert too_deep([[[[1]]]], 2)


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    for call in (*read_calls(text), *read_calls(TAG % text)):
        assert isinstance(call[0], str)
