"""``guerdon claim``."""

from __future__ import annotations

import json as _json
import sys
from pathlib import Path
from typing import Any

from guerdon.cli.output import emit, indent, plain, quiet_libraries, table

RANK = {"reproduced": 0, "inconclusive": 1, "not_reproduced": 2}


def claim(
    *names: str,
    all: bool = False,
    family: str = "",
    list: bool = False,
    seeds: int | None = None,
    save: Path | None = None,
    quiet: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Try the central sentence of a paper at laptop scale, against a baseline under the same budget.

    Verdicts: reproduced, not_reproduced, or inconclusive where the interval holds the threshold. Exit code 1 when a
    verdict is worse than the published one.

    Args:
        names: claims, named like their papers.
        all: run every claim.
        family: only claims of this family, such as entropy.
        list: list the claims with their published verdicts, run nothing.
        seeds: another number of seeds than the claim's own.
        save: folder to write one JSON file per claim to.
        quiet: no lines of progress.
        dry_run: say what would run, run nothing.
        json: print JSON: one object for one claim, else an array.
    """
    from guerdon.claims.base import all_claims, find, published
    from guerdon.cli.output import UsageError

    everything = [*all_claims().values()] if all or list or family else []
    chosen = [find(n) for n in names] if names else everything
    if family:
        known = sorted({c.family for c in all_claims().values()})
        if family not in known:
            raise UsageError("no claim of this family", where="--family", seen=family, allowed=known)
        chosen = [c for c in chosen if c.family == family]
    if not chosen:
        raise UsageError("name a claim, or give --all", where="guerdon claim", fix="guerdon claim --list")
    if list or dry_run:
        rows = [_row(c, published(c.name)) for c in chosen]
        if json:
            emit(rows)
        else:
            cells = [(r["name"], r["family"], r["verdict"] or "not yet run", r["sentence"]) for r in rows]
            print(table(cells, ("claim", "family", "published", "sentence")))
        return 0
    from guerdon.claims.lab import run

    quiet_libraries()
    found, worse = [], False
    for item in chosen:
        tell = (lambda line, n=item.name: print(f"{n}: {line}", file=sys.stderr)) if not quiet else (lambda line: None)
        outcome = run(item, seeds=seeds, tell=tell)
        data = plain(outcome.data())
        found.append(data)
        before = published(item.name)
        worse = worse or (before is not None and RANK[outcome.verdict] > RANK[before["verdict"]])
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            (save / f"{item.name}.json").write_text(_json.dumps(data, indent=1) + "\n", "utf-8")
        if not json:
            print(text(data) if len(chosen) == 1 else _line(data), flush=True)
    if json:
        emit(found[0] if len(found) == 1 else found)
    return 1 if worse else 0


def _row(item: Any, outcome: dict[str, Any] | None) -> dict[str, Any]:
    """A claim as data: what it says, and the published numbers where there are some."""
    keys = ("measured", "interval", "threshold", "seeds", "verdict", "seconds", "parts")
    row = {"name": item.name, "family": item.family, "sentence": item.sentence, "baseline": item.baseline,
           "targets": [vars(t) for t in item.targets], "may_fail": item.may_fail}  # fmt: skip
    return row | {k: (outcome or {}).get(k) for k in keys}


def _line(data: dict[str, Any]) -> str:
    return f"{data['verdict']:15} {data['name']:32} {numbers(deciding(data))} ({data['seconds']:.0f} s)"


def deciding(data: dict[str, Any]) -> dict[str, Any]:
    """The part to which a claim owes its verdict: the first one that has it."""
    return next(p for p in data["parts"] if p["verdict"] == data["verdict"])


def numbers(part: dict[str, Any]) -> str:
    """A measured quantity in one line."""
    low, high = part["interval"]
    around = f" [{low:.3g}, {high:.3g}]" if low != high else ""
    return f"{part['name']}: {part['measured']:.3g}{around}, threshold {part['threshold']}"


def text(data: dict[str, Any]) -> str:
    """One outcome for reading."""
    lines = [f"{data['name']}: {data['verdict']}", indent(data["sentence"], fill=True), "",
             f"  against  {data['baseline']}", f"  seeds    {len(data['seeds'])}", ""]  # fmt: skip
    for part in data["parts"]:
        lines += [f"  {part['verdict']:15} {numbers(part)}", indent(f"because {part['because']}", "    ", fill=True)]
    for key, label in (("may_fail", "in doubt"), ("notes", "note")):
        if data[key]:
            lines += ["", indent(f"{label}: {data[key]}", fill=True)]
    return "\n".join(lines)
