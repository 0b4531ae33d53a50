from __future__ import annotations

import pytest

from guerdon.ops.check_cases import cases_of


def one(statement):
    return cases_of(f"def check(candidate):\n    {statement}\n")


@pytest.mark.parametrize(
    ("statement", "args", "expected"),
    [
        ("assert candidate(1) == 2", "(1,)", "2"), ("assert candidate() is None", "()", "None"),
        ("assert candidate('a' + 'b', [1, -2]) == (3.5, {'x': {1}})", "('ab', [1, -2])", "(3.5, {'x': {1}})"),
        ("assert candidate(3 * 5) == [2 * 3, 4 // 3], 'message'", "(15,)", "[6, 1]"),
        ("assert candidate(0**0) == 2.0 / 4.0", "(1,)", "0.5"),
        ("assert candidate('ab' + 'cd' + 'ef') == 'x' * 9", "('abcdef',)", "'xxxxxxxxx'"),
        ("assert candidate('ab' * 3) == 13441 * 19", "('ababab',)", "255379"),
    ],
)  # fmt: skip
def test_an_equality_with_a_constant_is_a_case(statement, args, expected):
    found = one(statement)
    assert found.left == ()
    assert found.cases == ({"args": args, "kwargs": "{}", "expected": expected},)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("assert candidate(1)", "is true"), ("assert not candidate(1)", "is true"),
        ("assert candidate(1) != 2", "NotEq"), ("assert 1 < candidate(1) < 3", "Lt, Lt"),
        ("assert abs(candidate(1) - 2) < 1e-6", "by Lt"), 
        ("assert tuple(candidate(1)) == (2,)", "more with the result"),
        ("assert candidate(1) == candidate(2)", "no constant"), ("assert candidate(*x) == 1", "unpacks"),
        ("for x in range(3):\n        assert candidate(x) == x", "(For)"),
        ("assert candidate('a' * 1000000) == 1", "too large"), ("assert candidate(9**9**9) == 1", "too large"),
        ("assert candidate(1 / 0) == 1", "division"), ("import math", "(Import)"),
        ("assert candidate('a' + 1) == 1", "no const"),
    ],
)  # fmt: skip
def test_what_says_more_is_named(statement, says):
    found = one(statement)
    assert found.cases == ()
    assert says in found.left[0]


def test_what_says_nothing_is_passed_over():
    found = cases_of("META = {}\n'''doc'''\nassert f(1) == 2\nassert True, 'x'\n", "f")
    assert len(found.cases) == 1
    assert found.left == ()
