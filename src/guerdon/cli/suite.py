"""``guerdon compare --suite``: methods on every world of a suite, as one table."""

from __future__ import annotations

import json as _json
import math
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from guerdon.cli.output import emit, plain, table


def suite(
    name: str, vary: list[str], seeds: int, *, policy: str = "table", workers: int = 1, out: Path | None = None,
    overrides: tuple[str, ...] = (), dry_run: bool = False, quiet: bool = False, json: bool = False,
) -> int:  # fmt: skip
    """Run what is not finished, measure, print and write the table, and a page about it."""
    from guerdon.cli.compare import _listed
    from guerdon.cli.grid import plan, run
    from guerdon.compare import Cell
    from guerdon.recipe_file import dump_yaml
    from guerdon.report.suites import build
    from guerdon.suite import MEASURES, SUITES, compare, measure, names, recipe_of

    methods = names(vary)
    folder = out or Path("runs") / f"suite-{name}-{policy}"
    jobs, home = [], {}
    for method in methods:
        for world in SUITES.get(name, {"": {}}):
            data = recipe_of(method, name, world, network=policy == "tiny")
            safe = re.sub(r"[^\w.-]", "_", method)
            path = folder / "recipes" / f"{safe}-{world}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dump_yaml(data), "utf-8")
            cells = [Cell(f"{safe}-{world}", (f"task.seed={s}",), s) for s in range(seeds)]
            for job in plan(str(path), overrides, cells, folder, allow_code=False):
                jobs.append(job)
                home[job.name] = (method, job.cell.seed, world)
    if dry_run:
        return _listed([(j.name, j.state, str(j.path)) for j in jobs], ("run", "state", "path"), json)
    stream = sys.stderr if json else sys.stdout
    failed = run(jobs, workers=workers, say=(lambda line: None) if quiet else lambda line: print(line, file=stream))
    found: dict[str, dict[int, dict[str, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
    for job in jobs:
        if job.name not in failed:
            method, seed, world = home[job.name]
            found[method][seed][world] = measure(job.path)
    whole = {m: {s: w for s, w in by.items() if len(w) == len(SUITES[name])} for m, by in found.items()}
    lines = compare({m: by for m, by in whole.items() if by})
    data = {"suite": name, "policy": policy, "command": " ".join(["guerdon", *sys.argv[1:]]), "methods": methods,
            "seeds": seeds, "failed": failed, "lines": [_data(line) for line in lines]}  # fmt: skip
    data = plain(data)
    (folder / "suite.json").write_text(_json.dumps(data, indent=1) + "\n", "utf-8")
    files = [folder / "suite.json", build(data, MEASURES, folder / "report.html")]
    if json:
        emit({**data, "files": [str(f) for f in files]})
    else:
        print(text(data))
        print(f"wrote {files[0]} and {files[1]}")
    return 1 if failed else 0


def _data(line: Any) -> dict[str, Any]:
    return {
        "method": line.method, "seeds": line.seeds, "sentence": line.sentence, "worlds": line.worlds,
        "values": {m: v._asdict() for m, v in line.values.items()},
        "against": {m: v._asdict() for m, v in line.against.items()},
    }  # fmt: skip


def text(data: dict[str, Any]) -> str:
    """The table over all worlds, then a sentence per method."""
    from guerdon.suite import MEASURES

    rows = [(d["method"], *(cell(d, m) for m in MEASURES)) for d in data["lines"]]
    said = [f"{d['method']}: {d['sentence']}" for d in data["lines"]]
    failures = [f"failed: {k}: {v}" for k, v in data["failed"].items()]
    return "\n".join(["", table(rows, ("method", *MEASURES)), "", *said, *failures])


def cell(line: dict[str, Any], measure: str) -> str:
    """A value, with a mark where it differs from the baseline beyond its interval.

    Example:
        >>> v = {"estimate": 0.5, "low": 0.4, "high": 0.6}
        >>> cell({"values": {"area": v}, "against": {"area": {"estimate": 0.1, "low": 0.05, "high": 0.2}}}, "area")
        '0.500 +'
    """
    value, d = line["values"][measure]["estimate"], line["against"].get(measure)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    mark = "" if d is None else " +" if d["low"] > 0 else " -" if d["high"] < 0 else ""
    return f"{value:.3f}{mark}"
