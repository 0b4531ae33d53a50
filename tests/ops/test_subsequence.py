from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.subsequence import f_beta, lcs_length


def table(a, b):
    """The textbook recurrence."""
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            rows[i][j] = rows[i - 1][j - 1] + 1 if x == y else max(rows[i - 1][j], rows[i][j - 1])
    return rows[-1][-1]


@given(st.lists(st.integers(0, 3), max_size=90), st.lists(st.integers(0, 3), max_size=90))
def test_equals_the_recurrence(a, b):
    assert lcs_length(a, b) == table(a, b) == lcs_length(b, a)


def test_long_sequences_are_quick():
    a, b = [i % 97 for i in range(20_000)], [i % 89 for i in range(20_000)]
    assert 0 < lcs_length(a, b) < 20_000
    assert lcs_length(a, a) == 20_000


@pytest.mark.parametrize(
    ("counts", "beta", "value"),
    [
        ((3, 4, 6), 1.0, 0.6),  # P = 3/4, R = 1/2: 2PR / (P + R) = 3/5
        ((3, 4, 6), 2.0, 5 * 0.375 / (0.5 + 4 * 0.75)),
        ((3, 4, 6), 0.0, 0.75),  # beta 0 is the precision
        ((0, 0, 5), 1.0, 0.0),
    ],
)
def test_f_beta(counts, beta, value):
    assert f_beta(*counts, beta) == pytest.approx(value)
