"""``guerdon report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guerdon.cli.output import UsageError, emit


def report(*runs: Path, out: Path | None = None, dry_run: bool = False, json: bool = False) -> int:
    """Write one self-contained HTML page about one or more runs; it opens without network.

    Args:
        runs: folders of runs.
        out: the file; default is report.html in the first run.
        dry_run: check that the runs can be read, write nothing.
        json: print one JSON object.
    """
    if not runs:
        raise UsageError("no run given", where="guerdon report", fix="guerdon report runs/NAME")
    from guerdon.records.run import RunFolder

    to = out or runs[0] / "report.html"
    for run in runs:
        RunFolder(run).recipe()
    if dry_run:
        found: dict[str, Any] = {}
    else:
        from guerdon.report import build, ceilings

        to, found = build(runs, to), ceilings(runs)
    if json:
        emit({"report": str(to), "written": not dry_run, "ceilings": {k: v.data() for k, v in found.items()}})
        return 0
    for name, ceiling in found.items():
        print(f"{name}: {ceiling.sentence()}")
    print(f"{'would write' if dry_run else 'wrote'} {to}")
    return 0
