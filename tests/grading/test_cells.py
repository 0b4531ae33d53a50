"""Values of rows: found by a path, checked, and put together with those of other rows."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import DataError, RecipeError
from guerdon.grading.cells import collate, pick, reader, text
from guerdon.records import ToolCall, Turn


def test_a_path_goes_into_mappings_and_lists_and_a_column_of_that_very_name_wins():
    row = {"a": {"b": [{"c": 1}]}, "a.b": 2}
    assert pick(row, "a.b") == 2
    assert pick({"a": {"b": [{"c": 1}]}}, "a.b.0.c") == 1
    for path in ("x", "a.x", "a.b.5", "a.b.c", "a.b.0.c.d"):
        with pytest.raises(DataError, match="is missing"):
            pick({"a": {"b": [{"c": 1}]}}, path)


def test_completions_are_text_or_what_the_assistant_said():
    chat = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    assert text(chat) == "4"
    assert (
        text([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]) == "ab"
    )
    assert reader("prompt")([{"role": "system", "content": "be brief"}, chat[0]]) == "be brief\n2+2?"
    for bad in (None, 3, [], [1], {"content": "x"}):
        with pytest.raises(DataError):
            text(bad)


@pytest.mark.parametrize(
    ("value", "read"),
    [("4", "4"), (4, "4"), (2.5, "2.5"), (None, None), (["4", 5], ("4", "5")), ({"a": 1}, {"a": 1}),
     ([{"a": 1}], ({"a": 1},))],
)  # fmt: skip
def test_gold_answers_keep_their_shape_and_numbers_become_text(value, read):
    assert reader("gold")(value) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [("gold", True), ("gold", math.inf), ("length", 1.5), ("length", "7"), ("length", None), ("length", math.inf),
     ("is_correct", 1), ("gold_reward", "x"), ("answer", ["a"]), ("turns", "x"), ("tool_calls", [{"x": 1}]),
     ("tokens", "abc"), ("tokens", [1, "a"])],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error_and_never_guessed(name, value):
    with pytest.raises(DataError):
        reader(name)(value)


def test_records_are_made_from_plain_data():
    assert reader("turns")([{"role": "user", "content": "x"}]) == (Turn("user", "x"),)
    assert reader("tool_calls")([{"name": "f", "arguments": {"a": 1}}]) == (ToolCall("f", {"a": 1}),)


def test_numbers_become_tensors_and_rows_of_many_are_padded():
    assert torch.equal(collate("length", [3, 4]), torch.tensor([3, 4]))
    assert collate("gold_reward", [0.5, reader("gold_reward")(None)])[1].isnan()
    tokens = collate("tokens", [(1.0, 2.0), (3.0,)])
    assert tokens.tolist() == [[1, 2], [3, 0]]
    assert tokens.dtype == torch.long


def test_signals_that_no_file_can_hold_are_refused_by_name():
    with pytest.raises(RecipeError, match="hidden"):
        reader("hidden")
