"""Phrases in a text, as whole words."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence


def phrase_hits(text: str, phrases: Sequence[str]) -> list[str]:
    """Every place where one of the phrases stands as whole words, lower-cased, in order of appearance.

    Case is ignored; a phrase may not touch a letter, digit or underscore. Where several fit at one place, the first of
    the list counts, so longer phrases belong first.

    Example:
        >>> phrase_hits("Water, waterfall and CO2: water.", ["water", "CO2"])
        ['water', 'co2', 'water']
    """
    wanted = tuple(p for p in phrases if p)
    return [m.group().lower() for m in _pattern(wanted).finditer(text)] if wanted else []


@functools.lru_cache(maxsize=1024)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases))})(?!\w)", re.IGNORECASE)
