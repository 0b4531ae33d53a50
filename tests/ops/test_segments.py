"""Cuts of a text: separators, sentences, clauses, white space, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.segments import clause_starts, segment_ends


def parts(text: str, rule, **options) -> list[str]:
    ends = segment_ends(text, rule, **options)
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\nb", ["a\n\n", "b"]),
        ("a\n\n\n\nb\n\n", ["a\n\n\n\n", "b\n\n"]),
        ("\n\na", ["\n\na"]),
        ("a.b", ["a.b"]),
        ("   ", ["   "]),
        ("", []),
    ],
)
def test_a_separator_belongs_to_what_stands_before_it(text, expected):
    assert parts(text, "separator", separator="\n\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3.14. Really? (Yes!) \"Fine.\" ok", ["It is 3.14.", " Really?", " (Yes!)", ' "Fine."', " ok"]),
        ("Wait... no\nx = 2", ["Wait...", " no\n", "x = 2"]),
        ("no end", ["no end"]),
    ],
)  # fmt: skip
def test_sentences(text, expected):
    assert parts(text, "sentence") == expected


def test_clauses_are_cut_within_sentences():
    text = "one two three four five six, seven eight nine ten eleven twelve. Well, yes."
    expected = ["one two three four five six,", " seven eight nine ten eleven twelve.", " Well, yes."]
    assert parts(text, "subsentence") == expected


@pytest.mark.parametrize(
    ("sentence", "starts"),
    [
        ("Well, yes, I see a dog in the picture!", [0]),
        ("a b c d e, f g h i j", [0, 5]),
        ("a b c d e, f g h i", [0]),
        # "f g," is too short for a clause of its own and joins the one before
        ("a b c d e, f g, h i j k l", [0, 7]),
        ("", []),
    ],
)
def test_a_clause_has_enough_words_on_both_sides(sentence, starts):
    assert clause_starts(sentence.split(), min_words=5) == starts


@given(st.text(alphabet="ab ,;.!?\n'", max_size=60), st.sampled_from(["separator", "sentence", "subsentence"]))
def test_units_cover_the_text_and_none_is_empty(text, rule):
    found = parts(text, rule, separator="\n", min_words=2)
    assert "".join(found) == text
    assert all(found)
    assert not text.strip() or all(p.strip() for p in found)
