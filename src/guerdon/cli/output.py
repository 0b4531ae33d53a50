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


def table(rows: Sequence[Sequence[object]], header: Sequence[str], *, columns: int | None = None) -> str:
    """Rows as aligned text; the last column is cut to the terminal.

    Example:
        >>> print(table([["a", 1], ["bb", 22]], ["name", "n"]))
        name  n
        a     1
        bb    22
    """
    cells = [[str(c) for c in row] for row in [header, *rows]]
    sizes = [max(len(r[i]) for r in cells) for i in range(len(header))]
    left = sum(sizes[:-1]) + 2 * (len(sizes) - 1)
    room = max((columns or width()) - left, 16)
    lines = []
    for row in cells:
        last = row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"
        lines.append("  ".join([*(c.ljust(s) for c, s in zip(row[:-1], sizes[:-1], strict=True)), last]).rstrip())
    return "\n".join(lines)


def indent(text: str, by: str = "  ") -> str:
    """A paragraph wrapped to the terminal and indented; lines that are already laid out stay."""
    room = min(width(), 120) - len(by)
    out = []
    for line in text.splitlines():
        keep = not line.strip() or line.startswith(" ") or len(line) <= room
        out += [by + line] if keep else textwrap.wrap(line, room, initial_indent=by, subsequent_indent=by)
    return "\n".join(line.rstrip() for line in out)
