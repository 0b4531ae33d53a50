"""What every adapter of reference vectors shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exclusion:
    """Outputs that are not compared: a glob over their paths, a condition on the inputs, and the reason."""

    output: str
    when: Callable[[Mapping[str, Any]], bool]
    reason: str
