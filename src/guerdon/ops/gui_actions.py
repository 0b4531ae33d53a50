"""Actions on a screen: read from text, and compared by the rules of their type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

Action = Mapping[str, Any]
Empty = Literal["wrong", "right"]
_OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}
# what a text field of these types is called, and whether shared words are enough
_TEXT_FIELD = {"type": ("text", False), "open": ("text", True), "terminate": ("status", True),
               "system_button": ("button", False)}  # fmt: skip
POINTING, KNOWN = ("click", "long_press"), ("click", "long_press", "swipe", "wait", *_TEXT_FIELD)


def read_action(value: Any) -> Action | None:
    """The action in a text (its first JSON object, or the ``arguments`` of a call), or given as a mapping.

    Example:
        >>> read_action('I tap it: {"name": "mobile_use", "arguments": {"action": "Click", "coordinate": [1, 2]}}')
        {'action': 'click', 'coordinate': [1, 2]}
    """
    found = value if isinstance(value, Mapping) else _first_object(value) if isinstance(value, str) else None
    if found is not None and isinstance(found.get("arguments"), Mapping):
        found = found["arguments"]
    if found is None or not isinstance(found.get("action"), str):
        return None
    return {**found, "action": found["action"].strip().lower()}


def _first_object(text: str) -> Mapping[str, Any] | None:
    decoder, at = json.JSONDecoder(), text.find("{")
    for _ in range(20):  # a text full of braces is no action
        if at < 0:
            return None
        try:
            found, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        return found
    return None


def same_text(said: str, wanted: str, *, empty: Empty, words: bool = False) -> bool:
    """Whether one text contains the other, case and runs of space ignored, or they share most of their words.

    Args:
        said, wanted: the two texts.
        empty: whether an empty text is contained in any other; two empty ones are always the same.
        words: whether an F1 of the sets of words above one half is enough too.

    Example:
        >>> same_text("Hello  world", "hello", empty="wrong"), same_text("", "hello", empty="wrong")
        (True, False)
    """
    a, b = (" ".join(t.lower().split()) for t in (said, wanted))
    if not (a and b):
        return a == b or empty == "right"
    shared, total = len(set(a.split()) & set(b.split())), len(set(a.split())) + len(set(b.split()))
    return a in b or b in a or (words and 2 * shared > total / 2)


def direction_of(action: Action, *, reverse: bool = False) -> str | None:
    """Direction of a swipe: as said, turned round with ``reverse``; or from its two points, where y grows downwards.

    Example:
        >>> direction_of({"coordinate": [5, 9], "coordinate2": [5, 1]}), direction_of({"direction": "up"}, reverse=True)
        ('up', 'down')
    """
    start, end = point_of(action, "coordinate"), point_of(action, "coordinate2")
    if isinstance(action.get("direction"), str):
        said = next((d for d in _OPPOSITE if d in action["direction"].lower()), None)
        return _OPPOSITE.get(said or "") if reverse else said
    if start is None or end is None:
        return None
    dx, dy = end[0] - start[0], end[1] - start[1]
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def point_of(action: Action, key: str) -> tuple[float, float] | None:
    """The two finite numbers of a point."""
    point = action.get(key)
    if not isinstance(point, (list, tuple)) or len(point) != 2:
        return None
    if not all(isinstance(v, (int, float)) and abs(v) < 1e9 for v in point):
        return None
    return float(point[0]), float(point[1])


def near(said: tuple[float, float], wanted: tuple[float, float], size: tuple[float, float], tolerance: float) -> bool:
    """Whether two points are at most a share of the screen's width and height apart, as the diagonal of both."""
    return math.dist(said, wanted) <= math.hypot(tolerance * size[0], tolerance * size[1])


def text_field(kind: str, action: Action) -> tuple[str, bool]:
    """The text by which actions of this type are compared, and whether shared words are enough."""
    name, by_words = _TEXT_FIELD[kind]
    return str(action.get(name) or ""), by_words
