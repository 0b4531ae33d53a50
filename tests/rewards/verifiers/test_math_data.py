"""The maths verifier on real data: labelled GSM8K solutions, MATH-500 answers rewritten and mutated, labelled MATH."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import itertools
import json
import random
import sys
from pathlib import Path

import pytest

from guerdon.ops.mathtext import Rules, decide
from guerdon.rewards.verifiers.math import math

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
GSM8K, MATH500, BEST = (
    DATA / "gsm8k" / "example_model_solutions.jsonl.gz", DATA / "math500" / "test.jsonl",
    DATA / "best_of_n" / "math_cot.jsonl.gz",
)  # fmt: skip
pytestmark = pytest.mark.skipif(not MATH500.exists(), reason="the folder of real data is not here")


def items_module():
    pytest.importorskip("latex2sympy2_extended")
    path = ROOT / "benchmarks" / "math_items.py"
    spec = importlib.util.spec_from_file_location("math_items", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows_of(path):
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def wrong(items):
    found = []
    for relative in sorted({i.relative for i in items}):
        chosen = [i for i in items if i.relative == relative]
        v = math([i.completion for i in chosen], [i.gold for i in chosen], relative=relative)
        found += [(i.completion, i.gold, r) for i, s, r in zip(chosen, v.score, v.reason, strict=True) if s != i.right]
    return found


def test_gsm8k_labels():
    """At least 99.5 % of 5,276 published labels; the labels compare the last line as text, so none should differ."""
    models = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    rows = [(r[m], r["ground_truth"].rpartition("A:")[2].strip()) for r in rows_of(GSM8K) for m in models]
    v = math([s["solution"] for s, _ in rows], [g for _, g in rows])
    agree = sum((score == 1.0) == s["is_correct"] for (s, _), score in zip(rows, v.score, strict=True))
    assert len(rows) == 5276
    assert agree / len(rows) >= 0.995


def test_every_rewriting_of_a_gold_answer_is_accepted():
    module = items_module()
    items = [item for row in rows_of(MATH500) for item in module.rewritten(row["answer"])]
    assert {i.made_by for i in items} == set(module.FORMS)
    assert len(items) > 2000
    assert wrong(items) == []


def test_a_worked_solution_is_accepted():
    rows = rows_of(MATH500)
    v = math([r["solution"] for r in rows], [r["answer"] for r in rows])
    assert [r["answer"] for r, s in zip(rows, v.score, strict=True) if s != 1.0] == []


def test_no_mutation_is_accepted():
    module = items_module()
    rng = random.Random(1)
    items = [item for row in rows_of(MATH500)[::5] for item in module.mutated(row["answer"], rng)]
    assert len(items) > 500
    assert wrong(items) == []


@pytest.mark.slow
@pytest.mark.nightly
def test_no_mutation_of_any_answer_is_accepted():
    module = items_module()
    items = [
        i for seed in (2, 3) for row in rows_of(MATH500) for i in module.mutated(row["answer"], random.Random(seed))
    ]
    assert {i.made_by for i in items} == set(module.MUTATIONS)
    assert wrong(items) == []


# pairs of different MATH-500 gold answers that mean the same, or differ in a unit or a base that may be left out
SAME = {
    ("(-2,1)", "-2,1"), ("-2,1", "1,-2"), ("10,\\!080", "10080"), ("120", "120^\\circ"), ("15", "15\\mbox{ cm}^2"),
    ("180^\\circ", "\\pi"), ("2 \\sqrt{5}", "2\\sqrt{5}"), ("204_5", "54"), ("30", "30^\\circ"), ("36", "36^\\circ"),
    ("36", "\\$36"), ("36", "40_9"), ("36^\\circ", "40_9"), ("40", "40_9"), ("40_9", "\\$36"), ("42", "52_8"),
    ("5", "x=5"), ("90", "90^\\circ"), ("\\frac14", "\\frac{1}{4}"),
}  # fmt: skip


@pytest.mark.nightly
def test_no_other_gold_answer_is_taken_for_this_one():
    """All 90,300 ordered pairs of the 301 distinct gold answers: which are equal has been read by a person."""
    golds = sorted({row["answer"] for row in rows_of(MATH500)})
    pairs = list(itertools.permutations(golds, 2))
    equal = {tuple(sorted(p)) for p in pairs if decide(*p, Rules()).relation == "equal"}
    assert len(pairs) == 90_300
    assert equal == SAME


def test_labelled_samples_of_math():
    """400 labelled predictions; the one label that differs calls 10000 wrong where the gold answer is 10{,}000."""
    pairs = []
    for row in rows_of(BEST):
        predictions, labels = (
            ast.literal_eval(row[k]) if isinstance(row[k], str) else row[k] for k in ("pred", "correct")
        )
        pairs += [(p, row["answer"], right) for p, right in zip(predictions, labels, strict=True)]
    v = math([f"\\boxed{{{p}}}" for p, _, _ in pairs], [g for _, g, _ in pairs])
    differ = [(p, g) for (p, g, right), s in zip(pairs, v.score, strict=True) if (s == 1.0) != right]
    assert differ == [("10000", "10{,}000")]
