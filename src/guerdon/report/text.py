"""Hostile text made safe to look at: a character that could hide, move or run something becomes a visible escape."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from markupsafe import Markup, escape

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_MAX_MARKS = 2  # accents on one letter; more only serve to paint over neighbouring lines


def visible(text: object, limit: int | None = None) -> Markup:
    r"""Text as HTML in which control, bidi, format and unassigned characters are shown as escapes.

    Newlines and tabs stay, because completions are shown with their own line breaks.

    Args:
        text: anything; turned into a string first.
        limit: characters kept; what is left out is counted at the end.

    Example:
        >>> print(visible("<b>\x1b[2J"))
        &lt;b&gt;<span class="esc">\x1b</span>[2J
    """
    string = str(text)
    kept, more = string[:limit], 0 if limit is None else max(0, len(string) - limit)
    out = [
        Markup('<span class="esc">{}</span>').format(part) if hidden else escape(part) for hidden, part in _runs(kept)
    ]
    if more:
        out.append(Markup('<span class="more">… {} more characters</span>').format(f"{more:,}"))
    return Markup("").join(out)


def plain(text: object, limit: int = 80) -> str:
    r"""The same escapes without markup, on one line; for chart labels, titles and attributes.

    Example:
        >>> plain("a\u202eb\nc")
        'a\\u202eb\\nc'
    """
    string = "".join(part for _, part in _runs(str(text)[: limit + 1]))
    string = string.replace("\n", "\\n").replace("\t", "\\t")
    return string if len(string) <= limit else string[: limit - 1] + "…"


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    """Alternating stretches of shown text and escapes."""
    shown: list[str] = []
    marks = 0
    for char in text:
        if char.isascii() and (char.isprintable() or char in "\n\t"):
            shown.append(char)
            marks = 0
            continue
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in _HIDDEN or kind == "Zs" or marks > _MAX_MARKS:
            if shown:
                yield False, "".join(shown)
                shown = []
            yield True, _escaped(char)
        else:
            shown.append(char)
    if shown:
        yield False, "".join(shown)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
