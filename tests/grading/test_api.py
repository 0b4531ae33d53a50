"""guerdon.score and guerdon.reward: the same scores from completions, rows and files."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

import guerdon
from guerdon.errors import DataError, RecipeError
from guerdon.records import Status


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
