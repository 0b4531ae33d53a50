"""verl: ``compute_score`` by its documented call, for one row and for a batch; verl itself is not imported."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from guerdon.adapters import verl, verl_batch
from guerdon.errors import RecipeError
from guerdon.rewards.verifiers.numeric_close import numeric_close

ASK = "numeric_close:extract=last_number"
TEXTS = ["it is 4", "it is 4.1", "no", "5", "6"]
GOLDS = ["4", "4", "4", "?", None]


def test_one_row_and_a_batch_give_the_numbers_of_the_reward():
    direct = numeric_close(["4", "4.1", "", "5", "6"], GOLDS)
    one = verl(ASK)
    found = [
        one(data_source="gsm8k", solution_str=t, ground_truth=g, extra_info={"index": 3}, reward_router_address="x")
        for t, g in zip(TEXTS, GOLDS, strict=True)
    ]
    assert [f["score"] for f in found] == pytest.approx(direct.score, nan_ok=True)
    assert [f["status"] for f in found] == ["scored", "scored", "failed", "unscored", "unscored"]
    assert [f["reason"] for f in found] == direct.reason
    assert [f["acc"] for f in found[:3]] == [1.0, 1.0, 0.0]
    assert math.isnan(found[3]["acc"])
    batch = verl_batch(ASK)(data_sources=["a"] * 5, solution_strs=TEXTS, ground_truths=GOLDS, extra_infos=[None] * 5)
    assert repr(batch) == repr(found)


def test_every_answer_has_the_same_keys_and_types():
    for row in verl_batch(ASK)(["a"] * 5, TEXTS, GOLDS):
        assert {k: type(v) for k, v in row.items()} == {"score": float, "acc": float, "status": str, "reason": str}


def test_another_number_for_what_has_no_score_must_be_asked_for():
    assert verl(ASK, unscored=-1.0)("a", "5", None)["score"] == -1.0
    assert math.isnan(verl(ASK)("a", "5", None)["score"])


def test_columns_come_from_extra_info_and_never_over_the_answer():
    f = verl("numeric_close:gold=truth.value,extract=last_number")
    assert f("a", "so 4", "ignored", {"truth": {"value": 4}, "completion": "5"})["score"] == 1.0
    with pytest.raises(RecipeError, match="needs 'length'"):
        verl("length_penalty")("a", "b", "c")


def test_gold_lists_arrive_as_arrays():
    numpy = pytest.importorskip("numpy")
    assert verl(ASK)("a", "5", numpy.array(["4", "5"]))["score"] == 1.0


def test_threads_may_share_it():
    f = verl(ASK)
    rows = [("a", str(i), str(i % 2 and i), {"k": i} if i % 3 else None) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda r: f(*r)["score"], rows))
    assert found == [1.0 if i % 2 or i == 0 else 0.0 for i in range(200)]
