from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Status
from guerdon.rewards.verifiers.block_match import block_match

SQUARE = "1 2 3\n4 5 6\n7 8 9"


@pytest.mark.parametrize(
    ("answer", "split", "value"),
    [
        (SQUARE, "cells", 1), ("123\n456\n789", "cells", 1), ("1|2|3\n\n4,5,6\n 7 8 9 ", "cells", 1),
        ("[[1,2,3],[4,5,6],[7,8,9]]", "cells", 1), ("1 2 3\n4 5 6\n7 9 8", "cells", 7 / 9),
        ("1 2 3\n4 5 6\n7 9 8", "rows", 2 / 3), ("1 2 3\n4 5 6", "cells", 2 / 3), ("1 2 3\n4 5 6", "rows", 2 / 3),
        (SQUARE + "\n1 2 3", "cells", 0.75), (SQUARE + "\n1 2 3", "rows", 0.75), ("123\n456\n789", "lines", 0),
        ("1 2 3 0\n4 5 6 0\n7 8 9 0", "cells", 0.75), ("x", "cells", 0),
    ],
)  # fmt: skip
def test_grids(answer, split, value):
    assert block_match([answer], [SQUARE], split=split).score == [pytest.approx(value)]


def test_gold_as_rows_and_several_solutions():
    rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert block_match([SQUARE], [rows]).score == [1.0]
    assert block_match([SQUARE], [["9 9 9", SQUARE]]).score == [1.0]
    assert block_match(["up\nleft"], [["up", "left"]], split="lines").score == [0.5]  # two plans of one step each
    assert block_match(["up\nleft"], [[["up"], ["left"]]], split="rows").score == [1.0]
    assert block_match(["12\n34"], [[[12], [34]]]).score == [1.0]  # a column of numbers
    assert block_match(["a b\nc"], [[["a", "b"], ["c"]]], split="rows").score == [1.0]


def test_whose_fault():
    v = block_match(["", None, " \n|", "1", "1", "1"], ["1", "1", "1", None, "", []])
    assert v.status == [Status.FAILED] * 3 + [Status.UNSCORED] * 3
    assert math.isnan(v.score[3])
    with pytest.raises(DataError, match="one value per signal"):
        block_match(["a"], [])


def test_hostile_answers():
    v = block_match(["[[" * 50_000, "1\n" * 50_000, "[[1]] x"], [SQUARE] * 3)
    assert v.status == [Status.FAILED, Status.SCORED, Status.SCORED]
    assert v.score[1] < 0.001
    assert v.score[2] == pytest.approx(1 / 9)  # "[[1]] x" are the cells 1 and x
