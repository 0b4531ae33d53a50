"""What every adapter of reference vectors shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exclusion:
    """Outputs that are not compared: a glob over their paths, a condition on the case, and the reason.

    A case of which nothing is left to compare fails, unless ``whole_case`` says that the reason covers all of it.
    """

    output: str
    when: Callable[[Mapping[str, Any]], bool]
    reason: str
    whole_case: bool = False
