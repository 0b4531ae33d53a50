"""guerdon.score and guerdon.reward: the same scores from completions, rows and files."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import guerdon
from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.records import Status

GSM8K = Path(__file__).parents[3] / "shared/data/gsm8k/example_model_solutions.jsonl.gz"


def test_completions_rows_and_files_agree(tmp_path):
    texts, golds = ["4", "5", "x"], ["4", "4", None]
    rows = [{"response": t, "answer": g} for t, g in zip(texts, golds, strict=True)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    ask = "answer_equal:normalise=number"
    one = guerdon.score(texts, ask, gold=golds)
    two = guerdon.score(rows, ask, gold="answer", columns={"completion": "response"})
    three = guerdon.score(path, [ask], gold="answer", columns={"completion": "response"}, batch=2)
    four = guerdon.score(rows, guerdon.reward(ask), gold="answer", columns={"completion": "response"})
    for found in (one, two, three, four):
        assert found.score == pytest.approx([1.0, 0.0, math.nan], nan_ok=True)
        assert found.status == [Status.SCORED, Status.SCORED, Status.UNSCORED]
        assert found.reason == ["", "", "no gold answer"]
        assert found.summary()["score"]["mean"] == 0.5
    assert len(one) == 3
    assert one[1].aspects == {"answer_equal": 0.0}
    assert list(one.aspects) == ["answer_equal"]


def test_wrong_input_is_refused():
    with pytest.raises(DataError, match="every row needs one value"):
        guerdon.score(["a", "b"], "answer_equal", gold=["a"])
    with pytest.raises(DataError, match="no row"):
        guerdon.score([], "answer_equal")
    with pytest.raises(DataError, match="rows are a list"):
        guerdon.score("a", "answer_equal", gold=["a"])
    with pytest.raises(RecipeError, match="no reward"):
        guerdon.score(["a"], [], gold=["a"])
    mixed = guerdon.score([{"completion": "a", "gold": "a"}, 3], "answer_equal")
    assert mixed.tally.bad == 1


def test_the_parser_is_chosen_per_reward():
    found = guerdon.score(
        [r"first 1, then \boxed{2}"],
        ["answer_equal:extract=boxed,name=box", "answer_equal:extract=last_line,name=line", "answer_equal"],
        gold=["2"],
    )
    assert {n: v[0] for n, v in found.aspects.items()} == {"box": 1.0, "line": 0.0, "answer_equal": 0.0}


def test_two_entries_of_one_name_get_their_own_column():
    found = guerdon.score(["2"], ["answer_equal", "answer_equal:normalise=number"], gold=["2.0"])
    assert {n: v[0] for n, v in found.aspects.items()} == {"answer_equal": 0.0, "answer_equal_2": 1.0}


def test_importing_guerdon_loads_no_torch():
    code = "import sys, guerdon, guerdon.cli; assert guerdon.__all__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_gold_answers_at_the_end_of_a_solution_are_cut_out():
    golds = ["2+2=4\n#### 4", "no mark", None, ["#### 3", "#### 4"]]
    found = guerdon.score(["4"] * 4, "answer_equal", gold=golds, gold_format="hash")
    assert found.score == pytest.approx([1.0, math.nan, math.nan, 1.0], nan_ok=True)
    assert "no answer of format hash in it" in found.reason[1]
    assert found.tally.bad == 1
    assert guerdon.score(["4"], guerdon.reward("answer_equal"), gold=golds[:1], gold_format="hash").score == [1.0]
    with pytest.raises(UnknownNameError, match="hsh"):
        guerdon.score(["4"], "answer_equal", gold=["4"], gold_format="hsh")


@pytest.mark.skipif(not GSM8K.exists(), reason="the GSM8K solutions are not in ../shared/data")
def test_judgements_published_with_gsm8k_are_reproduced():
    # 1,319 solutions of two models with the authors' own verdicts; both sides end in a line "A: number"
    for model in ("6b_finetuning", "175b_verification"):
        found = guerdon.score(
            GSM8K, "numeric_close:relative=0,extract=answer_line", gold="ground_truth", gold_format="answer_line",
            columns={"completion": f"{model}.solution"},
        )  # fmt: skip
        with gzip.open(GSM8K, "rt", encoding="utf-8") as file:
            published = [json.loads(line)[model]["is_correct"] for line in file]
        assert found.tally.bad == 0
        wrong = [i for i, (s, p) in enumerate(zip(found.score, published, strict=True)) if (s == 1.0) != p]
        assert wrong == []
