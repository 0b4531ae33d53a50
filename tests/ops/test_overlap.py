from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import UnknownNameError
from guerdon.ops.overlap import bag_f1, bag_jaccard, best_total, missing_parts, pairs, parts_of, words


def test_words_by_normalisation():
    assert words("The U.S.  economy, a giant", "squad") == ["us", "economy", "giant"]
    assert words("The U.S.  economy.", "text") == ["the", "u.s.", "economy"]
    assert words(" A b ", "none") == ["A", "b"]
    with pytest.raises(UnknownNameError, match="squad"):
        words("a", "squat")


def test_bags_count_repeats():
    # shared 2 of (3 + 2): F1 = 4/5, Jaccard 2/3
    assert bag_f1(["a", "b", "b"], ["b", "b"]) == pytest.approx(0.8)
    assert bag_jaccard(["a", "b", "b"], ["b", "b"]) == pytest.approx(2 / 3)
    assert (bag_f1([], []), bag_jaccard([], [])) == (0.0, 1.0)


def test_parts():
    assert parts_of("red, blue,  , green") == ["red", "blue", "green"]
    assert missing_parts("Red and blue", ["red", "BLUE", "1,000"]) == ["1,000"]
    assert missing_parts("Red", ["red"], normalise=False) == ["red"]
    assert missing_parts("a12 12b 312", ["12"], whole=True) == ["12"]
    assert missing_parts("(12), 3", ["12", "3"], whole=True) == []


@given(st.lists(st.sets(st.integers(0, 4), max_size=5), max_size=5))
def test_pairing_is_valid_and_the_largest(fits):
    found = pairs(fits)
    used = [c for c in found if c >= 0]
    assert len(used) == len(set(used))
    assert all(c < 0 or c in row for c, row in zip(found, fits, strict=True))
    # by trying every assignment of rows to columns or to nothing
    options = [[*row, -1] for row in fits]
    largest = 0
    for choice in itertools.product(*options):
        taken = [c for c in choice if c >= 0]
        if len(taken) == len(set(taken)):
            largest = max(largest, len(taken))
    assert len(used) == largest


def test_pairing_of_many_rows_is_quick():
    n = 400
    assert sorted(pairs([set(range(n)) for _ in range(n)])) == list(range(n))


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=4))
def test_best_total_equals_trying_all(points):
    rows, columns = range(len(points)), range(3)
    if len(points) <= 3:
        ways = [sum(points[i][c] for i, c in zip(rows, p, strict=False)) for p in itertools.permutations(columns)]
    else:
        ways = [sum(points[r][c] for r, c in zip(p, columns, strict=False)) for p in itertools.permutations(rows)]
    assert best_total(points) == pytest.approx(max(ways))
