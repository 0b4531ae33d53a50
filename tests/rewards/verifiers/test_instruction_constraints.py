from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status, Task
from guerdon.rewards.verifiers.instruction_constraints import instruction_constraints

SHORT = {"name": "words", "max": 3}
SHOUT = {"name": "ends_with", "suffix": "!"}


def judged(text, *rules, **options):
    return instruction_constraints([text], [Task("1", "?", fields={"constraints": list(rules)})], **options)


def test_all_or_a_share():
    assert judged("Hello there!", SHORT, SHOUT).score == [1.0]
    v = judged("one two three four", SHORT, SHOUT)
    assert v.score == [0.0]
    assert v.reason == ["words: 4, at most 3 wanted; ends_with: it does not end with '!'"]
    assert judged("one two three four!", SHORT, SHOUT, credit="fraction").score == [0.5]
    assert judged("one two", SHORT, SHOUT, SHORT, credit="fraction").score == [pytest.approx(2 / 3)]


def test_thinking_is_not_judged():
    text = "<think>a very long chain of thought</think>\nHi!"
    assert judged(text, SHORT, SHOUT).score == [1.0]
    assert judged(text, SHORT, SHOUT, after="").score == [0.0]
    assert judged("<think>a</think>  ", SHORT).status == [Status.FAILED]


def test_loose():
    framed = "Sure, here is the text you wanted:\n**Hello there!**\nAnything else?"
    assert judged(framed, SHORT, SHOUT).score == [0.0]
    assert judged(framed, SHORT, SHOUT, loose=True).score == [1.0]
    assert judged("one line without an end", SHOUT, loose=True).score == [0.0]
    assert judged("one", {"name": "words", "min": 2}, loose=True).score == [0.0]


@pytest.mark.parametrize("text", ["", None, " \n", "x" * 200_001])
def test_no_text_failed(text):
    v = judged(text, {"name": "forbidden_words", "words": ["a"]})
    assert (v.score, v.status) == ([0.0], [Status.FAILED])


@pytest.mark.parametrize("text", ["", "some text"])
def test_rules_that_cannot_be_used_are_unscored(text):
    for fields in ({}, {"constraints": []}, {"constraints": "words"}, {"constraints": ["words"]}):
        v = instruction_constraints([text], [Task("1", "?", fields=fields)])
        assert v.status == [Status.UNSCORED]
        assert math.isnan(v.score[0])
    v = judged(text, SHORT, {"name": "wrods", "max": 3})
    assert v.status == [Status.UNSCORED]
    assert v.reason == ["unknown constraint 'wrods': did you mean 'words' or 'keywords'?"]
    assert judged(text, {"name": "words"}).status == [Status.UNSCORED]


def test_one_verdict_per_row():
    assert instruction_constraints([], []).score == []
    with pytest.raises(DataError, match="one value per signal"):
        instruction_constraints(["a"], [])
