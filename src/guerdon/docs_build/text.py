"""Docstring markup to Markdown, and the small pieces pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def markdown(text: str) -> str:
    """Docstring markup as Markdown; formulas as GitHub writes them.

    Example:
        >>> markdown("``a`` and :math:`x^2`, see :func:`~guerdon.ops.kl.kl_estimate`")
        '`a` and $`x^2`$, see `kl_estimate`'
    """
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\0{len(kept) - 1}\0"

    text = re.sub(r":math:`([^`]*)`", lambda m: keep(f"$`{m[1]}`$"), text)
    text = re.sub(r":\w+:`([^`]*)`", lambda m: keep(f"`{m[1].rpartition('.')[2].lstrip('~')}`"), text)
    text = re.sub(r"``([^`]*)``", lambda m: keep(f"`{m[1]}`"), text)
    text = re.sub(r"(?<!\\)([*_<>\[\]])", r"\\\1", text)
    return re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)


def table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    """A Markdown table; nothing when there are no rows."""
    cells = [[" ".join(str(c).split()).replace("|", "\\|") for c in row] for row in rows]
    if not cells:
        return ""
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fence(language: str, text: str) -> str:
    """A fenced block; nothing when there is no text."""
    return f"```{language}\n{text.rstrip()}\n```" if text.strip() else ""


def code(text: object) -> str:
    """Inline code; nothing for an empty text."""
    shown = str(text)
    return f"`{shown}`" if shown else ""


def section(title: str, *parts: str) -> str:
    """A heading with its parts; nothing when all are empty."""
    kept = [p for p in parts if p]
    return "\n\n".join([f"## {title}", *kept]) if kept else ""


def page(*parts: str) -> str:
    """Parts joined into one file."""
    return "\n\n".join(p.strip("\n") for p in parts if p.strip()) + "\n"


def slug(name: str) -> str:
    """A name as part of a path or an anchor.

    Example:
        >>> slug("preference loss"), slug("grpo/verl")
        ('preference-loss', 'grpo-verl')
    """
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
