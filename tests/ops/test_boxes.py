from __future__ import annotations

import math

import pytest

from guerdon.ops.boxes import boxes_in, has_extent, numbers_in, overlap


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<box>10, 20</box>", [10, 20]), ("3.5s to 12s.", [3.5, 12]), ("from 3-7", [3, 7]), ("-3 to -1", [-3, -1]),
        ("bbox_2d x1 v2", []), ("10px 5%", [10, 5]), ("1e2 .5 2.", [100, 0.5, 2]), ("1.2.3", []), ("", []),
    ],
)  # fmt: skip
def test_numbers(text, found):
    assert numbers_in(text) == found


def test_groups():
    assert boxes_in('{"bbox_2d": [1, 2, 3, 4], "label": "gate 7"}', 4) == [(1, 2, 3, 4)]
    assert boxes_in("(1, 2), (3, 4)", 2) == [(1, 2), (3, 4)]
    assert boxes_in("1 2 3 4 5", 4) is None
    assert boxes_in("none", 4) is None
    assert boxes_in([[1, 2, 3, 4], "5 6 7 8"], 4) == [(1, 2, 3, 4), (5, 6, 7, 8)]
    assert boxes_in([1, 2], 4) is boxes_in([], 4) is boxes_in(None, 4) is boxes_in([True] * 4, 4) is None
    assert boxes_in("[" * 100_000, 4) is None
    assert len(boxes_in("1 " * 40_000, 4) or ()) == 10_000


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [  # check 3 of the Mixed-R1 dossier, and segments
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7), ((0, 0, 2, 2), (0, 0, 2, 2), 1), ((0, 0, 1, 1), (2, 2, 3, 3), 0),
        ((0, 0, 0, 2), (0, 0, 0, 2), 0), ((2, 2, 0, 0), (0, 0, 2, 2), 0), ((0, 10), (5, 15), 1 / 3),
        ((0, 0, math.nan, 2), (0, 0, 2, 2), 0), ((-1e308, -1e308, 1e308, 1e308), (0, 0, 1, 1), 0),
    ],
)  # fmt: skip
def test_overlap(a, b, value):
    assert overlap(a, b) == pytest.approx(value)


def test_extent():
    assert [has_extent(b) for b in ((0, 1), (1, 0), (0, 0), (0, 0, 1, 1), (0, 0, 1, 0))] == [1, 0, 0, 1, 0]
