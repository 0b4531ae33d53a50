from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import RecipeError
from guerdon.ops.tag_text import Block, cut, follows, names_of, read_order


def test_blocks():
    found = cut("so <think>1</think>\n<answer>2</answer>", ("think", "answer"))
    assert found == [
        Block("text", "so "), Block("think", "1"), Block("text", "\n"), Block("answer", "2"), Block("text", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a>1", "<a> is not closed"),
        ("<a><a>1</a></a>", "<a> inside <a>"),
        ("<a>1</b></a>", "</b> inside <a>"),
        ("1</a>", "</a> closes nothing"),
        ("<a></a>" * 5000, "more than 2000 blocks"),
    ],
)
def test_what_is_no_sequence_of_blocks(text, reason):
    assert cut(text, ("a", "b")) == reason


def test_opaque_stray_case_and_unknown_tags():
    assert cut("<b><a></b>", ("a", "b"), opaque=("b",)) == [Block("text", ""), Block("b", "<a>"), Block("text", "")]
    assert cut("x</a>", ("a",), stray=True) == [Block("text", "x</a>")]
    assert cut("< A >1</a>", ("a",), ignore_case=True) == [Block("text", ""), Block("a", "1"), Block("text", "")]
    assert cut("<A>1</A><i>", ("a",)) == [Block("text", "<A>1</A><i>")]


@pytest.mark.parametrize("written", ["", " ", "a (b", "a)", "* a", "a | ", "a, b", "()", "a (|b)"])
def test_orders_that_cannot_be_read(written):
    with pytest.raises(RecipeError, match="order of blocks"):
        read_order(written)


def test_names():
    assert names_of(read_order("text? (a | b-c)+ d")) == {"text", "a", "b-c", "d"}


ORDERS = ["a b", "a b?", "(a b)* c", "a (a|b|c)* c", "(a | a b)+ c?", "((a*)*)* b", "a? a? a? a a a"]


@pytest.mark.parametrize("written", ORDERS)
@given(st.text("abc", max_size=9))
def test_equals_a_regular_expression(written, sequence):
    assert follows(sequence, read_order(written)) == bool(re.fullmatch(written.replace(" ", ""), sequence))


def test_orders_that_blow_up_a_regular_expression_do_not():
    assert not follows("a" * 2000, read_order("((a*)*)* b"))
