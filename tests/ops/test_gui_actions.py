from __future__ import annotations

import pytest

from guerdon.ops.gui_actions import direction_of, near, point_of, read_action, same_text


def test_reading():
    assert read_action({"action": " Click "}) == {"action": "click"}
    assert read_action({"arguments": {"action": "wait"}, "action": "x"}) == {"action": "wait"}
    assert read_action('{a} {b} {"action": "wait"}') == {"action": "wait"}
    assert read_action('{"action": 3}') is read_action(None) is read_action("{" * 99) is None
    assert read_action("{" * 21 + '"action": "wait"}') is None  # given up after 20 braces


@pytest.mark.parametrize(
    ("end", "direction"), [((9, 3), "right"), ((-9, 3), "left"), ((3, 9), "down"), ((3, -9), "up"), ((5, 5), "down")]
)
def test_directions_of_points(end, direction):
    assert direction_of({"coordinate": [0, 0], "coordinate2": list(end)}) == direction


def test_text_rules():
    # words shared 2 of (3 + 2): F1 = 4/5; 1 of (2 + 2): 1/2, which is not above one half
    assert same_text("a b c", "c a", empty="wrong", words=True)
    assert not same_text("a b c", "c a", empty="wrong")
    assert not same_text("a b", "b c", empty="wrong", words=True)


def test_points():
    assert point_of({"p": [1, 2]}, "p") == (1.0, 2.0)
    assert point_of({"p": [1]}, "p") is point_of({"p": "12"}, "p") is point_of({}, "p") is None
    assert point_of({"p": [float("nan"), 1]}, "p") is None
    assert near((0, 0), (3, 4), (30, 40), 0.1)  # the circle of radius hypot(3, 4) includes its edge
    assert not near((0, 0), (3, 4.01), (30, 40), 0.1)
