"""The table of stages in ``README.md``: ``python -m guerdon.docs_build.readme`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.docs_build import ROOT
from guerdon.method import STAGES
from guerdon.registry import index

START, END = "<!-- stages: written by python -m guerdon.docs_build.readme -->\n", "<!-- /stages -->\n"
_SHOWN = 6


def stage_table(cards: Sequence[Mapping[str, Any]]) -> str:
    """A row per stage that has methods: how many, what they return, and some of their names.

    Example:
        >>> card = {"name": "grpo", "stage": "advantage", "presets": [{"name": "dr_grpo"}]}
        >>> print(stage_table([card]).splitlines()[2])
        | advantage | 1 (and 1 preset) | Float[batch time], detached | `grpo` |
    """
    rows = ["| stage | methods | returns | such as |", "|---|---|---|---|"]
    for stage in STAGES.values():
        found = [c for c in cards if c["stage"] == stage.name]
        if not found:
            continue
        presets = sum(len(c["presets"]) for c in found)
        more = f" (and {presets} preset{'s' * (presets > 1)})" if presets else ""
        names = ", ".join(f"`{c['name']}`" for c in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        rows.append(f"| {stage.name} | {len(found)}{more} | {stage.returns} | {names} |")
    return "\n".join(rows) + "\n"


def filled(text: str) -> str:
    """The text with the table between its marks.

    Raises:
        ValueError: a mark is missing.
    """
    head, tail = text.index(START) + len(START), text.index(END)
    return text[:head] + stage_table(list(index().values())) + text[tail:]


def main(argv: Sequence[str] = ()) -> int:
    """Write the table; with ``--check`` write nothing and return 1 when it is stale."""
    file = ROOT / "README.md"
    text = file.read_text("utf-8")
    if "--check" in argv:
        stale = filled(text) != text
        if stale:
            print("README.md is stale; fix: make docs", file=sys.stderr)
        return int(stale)
    file.write_text(filled(text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
