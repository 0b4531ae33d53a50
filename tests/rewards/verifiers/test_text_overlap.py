from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status
from guerdon.rewards.verifiers.text_overlap import text_overlap

pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
METRICS = ("bleu", "chrf", "chrf++", "rouge_1", "rouge_2", "rouge_l")
CAT, MAT = "The cat sat on the mat.", "The cat is on the mat."


@pytest.mark.parametrize("metric", METRICS)
def test_ends_of_the_range(metric):
    v = text_overlap([CAT, "zebra quilt"], [CAT, MAT], metric=metric)
    assert v.score[0] == pytest.approx(1.0)
    assert v.score[1] < 0.1
    assert 0.1 < text_overlap([CAT], [MAT], metric=metric).score[0] < 1.0


@pytest.mark.parametrize(
    ("metric", "answer", "gold", "value"),
    [
        ("rouge_1", "a b c", "a b d e", 2 * 2 / 7), ("rouge_2", "a b c", "a b c d", 2 * 2 / 5),
        ("rouge_l", "c a b", "a b c", 2 / 3), ("rouge_l", "police kill the gunman", "police killed the gunman", 0.75),
        # 4-gram precisions 5/5, 4/4, 3/3, 2/2 and the brevity penalty exp(1 - 6/5)
        ("bleu", "a b c d e", "a b c d e f", math.exp(-0.2)),
        # characters of "ab" in "abc": 1-grams P 1, R 2/3; 2-grams P 1, R 1/2; higher orders have none and do not
        # count; F with beta 2 of the means P = 1, R = 7/12
        ("chrf", "ab", "abc", 5 * (7 / 12) / (4 + 7 / 12)),
    ],
)  # fmt: skip
def test_values_by_hand(metric, answer, gold, value):
    assert text_overlap([answer], [gold], metric=metric).score == [pytest.approx(value)]


@pytest.mark.parametrize("stem", [False, True])
def test_rouge_l_equals_rouge_score(stem):
    pairs = [
        (CAT, MAT), ("Runners were running quickly", "a runner runs quick"), ("x y z x y", "y x z y"), ("-", "a"),
        ("the " * 40, "the cat " * 20),
    ]  # fmt: skip
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stem)
    for answer, gold in pairs:
        theirs = scorer.score(gold, answer)["rougeL"].fmeasure
        assert text_overlap([answer], [gold], metric="rouge_l", stem=stem).score == [pytest.approx(theirs)]


def test_the_best_of_several_references():
    assert text_overlap(["a dog"], [["the cat", "a dog"]], metric="bleu").score == [pytest.approx(1.0)]


@pytest.mark.parametrize("metric", METRICS)
def test_whose_fault(metric):
    v = text_overlap(["", None, "a" * 20_001, "a", "a", "é"], ["b", "b", "b", None, " ", "b"], metric=metric)
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 2 + [Status.SCORED]
    assert math.isnan(v.score[3])
    assert v.score[5] == 0.0
    with pytest.raises(DataError, match="one value per signal"):
        text_overlap(["a"], [], metric=metric)


def test_scripts_that_rouge_does_not_read():
    assert text_overlap(["日本"], ["日本"], metric="rouge_l").status == [Status.UNSCORED]
    assert text_overlap(["日本"], ["日本"], metric="chrf").score == [pytest.approx(1.0)]


def test_long_texts_stay_quick():
    long = " ".join(str(i % 977) for i in range(5000))[:20_000]
    assert text_overlap([long], [long + " 1"], metric="rouge_l").score[0] > 0.99
