from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.plain_values import holds_nan, is_plain, same_value


class Always(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class AlwaysList(list):
    def __eq__(self, other):
        return True


@pytest.mark.parametrize(
    ("actual", "expected", "equal"),
    [
        (1, 1, True), (1, 1.0, True), (1.0, 1, True), (True, 1, False), (1, True, False), (0, False, False),
        (None, None, True), (None, 0, False), ("1", 1, False), (b"a", "a", False), (b"a", b"a", True),
        (2 + 0j, 2, True), (2 + 1j, 2 + 1j, True), (2 + 1j, 2, False), (math.inf, math.inf, True),
        (-math.inf, math.inf, False), (math.inf, 10**400, False), (10**400, 10.0**300, False), (10**400, 10**400, True),
        (2**53 + 1, float(2**53), False), (math.nan, math.nan, False), (0.0, -0.0, True),
        ([1, 2], [1, 2], True), ((1, 2), [1, 2], True), ([1, 2], [2, 1], False), ([1], [1, 1], False),
        ([True], [1], False), ({1, 2}, {2, 1}, True), ({1}, [1], False), ({True}, {1}, False), ({None}, {None}, True),
        (frozenset({1}), {1}, True), ({(1, 2)}, {(1, 2)}, True), ({(1, 2)}, {(1, 3)}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}, True), ({"a": 1}, {"a": 2}, False), ({1: "x"}, {"1": "x"}, False),
        ({True: 1}, {1: 1}, False), ({(1,): 2}, {(1,): 2}, True), ({"a": [1, {2}]}, {"a": [1, {2}]}, True),
        (Always(7), 1, False), ([Always(7)], [1], False), (AlwaysList(), [], False), (object(), None, False),
        (1, object(), False), ("a", ["a"], False), (["a"], "a", False),
    ],
)  # fmt: skip
def test_exact_types(actual, expected, equal):
    assert same_value(actual, expected) is equal


def test_lists_and_tuples_are_told_apart_on_request():
    assert not same_value((1, 2), [1, 2], sequences="same")
    assert not same_value([(1,)], [[1]], sequences="same")
    assert same_value([(1,)], [(1,)], sequences="same")


@pytest.mark.parametrize(
    ("actual", "expected", "equal"),
    [
        (0.335, 0.34, True), (0.325, 0.34, False), (0.5, 0.5, True), 
        (1000.0, 1009.0, True), (1000.0, 1010.2, False), (1000, 1009.0, True), (1000, 1009, False),
        ([1.0, {"a": 2.005}], [1, {"a": 2}], True), ({1.001}, {1.0}, True), ({1.001, 5}, {1.0, 6}, False),
        (1.005 + 2j, 1 + 2.005j, True), (math.nan, 1.0, False), (math.inf, 1e308, False),
    ],
)  # fmt: skip
def test_tolerance_is_for_floats_alone(actual, expected, equal):
    assert same_value(actual, expected, tolerance=0.01) is equal


def test_nested_too_deeply_is_equal_to_nothing():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert not same_value(deep, deep)
    assert holds_nan(deep)
    assert not is_plain(deep)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        | st.sets(st.integers() | st.text(max_size=3), max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_a_value_equals_itself(value):
    assert same_value(value, value, sequences="same")
    assert not holds_nan(value)
    assert is_plain(value)


def test_subclasses_are_not_plain():
    assert not any(
        map(is_plain, (Always(1), [Always(1)], AlwaysList(), {"a": object()}, {Always(1): 1}, {(Always(1),)}))
    )


@given(plain, plain)
def test_stricter_than_python_and_symmetric(a, b):
    found = same_value(a, b, sequences="same")
    assert same_value(b, a, sequences="same") is found
    if found:
        assert a == b


@pytest.mark.parametrize("value", [math.nan, [math.nan], {"a": (math.nan,)}, {math.nan: 1}, complex(0, math.nan)])
def test_where_a_nan_hides(value):
    assert holds_nan(value)
    assert not same_value(value, value)
