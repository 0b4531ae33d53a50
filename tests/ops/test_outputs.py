from __future__ import annotations

import pytest

from guerdon.ops.outputs import same_output


@pytest.mark.parametrize(
    ("actual", "expected", "tokens", "lines", "exact", "floats"),
    [
        ("1 2\n", "1 2\n", True, True, True, True), ("1 2", "1 2\n", True, True, False, True),
        ("1  2", "1 2", True, False, False, True), ("1\n2\n", "1 2\n", True, False, False, True),
        ("1 2  \n\n", "1 2\n", True, True, False, True), ("\n1", "1", True, False, False, True),
        ("1", "1 2", False, False, False, False), ("1 2 3", "1 2", False, False, False, False), 
        ("", "", True, True, True, True),
        ("0.3333333", "0.33333333", False, False, False, True), ("0.334", "0.333", False, False, False, False),
        ("2.0", "2", False, False, False, True), ("x 2.0", "x 2", False, False, False, True),
        ("y 2", "x 2", False, False, False, False), ("nan", "1", False, False, False, False),
        ("inf", "1e308", False, False, False, False), ("1e999", "1e998", False, False, False, False),
        ("1_0", "10", False, False, False, False), ("YES", "yes", False, False, False, False),
        ("٣", "3", False, False, False, False), ("9" * 500 + ".0", "9" * 500, False, False, False, False),
    ],
)  # fmt: skip
def test_checkers(actual, expected, tokens, lines, exact, floats):
    found = [same_output(actual, expected, c, 1e-6) for c in ("tokens", "lines", "exact", "floats")]
    assert found == [tokens, lines, exact, floats]
