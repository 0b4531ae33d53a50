"""Boxes and segments as numbers: read from text, and measured."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

Box = tuple[float, ...]
_NUMBER = r"(?<![\w.])[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,2})?(?=(?:s|sec|px|%)?(?![\w.]*\w))"
_ANY = re.compile(_NUMBER)


def numbers_in(text: str) -> list[float]:
    """Every number that stands alone in a text; digits inside names such as ``bbox_2d`` do not count.

    Example:
        >>> numbers_in("bbox_2d: [10, -2.5] or 3-7s")
        [10.0, -2.5, 3.0, 7.0]
    """
    return [float(m) for m in _ANY.findall(text)]


def boxes_in(value: Any, size: int) -> list[Box] | None:
    """Groups of ``size`` numbers in a text or in a list; None where the numbers do not come in such groups.

    Bracketed groups win: in ``{"box": [1, 2, 3, 4], "label": "gate 7"}`` the 7 belongs to no box.

    Example:
        >>> boxes_in("[[0, 0, 2, 2], [1, 1, 3, 3]]", 4), boxes_in([1, 2, 3, 4], 4), boxes_in("1 2 3", 4)
        ([(0.0, 0.0, 2.0, 2.0), (1.0, 1.0, 3.0, 3.0)], [(1.0, 2.0, 3.0, 4.0)], None)
    """
    if isinstance(value, str):
        groups = [numbers_in(g) for g in _bracketed(size).findall(value)]
        if groups:
            return [tuple(g) for g in groups]
        flat = numbers_in(value)
        fits = flat and len(flat) % size == 0
        return [tuple(flat[i : i + size]) for i in range(0, len(flat), size)] if fits else None
    if not isinstance(value, (list, tuple)) or not value:
        return None
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value):
        return [tuple(float(v) for v in value)] if len(value) == size else None
    found = [boxes_in(v, size) for v in value]
    return None if any(f is None for f in found) else [b for f in found for b in f or ()]


@functools.cache
def _bracketed(size: int) -> re.Pattern[str]:
    return re.compile(rf"[\[(]\s*{_NUMBER}%?(?:\s*[,;\s]\s*{_NUMBER}%?){{{size - 1}}}\s*[\])]")


def has_extent(box: Box) -> bool:
    """Whether lower ends stand first and no side is empty.

    Example:
        >>> has_extent((0, 0, 2, 2)), has_extent((2, 2, 0, 0)), has_extent((1, 1))
        (True, False, False)
    """
    half = len(box) // 2
    return all(math.isfinite(v) for v in box) and all(
        a < b for a, b in zip(box[:half], box[half:], strict=True)
    )  # fmt: skip


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (lower ends, then upper ends) or segments; 0 where one has no extent.

    Example:
        >>> round(overlap((0, 0, 2, 2), (1, 1, 3, 3)), 6), overlap((0, 4), (2, 4))
        (0.142857, 0.5)
    """
    if not (has_extent(a) and has_extent(b)):
        return 0.0
    half = len(a) // 2
    sides = [max(0.0, min(a[i + half], b[i + half]) - max(a[i], b[i])) for i in range(half)]
    shared = math.prod(sides)
    union = _volume(a) + _volume(b) - shared
    return shared / union if math.isfinite(union) else 0.0


def _volume(box: Box) -> float:
    half = len(box) // 2
    return math.prod(box[i + half] - box[i] for i in range(half))
