from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.box_iou import box_iou

pytest.importorskip("scipy", reason="scipy is not installed")
UNIT = [0, 0, 2, 2]


def one(answer, gold, **how):
    v = box_iou([answer], [gold], **how)
    return v.score[0]


@pytest.mark.parametrize(
    ("answer", "gold", "value"),
    [
        ("(1,1,3,3)", UNIT, 1 / 7), ("[0, 0, 2, 2]", UNIT, 1), ("0 0 2 2", "0, 0, 2, 2", 1), ("[5,5,6,6]", UNIT, 0),
        ('{"bbox_2d": [0, 0, 2, 1], "label": "car 3"}', UNIT, 0.5), ("[0.0, 0, 1, 1]", UNIT, 0.25),
        ("5 to 15", [0, 10], 1 / 3), ("from 0s to 10s.", "0-10", 1), ("[2, 4], [0, 1]", [[0, 1], [2, 4]], 1),
    ],
)  # fmt: skip
def test_one_box_or_segment(answer, gold, value):
    assert one(answer, gold) == pytest.approx(value)


def test_several_boxes_are_paired_as_well_as_possible():
    gold = [[0, 0, 2, 2], [0, 0, 2, 4]]
    # the second answer fits both gold boxes (IoU 1/2 and 1): greedy from the first gold box would waste it
    assert one("[0,0,2,4] [0,0,2,1]", gold) == pytest.approx((1 + 0.5) / 2)
    assert one("[0,0,2,4]", gold) == pytest.approx(0.5)
    assert one("[0,0,2,2] [0,0,2,4] [9,9,10,10] [8,8,9,9]", gold) == pytest.approx(0.5)
    assert one("[0,0,2,2] [0,0,2,4] [9,9,10,10] [8,8,9,9]", gold, spurious="free") == 1.0
    assert one("[0,0,2,4] [2,2,0,0]", gold) == pytest.approx(0.5)  # a box without extent overlaps nothing


def test_flooding_does_not_pay():
    grid = " ".join(f"[{i},{j},{i + 1},{j + 1}]" for i in range(10) for j in range(10))
    assert one(grid, [3, 3, 4, 4]) == pytest.approx(0.01)


def test_threshold():
    assert [one(a, UNIT, threshold=0.5) for a in ("[0,0,2,1]", "[0,0,2,0.99]", "[0,0,2,2]")] == [1, 0, 1]
    assert one("[0,0,2,1] [5,5,6,6]", [UNIT, [5, 5, 6, 6]], threshold=0.5) == 1.0
    assert one("[0,0,2,2] [0,0,2,2]", UNIT, threshold=0.5) == 0.5  # each gold box is found once
    for wrong in (0.0, 1.5, math.nan):
        with pytest.raises(RecipeError, match="threshold"):
            box_iou(["a"], [UNIT], threshold=wrong)


def test_forms_and_any_gold():
    assert one("[1, 1, 2, 2]", [1, 1, 2, 2], form="size") == 1.0
    assert one("[0, 0, 2, 2]", [1, 1, 2, 2], form="size") == pytest.approx(1 / 7)
    assert one("[5,5,6,6]", [UNIT, [5, 5, 6, 6]], golds="any") == 1.0
    assert one("[5,5,6,6] [0,0,2,2]", [UNIT, [5, 5, 6, 6]], golds="any") == 0.5


def test_whose_fault():
    answers = ["", None, "no box", "1 2 3", "[2,2,0,0]", "[0,0,0,2]", "[0,0,1,1] " * 201]
    v = box_iou(answers, [UNIT] * len(answers))
    assert v.status == [Status.FAILED] * len(answers)
    assert v.reason[-1] == "201 boxes, more than 200"
    v = box_iou(["[0,0,1,1]"] * 5, [None, "none", [1, 2, 3], [2, 2, 0, 0], []])
    assert v.status == [Status.UNSCORED] * 5
    assert all(math.isnan(s) for s in v.score)
    with pytest.raises(DataError, match="one value per signal"):
        box_iou(["a"], [])
