from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status, Task
from guerdon.rewards.verifiers.multiple_choice import multiple_choice

CITIES = Task("1", "Capital of France?", fields={"options": ["Rome", "Paris", "Berlin", "Oslo"]})


def one(answer, gold="B", task=CITIES, **how):
    v = multiple_choice([answer], [gold], [task] if task else None, **how)
    return v.score[0], v.status[0], v.reason[0]


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("B", 1), ("b", 1), ("(B)", 1), ("[b]", 1), ("B.", 1), ("B)", 1), ("**B**", 1), ("Option B", 1), ("$B$", 1),
        ("The answer is (B) Paris", 1), ("B. Paris", 1), ("B: paris.", 1), ("Paris", 1), (" PARIS. ", 1), ("paris", 1),
        ("A", 0), ("(D)", 0), ("Rome", 0), ("C. Berlin", 0), ("B. because of the tower", 1), ("B, B", 1),
    ],
)  # fmt: skip
def test_ways_to_name_an_option(answer, score):
    assert one(answer) == (score, Status.SCORED, "")
    assert one(answer, "Paris")[0] == score  # the gold answer as text
    assert one(answer, "(b)")[0] == score


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no answer found"), (None, "no answer found"), ("  ", "no answer found"),
        ("E", "no such option: 'E'"), ("B. Rome", "the letter and the text are of different options: 'B. Rome'"),
        ("A or B", "the answer names several options: 'A or B'"),
        ("(A), (B) and (C)", "the answer names several options: '(A), (B) and (C)'"),
        ("Paris or Rome", "the answer names no option: 'Paris or Rome'"),
        ("Lyon", "the answer names no option: 'Lyon'"), ("A dog", "the answer names no option: 'A dog'"),
        ("B" * 5000, "the answer is too long: '" + "B" * 39 + "…'"),
    ],
)  # fmt: skip
def test_what_names_no_one_option_failed(answer, reason):
    assert one(answer) == (0.0, Status.FAILED, reason)


def test_several_letters():
    assert [one(a, several="last")[0] for a in ("A or B", "B or A", "B")] == [1, 0, 1]
    both = [one(a, "A, C", several="set")[0] for a in ("A and C", "(C), (A)", "A", "A, B, C", "a/c", "AC")]
    assert both == [1, 1, 0, 0, 1, 0]
    assert one("A and C", ["A", "B"], several="set")[0] == 0  # a list is alternatives, not a set
    assert one("A, C", "A, C")[1] is Status.UNSCORED  # a set as gold where one option is asked for


def test_options_with_equal_texts_cannot_be_told_apart():
    twice = Task("1", "", fields={"options": ["4", "5", "4."]})
    assert [one(a, "A", twice)[0] for a in ("A", "C", "4", "B", "C. 4", "A. 5")] == [1, 1, 1, 0, 1, 0]


def test_a_letter_wins_over_a_text_that_is_that_letter():
    swapped = Task("1", "Which letter?", fields={"options": ["B", "A", "C"]})
    assert one("B", "B", swapped)[0] == 1
    assert one("B", "A", swapped)[0] == 0
    # beyond the options, a letter can only be a text
    assert one("X", "A", Task("1", "", fields={"options": ["X", "Y"]}))[0] == 1


def test_options_by_letter_and_with_their_letters():
    named = Task("1", "", fields={"options": {"p": "Rome", "q": "Paris"}})
    assert [one(a, "q", named)[0] for a in ("Q", "paris", "p")] == [1, 1, 0]
    led = Task("1", "", fields={"choices": ["A. Rome", "B. Paris"]})
    assert [one(a, "B", led, field="choices")[0] for a in ("Paris", "B. Paris", "A")] == [1, 1, 0]


def test_without_options_only_letters_are_read():
    assert [one(a, "B", None)[0] for a in ("b", "B. Paris", "Z")] == [1, 1, 0]
    assert one("Paris", "B", None)[1] is Status.FAILED
    assert one("B", "B", Task("1", ""))[0] == 1


def test_whose_fault():
    v = multiple_choice(["B", "B", "B"], ["Lyon", None, ["Lyon", "B"]], [CITIES] * 3)
    assert v.status == [Status.UNSCORED, Status.UNSCORED, Status.SCORED]
    assert math.isnan(v.score[0])
    assert v.score[2] == 1.0
    with pytest.raises(DataError, match="one value per signal"):
        multiple_choice(["a"], [])
