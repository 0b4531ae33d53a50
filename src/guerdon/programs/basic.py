"""The smallest programs: one that returns its payload, and the known-good one that tells a sick worker from a bomb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def echo(payload: Mapping[str, Any]) -> Any:
    """The entry ``value`` of the payload.

    Example:
        >>> echo({"value": [1, "a", None]})
        [1, 'a', None]
    """
    return payload["value"]


def canary(payload: Mapping[str, Any]) -> int:
    """Work whose answer is known: text of a megabyte, and the sum of the squares below ``n``.

    A worker that cannot do this in its time is sick, whatever was sent to it before.

    Example:
        >>> canary({"n": 4})
        14
    """
    text = "x" * (1 << 20)
    return sum(i * i for i in range(payload["n"])) if len(text) == 1 << 20 else -1
