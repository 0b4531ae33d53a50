"""What all commands share: JSON on request, aligned tables, the error of a wrong command line."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.errors import GuerdonError


class UsageError(GuerdonError):
    """The command line itself is wrong."""


def plain(value: Any) -> Any:
    """JSON-able data: numbers that are not finite become None, everything unknown its text.

    Example:
        >>> plain({"a": (1, float("nan"))})
        {'a': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def emit(data: Any) -> None:
    """Print one JSON document on stdout."""
    json.dump(plain(data), sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


def width(limit: int = 160) -> int:
    """Columns to write in: the terminal's, or unlimited when the output is piped."""
    return min(shutil.get_terminal_size().columns, limit) if sys.stdout.isatty() else 10**6


def table(
    rows: Sequence[Sequence[object]], header: Sequence[str], *, columns: int | None = None, wrap: bool = False
) -> str:
    """Rows as aligned text; the last column is cut to the terminal, or wrapped inside its column.

    Example:
        >>> print(table([["a", 1], ["bb", 22]], ["name", "n"]))
        name  n
        a     1
        bb    22
        >>> print(table([["a", "one two three four"]], ["name", "what"], columns=20, wrap=True))
        name  what
        a     one two three
              four
    """
    cells = [[str(c) for c in row] for row in [header, *rows]]
    sizes = [max(len(r[i]) for r in cells) for i in range(len(header))]
    left = sum(sizes[:-1]) + 2 * (len(sizes) - 1)
    room = max((columns or width()) - left, 14)
    lines = []
    for row in cells:
        start = "".join(c.ljust(s + 2) for c, s in zip(row[:-1], sizes[:-1], strict=True))
        if wrap:
            lines += _column(start, row[-1], room, left)
            continue
        last = row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"
        lines.append((start + last).rstrip())
    return "\n".join(lines)


def _column(start: str, text: str, room: int, left: int) -> list[str]:
    pieces = textwrap.wrap(text, room) or [""]
    return [(start + pieces[0]).rstrip(), *(" " * left + p for p in pieces[1:])]


def indent(text: str, by: str = "  ", *, fill: bool = False) -> str:
    """Text indented; ``fill`` wraps its long lines to the terminal."""
    room = min(width(), 120) - len(by)
    lines = text.splitlines()
    if fill:
        lines = [piece for line in lines for piece in (textwrap.wrap(line, room) or [""])]
    return "\n".join((by + line).rstrip() for line in lines)


def quiet_libraries() -> None:
    """Switch off progress bars of libraries, which would tear a view apart."""
    from transformers.utils import logging

    logging.disable_progress_bar()
