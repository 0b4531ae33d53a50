from __future__ import annotations

import csv
import json
import math
import re
import unicodedata
from fractions import Fraction
from pathlib import Path

import pytest

from guerdon.errors import DataError
from guerdon.ops.answers import number_of
from guerdon.ops.denotation import date_of, fold
from guerdon.records import Status
from guerdon.rewards.verifiers.table import table

WIKITQ = Path(__file__).parents[4] / "shared" / "data" / "wikitq"


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("italy", "Italy", 1.0), ("Ecuador|Chile", "Chile|Ecuador", 1.0), ("Chile", "Chile|Ecuador", 0.0),
        ("Chile|Ecuador|Peru", "Chile|Ecuador", 0.0), ("Chile|Chile", "Chile|Ecuador", 0.0),
        ("2004\n2005\n2006", "2004|2005|2006", 1.0), ("2004, 2005 and 2006", "2004|2005|2006", 1.0),
        ('["2004", 2005, 2006.0]', ["2004", "2005", "2006"], 1.0), ("[not json]", "not json", 0.0),
        ("Athens, Greece", "Athens, Greece", 1.0), ("Athens", "Athens, Greece", 0.0),
        ("17", "17 years", 1.0), ("17 days", "17 years", 0.0), ("100000", "100,000", 1.0),
        ("1995-01-26", "January 26, 1995", 1.0), ("a|b", "a\\pb", 0.0), ("Rome", [["Paris"], ["Rome"]], 1.0),
        ("4", 4, 1.0), ("4", [4], 1.0),
    ],
)  # fmt: skip
def test_rules(answer, gold, score):
    v = table([answer], [gold])
    assert (v.score, v.status) == ([score], [Status.SCORED])


def test_repeats():
    assert table(["a|a|b"], ["a|b"]).score == [0.0]
    assert table(["a|a|b"], ["a|b"], repeats="once").score == [1.0]
    assert table(["a;b"], ["b;a"], separator=";").score == [1.0]


def test_whose_fault():
    answers = ["", None, " | ", "x" * 20_001, "a|" * 201, "a", "a", "a"]
    v = table(answers, ["a"] * 5 + [None, "", []])
    assert v.status == [Status.FAILED] * 5 + [Status.UNSCORED] * 3
    assert math.isnan(v.score[-1])
    with pytest.raises(DataError, match="one value per signal"):
        table(["a"], [])


def _questions():
    if not (WIKITQ / "questions.tsv").exists():
        pytest.skip("no wikitq beside the repository (shared/data/wikitq)")
    lines = (WIKITQ / "questions.tsv").read_text("utf-8").splitlines()[1:]
    return [line.split("\t") for line in lines]


def _rewritten(gold):
    """The same answer written in other ways."""
    items = gold.split("|")
    yield "|".join(reversed(items))
    yield "\n".join(items)
    yield json.dumps(items, ensure_ascii=False)
    yield f"  {gold.upper() if 'ß' not in gold else gold}. "
    yield "|".join(f"“{i}”" if '"' not in i else i for i in items)
    yield "|".join(unicodedata.normalize("NFD", i) + " [1]" for i in items)
    if len(items) == 1 and (number := number_of(gold)) is not None and "%" not in gold and "/" not in gold:
        yield f"{float(number)}" if Fraction(str(float(number))) == number else gold
        yield f"{int(number):,}" if number.denominator == 1 else gold
    if len(items) == 1 and (date := date_of(fold(gold))) and -1 not in date:
        yield "{}-{:02}-{:02}".format(*date)


def test_real_gold_answers_are_accepted_in_every_form():
    """300 questions of WikiTableQuestions."""
    rows = _questions()
    golds = [r[3] for r in rows]
    assert table(golds, golds).score == [1.0] * 300
    pairs = [(form, gold) for gold in golds for form in _rewritten(gold)]
    refused = [
        (a, g) for (a, g), s in zip(pairs, table(*map(list, zip(*pairs, strict=True))).score, strict=True) if not s
    ]
    assert len(pairs) > 1800
    assert refused == []


def _bare(text):
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKD", text).casefold())


def test_real_wrong_cells_are_rejected():
    """Every cell of the question's own table whose letters and digits are not those of the gold answer.

    The benchmark's rules say themselves that some of them are right: a trailing bracket is no part of an item
    (``Greaves (2)``), 11.0 is 11, and a number fits the same number with a unit (``6`` for ``6 days``, ``7 lost`` for
    ``7``). Those, and no other, may be accepted.
    """
    count, accepted = 0, []
    for _, _, context, gold in _questions():
        with (WIKITQ / context).open(encoding="utf-8", newline="") as stream:
            cells = {c for row in csv.reader(stream, escapechar="\\", doublequote=False) for c in row}
        wrong = sorted(c for c in cells if _bare(c) not in (_bare(gold), ""))
        count += len(wrong)
        accepted += [(c, gold) for c, s in zip(wrong, table(wrong, [gold] * len(wrong)).score, strict=True) if s]
    brackets = [(c, g) for c, g in accepted if _bare(re.sub(r" \([^)]*\)$", "", c)) == _bare(g)]
    numbers = [(c, g) for c, g in accepted if (c, g) in (("11.0", "11"), ("6", "6 days"), ("7 lost", "7"))]
    assert count > 25_000
    assert sorted(accepted) == sorted(brackets + numbers)
    assert len(brackets) == 7
