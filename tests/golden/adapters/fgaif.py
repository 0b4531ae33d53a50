"""The released cuts of a sentence into clauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon.ops.segments import clause_starts


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our start flags and clauses."""
    words, least = case["inputs"]["tokens"], case["inputs"]["min_words"]
    starts = clause_starts(words, min_words=least)
    ends = [*starts[1:], len(words)]
    return {
        "is_start": [k in starts for k in range(len(words))],
        "segments": [" ".join(words[a:b]) for a, b in zip(starts, ends, strict=True)],
    }


def boundary(case: Mapping[str, Any]) -> bool:
    """A mark has exactly ``min_words`` words after it."""
    words, least = case["inputs"]["tokens"], case["inputs"]["min_words"]
    return any(w.endswith((",", ";", "!", "?")) and len(words) - k - 1 == least for k, w in enumerate(words))


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion("*", boundary, "whether exactly that many words suffice is not known", whole_case=True),
)
TOLERANCE: dict[str, tuple[float, float]] = {}
