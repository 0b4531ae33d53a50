from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.result_rows import same_cell, same_rows, tagged

NAN, INF = tagged("float", "nan"), tagged("float", "inf")


@pytest.mark.parametrize(
    ("a", "b", "loose", "strict"),
    [
        (1, 1.0, True, False), (True, 1, True, False), (1, "1", False, False), ("a", "A", False, False),
        (None, None, True, True), (None, "", False, False), (NAN, NAN, True, True), (INF, INF, True, True),
        (NAN, 1.0, False, False), (INF, 1e308, False, False), (tagged("decimal", "1.50"), 1.5, True, False),
        (tagged("date", "2020-01-01"), "2020-01-01", True, False), ([1, None], [1.0, None], True, False),
        ([1], [1, 2], False, False), (1_000_000, 1_000_001, False, False), (1e6, 1e6 + 0.5, True, True),
        (1e6, 1e6 + 2, False, False), (10**400, 10**400, True, True), (0.0, 5e-7, True, True),
    ],
)  # fmt: skip
def test_cells(a, b, loose, strict):
    assert same_cell(a, b) is loose
    assert same_cell(b, a) is loose
    assert same_cell(a, b, types="strict") is strict


def test_rows_are_a_bag_unless_ordered():
    rows = [[1, "a"], [1, "a"], [2, None]]
    assert same_rows(rows, rows[::-1])
    assert not same_rows(rows, rows[::-1], ordered=True)
    assert not same_rows(rows, rows[:2])
    assert not same_rows([[1], [2], [2]], [[1], [1], [2]])
    assert not same_rows([[1, 2]], [[1]])
    assert same_rows([], [])


def test_numbers_that_sort_apart_are_still_paired():
    # by their first column the rows would be compared crosswise
    found = [[1.0 + 1e-9, "b"], [1.0, "a"]]
    assert same_rows(found, [[1.0, "b"], [1.0 + 1e-9, "a"]])


def test_many_rows():
    rng = random.Random(0)
    rows = [[rng.random(), str(i)] for i in range(3000)]
    turned = [[x * (1 + 1e-9), s] for x, s in rows]
    rng.shuffle(turned)
    assert same_rows(turned, rows)
    turned[7][1] = "other"
    assert not same_rows(turned, rows)


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3)), min_size=2, max_size=2), max_size=6))
def test_any_order_of_the_same_rows(rows):
    assert same_rows(sorted(rows, key=repr), rows)
    assert not same_rows([*rows, [0, 0]], rows)
