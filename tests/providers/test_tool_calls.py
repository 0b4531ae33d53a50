from __future__ import annotations

from guerdon.providers.tool_calls import tool_calls
from guerdon.records import ToolCall


def test_one_tuple_per_row_and_broken_calls_are_marked():
    texts = ['<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>', "<tool_call>", "", None]
    assert tool_calls(texts) == [(ToolCall("f", {"x": 1}),), (ToolCall("", {}, ok=False),), (), ()]


def test_form_is_handed_on():
    assert tool_calls(['{"name": "f", "arguments": {}}'], form="openai") == [(ToolCall("f", {}),)]
    assert tool_calls(['{"name": "f", "arguments": {}}'], form="tags") == [()]
