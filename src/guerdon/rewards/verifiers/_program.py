"""The program inside a completion."""

from __future__ import annotations

import re

MAX_TEXT = 200_000
POLICY = (
    "The last fenced block marked python, else the last fenced block, else the whole text; an open last fence runs to "
    "the end."
)
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})[ \t]*([\w+.#-]*)")
_PYTHON = ("python", "py", "python3", "py3")


def program_of(completion: str) -> str:
    r"""The program of a completion, ``""`` for none or for one longer than 200,000 characters.

    The last fenced block marked ``python``, else the last fenced block, else the whole text. Whether it is a program
    is decided where it runs: parsing hostile text is not safe in this process. Reads every line once.

    Example:
        >>> program_of("First:\n```python\nx = 1\n```\nbetter:\n```python\nx = 2\n```\nand\n```\nout\n```")
        'x = 2\n'
        >>> program_of("def f(x):\n    return x")
        'def f(x):\n    return x'
    """
    if len(completion) > MAX_TEXT:
        return ""
    blocks = _blocks(completion.replace("\r\n", "\n"))
    marked = [text for tag, text in blocks if tag in _PYTHON]
    chosen = marked or [text for _, text in blocks] or [completion]
    return chosen[-1] if chosen[-1].strip() else ""


def _blocks(text: str) -> list[tuple[str, str]]:
    """Tag and text of every fenced block; a fence that is never closed runs to the end."""
    found: list[tuple[str, str]] = []
    fence, tag, indent, inside = "", "", 0, []
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if not fence:
            if match:
                indent, fence, tag, inside = len(match.group(1)), match.group(2), match.group(3).lower(), []
        elif match and match.group(2).startswith(fence) and not line[match.end(2) :].strip():
            found.append((tag, _joined(inside)))
            fence = ""
        else:
            # a block inside a list item stands as far in as its fence
            lead = len(line) - len(line.lstrip(" "))
            inside.append(line[min(lead, indent) :])
    return [*found, (tag, _joined(inside))] if fence else found


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
