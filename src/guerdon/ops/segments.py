"""Where a text is cut into units: at a separator, after sentences, or after clauses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Rule = Literal["separator", "sentence", "subsentence"]

_SENTENCE = re.compile(r"""[.!?]+["')\]]*(?=\s)|\n""")
_WORD = re.compile(r"\S+")
_CLAUSE = (",", ";", "!", "?")


def segment_ends(text: str, rule: Rule, *, separator: str = "\n\n", min_words: int = 5) -> list[int]:
    r"""Ends of the units of a text, as offsets; the last one is its length, and an empty text has none.

    A separator belongs to the unit before it, white space after a sentence to the next. A unit of white space alone
    is none: it belongs to the one before it, at the start of the text to the one after it.

    Example:
        >>> text = "First. Second, which is a longer one, goes on.\nThird"
        >>> [text[a:b] for a, b in zip([0, *segment_ends(text, "sentence")], segment_ends(text, "sentence"))]
        ['First.', ' Second, which is a longer one, goes on.\n', 'Third']
        >>> segment_ends("a;b;;c", "separator", separator=";")
        [2, 4, 5, 6]
    """
    if rule == "separator":
        cuts = [m.end() for m in re.finditer(re.escape(separator), text)]
    else:
        cuts = [m.end() for m in _SENTENCE.finditer(text)]
    ends = _with_text(text, cuts)
    if rule != "subsentence":
        return ends
    found = []
    for start, end in zip([0, *ends], ends, strict=False):
        words = list(_WORD.finditer(text, start, end))
        inner = clause_starts([w.group() for w in words], min_words=min_words)[1:]
        found += [*(words[k - 1].end() for k in inner), end]
    return found


def _with_text(text: str, cuts: Sequence[int]) -> list[int]:
    """Cuts with something between them; what stands at the end alone joins the unit before it."""
    kept: list[int] = []
    for cut in [*cuts, len(text)]:
        start = kept[-1] if kept else 0
        if text[start:cut].strip():
            kept.append(cut)
        elif kept:
            kept[-1] = cut
    if not kept and text:
        kept = [len(text)]
    return kept


def clause_starts(words: Sequence[str], *, min_words: int = 5) -> list[int]:
    """Indices of the words with which the clauses of one sentence begin.

    A clause ends after a word that ends in one of ``, ; ! ?`` when at least ``min_words`` words remain. One that
    would be shorter joins the clause before it, and the first one what follows.

    Example:
        >>> clause_starts("one two three four five six, seven eight nine ten eleven twelve".split())
        [0, 6]
    """
    cuts = [0]
    for k, word in enumerate(words):
        if not word.endswith(_CLAUSE) or len(words) - k - 1 < min_words:
            continue
        if k + 1 - cuts[-1] >= min_words:
            cuts.append(k + 1)
        elif cuts[-1]:
            cuts[-1] = k + 1
    return cuts if words else []
