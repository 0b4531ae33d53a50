from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.set_overlap import set_overlap

CLAIMS = Path(__file__).parents[4] / "shared" / "data" / "veri-r1" / "scifact.parquet"
FORMS = ("jaccard", "coverage", "f1", "exact", "half")


@pytest.mark.parametrize(
    ("answer", "gold", "scores"),
    [  # |A & G|, |A|, |G|:  J, C, F1, exact, H
        ("a, b", ["a", "b"], (1, 1, 1, 1, 1)),
        ("a", ["a", "b", "c"], (1 / 3, 1 / 3, 0.5, 0, 0)),  # 1 of 3: half needs 2
        ("a, b, z", ["a", "b", "c"], (0.5, 2 / 3, 2 / 3, 0, 0.5)),
        ("a, b, x, y", ["a", "b"], (0.5, 1, 2 / 3, 0, 1)),
        ("z", ["a"], (0, 0, 0, 0, 0)),
        ("a, a", ["a"], (1, 1, 1, 1, 1)),  # repeats do not count
    ],
)
def test_forms(answer, gold, scores):
    found = [set_overlap([answer], [gold], form=f).score[0] for f in FORMS]  # type: ignore[arg-type]
    assert found == pytest.approx(list(scores))


def test_ways_to_write_a_set():
    assert set_overlap(['["a", "b"]', "b; a", "a\nb"], ["a, b"] * 3, form="exact").score == [1.0] * 3
    cited = "Label: SUPPORT Evidence: [[ a ]] [[b]] [[a]]"
    assert set_overlap([cited], ["[[a]] [[b]]"], form="exact", items="brackets").score == [1.0]
    assert set_overlap([cited], [["a", "b"]], form="exact", items="brackets").score == [1.0]
    assert set_overlap(["é"], ["é"], form="exact").score == [1.0]  # composed and decomposed
    assert set_overlap(["c"], [[["a"], ["c"]]], form="exact").score == [1.0]  # several accepted sets
    assert set_overlap(["[" * 5000], ["a"], form="exact").score == [0.0]


def test_an_empty_gold_set():
    assert set_overlap(["a", ""], [[], []]).score == [0.0, 0.0]  # Veri-R1: I = 0
    assert set_overlap(["a", ""], [[], ""], empty=1.0).score == [1.0, 1.0]  # its coverage metric
    assert set_overlap(["a", ""], [[], []], empty=None).score == [0.0, 1.0]
    with pytest.raises(RecipeError, match="empty"):
        set_overlap(["a"], [["a"]], empty=2.0)


def test_whose_fault():
    v = set_overlap(["", None, " , ", "a"], ["a", "a", "a", None])
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED]
    assert math.isnan(v.score[3])
    with pytest.raises(DataError, match="one value per signal"):
        set_overlap(["a"], [])


@given(st.sets(st.sampled_from("abcdef"), min_size=1), st.sets(st.sampled_from("abcdef"), min_size=1))
def test_order_of_the_forms(a, g):
    score = {f: set_overlap([",".join(a)], [sorted(g)], form=f).score[0] for f in FORMS}  # type: ignore[arg-type]
    assert score["exact"] <= score["jaccard"] <= score["f1"] + 1e-12
    assert score["jaccard"] <= score["coverage"] + 1e-12
    assert score["half"] <= 1.0


def test_real_evidence():
    """711 claims of SciFact: the gold ids alone score 1, and one id too many scores n / (n + 1)."""
    pyarrow = pytest.importorskip("pyarrow.parquet")
    if not CLAIMS.exists():
        pytest.skip("no scifact.parquet beside the repository (shared/data/veri-r1)")
    golds = [list(r["golden_answers"]["evidence"]) for r in pyarrow.read_table(CLAIMS).to_pylist()]
    golds = [g for g in golds if g]
    assert len(golds) > 300
    cited = [" ".join(f"[[{i}]]" for i in g) for g in golds]
    assert set_overlap(cited, golds, items="brackets").score == [1.0] * len(golds)
    more = set_overlap([c + " [[doc_id=0]]" for c in cited], golds, items="brackets").score
    assert more == pytest.approx([len(set(g)) / (len(set(g)) + 1) for g in golds])
    one = set_overlap([f"[[{g[0]}]]" for g in golds], golds, form="coverage", items="brackets").score
    assert one == pytest.approx([1 / len(set(g)) for g in golds])
