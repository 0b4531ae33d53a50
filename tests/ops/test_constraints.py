from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, UnknownNameError
from guerdon.ops.constraints import unmet


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("It's a well-known fact: 3.14!", "words", 5), ("", "words", 0), ("слова здесь", "words", 2),
        ("One. Two? Three!", "sentences", 3), ("One. Two", "sentences", 2), ("Pi is 3.14 or so.", "sentences", 1),
        ("He said \"no.\" She left…", "sentences", 2), ("你好。再见！", "sentences", 2), ("", "sentences", 0),
        ("a\n\nb\n\n\n\nc", "paragraphs", 3), ("a\nb\n\nc\n", "lines", 3), ("  abc ", "characters", 3),
        ("* a\n- b\n  • c\n-- d\n*e", "bullets", 3), ("1. a\n2) b\n3 c\n10. d", "numbered", 3),
        ("**bold** and *it* and 2 * 3 * 4", "highlights", 2), ("[name] lives in [city] []", "placeholders", 2),
        ("NASA and USA, A b", "capital_words", 2),
    ],
)  # fmt: skip
def test_counts(text, name, count):
    assert unmet(text, {"name": name, "min": count, "max": count}) == ""
    assert f"{name}: {count}, at least {count + 1} wanted" == unmet(text, {"name": name, "min": count + 1})
    if count:
        assert f"{name}: {count}, at most {count - 1} wanted" == unmet(text, {"name": name, "max": count - 1})


MET = [
    ("paragraphs", "a***b***c", {"min": 3, "separator": "***"}),
    ("keywords", "The cat, sat.", {"words": ["Cat", "sat"]}),
    ("keyword_count", "cat Cat cats", {"word": "cat", "min": 2, "max": 2}),
    ("forbidden_words", "concatenate", {"words": ["cat"]}),
    ("forbidden_characters", "no comma", {"characters": ",;"}),
    ("letter_count", "Banana", {"letter": "A", "min": 3, "max": 3}),
    ("case", "all lower 3!", {"kind": "lower"}),
    ("case", "ÄLL", {"kind": "upper"}),
    ("case", "The Old Man", {"kind": "title"}),
    ("starts_with", "\nDear", {"prefix": "Dear"}),
    ("ends_with", "bye. \n", {"suffix": "bye."}),
    ("first_word", "a b\n\nHello there", {"word": "hello", "paragraph": 2}),
    ("quoted", ' "a" ', {}),
    ("quoted", "«a»", {}),
    ("json", "[1]", {}),
    ("json", '```json\n{"a": 1}\n```', {}),
    ("title", "<<My Poem>>\ntext", {}),
    ("sections", "SECTION 1\na\n## Section 2\nb", {"marker": "Section", "min": 2, "max": 2}),
    ("parts", "a\n******\nb", {"separator": "******", "min": 2, "max": 2}),
    ("postscript", "text\nP.S. more", {}),
    ("one_of", " My answer is yes. ", {"options": ["My answer is yes", "My answer is no"]}),
]
NOT_MET = [
    ("keywords", "The cats", {"words": ["cat"]}), ("keyword_count", "cats", {"word": "cat", "min": 1}),
    ("forbidden_words", "A Cat.", {"words": ["dog", "cat"]}), ("forbidden_characters", "a, b", {"characters": ","}),
    ("letter_count", "xyz", {"letter": "a", "min": 1}), ("case", "Lower", {"kind": "lower"}),
    ("case", "123", {"kind": "upper"}), ("case", "The old Man", {"kind": "title"}),
    ("starts_with", "dear", {"prefix": "Dear"}),
    ("ends_with", "bye", {"suffix": "bye."}), ("first_word", "hello", {"word": "hello", "paragraph": 2}),
    ("first_word", "hello", {"word": "hello", "paragraph": 0}), ("quoted", '"', {}), ("quoted", 'a "b"', {}),
    ("json", "json: 1", {}), ("json", "[" * 100_000, {}), ("title", "<<>>", {}),
    ("sections", "section one", {"marker": "section", "min": 1}), ("parts", "a***a", {"separator": "***", "min": 2}),
    ("postscript", "P.S. only", {}), ("one_of", "yes and no", {"options": ["yes", "no"]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "values"), MET)
def test_met(name, text, values):
    assert unmet(text, {"name": name, **values}) == ""


@pytest.mark.parametrize(("name", "text", "values"), NOT_MET)
def test_not_met_and_named(name, text, values):
    assert unmet(text, {"name": name, **values}).startswith(name)


def test_every_constraint_is_tested_both_ways():
    from guerdon.ops.constraints import _known

    counts = {"words", "sentences", "lines", "characters", "bullets", "numbered", "highlights", "placeholders",
              "capital_words", "paragraphs"}  # fmt: skip
    assert {n for n, _, _ in MET} | counts == set(_known())
    assert {n for n, _, _ in NOT_MET} | counts == set(_known())


def test_the_nearest_name_is_given():
    with pytest.raises(UnknownNameError, match="did you mean 'keywords'"):
        unmet("", {"name": "keyword", "words": ["a"]})
    for name in ("unmet", "_count", "json.loads", None, ["words"]):
        with pytest.raises(UnknownNameError):
            unmet("", {"name": name})


@pytest.mark.parametrize(
    "rule",
    [
        {"name": "words"}, {"name": "words", "max": "3"}, {"name": "words", "max": True}, {"name": "words", "most": 3},
        {"name": "keywords"}, {"name": "keywords", "words": "cat"}, {"name": "keywords", "words": []},
        {"name": "keywords", "words": [1]}, {"name": "case", "kind": "camel"}, {"name": "starts_with", "prefix": ""},
        {"name": "quoted", "text": "x"}, {"name": "letter_count", "letter": "a"},
    ],
)  # fmt: skip
def test_values_are_checked(rule):
    with pytest.raises(DataError):
        unmet("", rule)


@given(st.text(max_size=300))
def test_any_text_is_judged(text):
    for name, _, values in (*MET, *NOT_MET):
        assert isinstance(unmet(text, {"name": name, **values}), str)


def test_long_text_takes_linear_time():
    texts = ["*a" * 50_000, "[" * 100_000, "- " * 50_000, "\n" * 100_000, "a" * 100_000, " \t" * 50_000, "<<" * 50_000]
    start = time.process_time()
    for text in texts:
        for name, _, values in MET:
            unmet(text, {"name": name, **values})
        for name in ("words", "sentences", "bullets", "numbered", "highlights", "placeholders", "capital_words"):
            unmet(text, {"name": name, "min": 1})
    assert time.process_time() - start < 10  # generous: a quadratic check needs minutes
