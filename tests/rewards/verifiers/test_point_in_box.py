from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.records import Status
from guerdon.rewards.verifiers.point_in_box import point_in_box

BOX = [0, 0, 10, 20]


def close(answer, gold=BOX, factor=0.5):
    return point_in_box([answer], [gold], form="closeness", sigma_factor=factor).score[0]


@pytest.mark.parametrize(
    ("answer", "hit"),
    [("(5, 5)", 1), ("0, 0", 1), ("10 20", 1), ("[10.01, 5]", 0), ('{"point_2d": [5, 21]}', 0), ("x=5, y=5", 1)],
)
def test_hits(answer, hit):
    assert point_in_box([answer], [BOX]).score == [hit]


def test_the_field_of_the_dossier():
    """Distances 0, .5, 1, 1.5, 2.5 in standard deviations (5 wide here): the numbers of check 1."""
    found = [close(f"{5 + 5 * d}, 10") for d in (0, 0.5, 1, 1.5, 2.5)]
    assert found == pytest.approx([1, 0.882497, 0.606531, 0.324652, 0.043937], abs=5e-7)


def test_moving_and_scaling_everything_changes_nothing():
    plain = close("7, 4")
    assert close("107, 54", [100, 50, 110, 70]) == pytest.approx(plain)
    assert close("70, 40", [0, 0, 100, 200]) == pytest.approx(plain)


def test_boxes_without_extent_and_far_points():
    assert close("5, 5", [5, 5, 5, 5]) == 1.0
    assert close("5.001, 5", [5, 5, 5, 5]) == pytest.approx(math.exp(-0.5))  # one least spread away
    assert close("1e30, 5") == 0.0
    assert point_in_box(["25, 5"], [[BOX, [20, 0, 30, 10]]]).score == [1.0]


def test_whose_fault():
    v = point_in_box(["", None, "here", "1 2 3", "(1,2) (3,4)"], [BOX] * 5)
    assert v.status == [Status.FAILED] * 5
    v = point_in_box(["1, 2"] * 4, [None, "there", [10, 10, 0, 0], [1, 2]])
    assert v.status == [Status.UNSCORED] * 4
    with pytest.raises(RecipeError, match="closeness needs sigma_factor"):
        point_in_box(["1, 2"], [BOX], form="closeness")
    with pytest.raises(RecipeError, match="above 0"):
        point_in_box(["1, 2"], [BOX], sigma_factor=0.0)
    with pytest.raises(DataError, match="one value per signal"):
        point_in_box(["1, 2"], [])
