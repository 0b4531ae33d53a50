"""``guerdon compare``."""

from __future__ import annotations

import json as _json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from guerdon.cli.output import UsageError, emit, table

if TYPE_CHECKING:
    from guerdon.compare import Comparison, Curve
    from guerdon.ops.stats import Interval


def compare(
    *sources: str,
    vary: list[str] | None = None,
    suite: str = "",
    policy: Literal["table", "tiny"] = "table",
    seeds: int = 5,
    jobs: int = 1,
    out: Path | None = None,
    allow_code: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Compare runs, or run a recipe in several variants over seeds and compare those.

    Finished runs of a grid are reused, stopped ones are resumed: the same command continues an interrupted comparison.

    Args:
        sources: folders of runs; or one recipe and overrides for all its variants.
        vary: key=value,value lists, such as advantage=grpo,rloo; several make a grid, the first is the baseline.
        suite: a suite of worlds, such as exploration: --vary method=grpo,rloo runs each method in each of them. A
            method is a shipped recipe, an advantage or an objective; the first one is the baseline. The table is
            printed and written as suite.json and report.html.
        policy: what a suite trains: a table of probabilities, or the tiny network.
        seeds: seeds per variant of a grid.
        jobs: runs at the same time.
        out: where compare.json, report.html and the runs of a grid go.
        allow_code: let the recipe name your own code by dotted path.
        dry_run: check everything, list the runs, start nothing.
        quiet: print only the result.
        json: print the result as one JSON object; progress goes to stderr.
    """
    if suite:
        from guerdon.cli.suite import suite as compared

        return compared(suite, vary or [], seeds, policy=policy, workers=jobs, out=out, overrides=sources,
                        dry_run=dry_run, quiet=quiet, json=json)  # fmt: skip
    if vary:
        return _grid(sources, vary, seeds, jobs, out, allow_code, dry_run, quiet, json)
    if len(sources) < 2:
        raise UsageError(
            "needs two runs, or a recipe and --vary", where="guerdon compare", seen=list(sources) or None,
            fix="guerdon compare RECIPE --vary advantage=grpo,rloo --seeds 5",
        )  # fmt: skip
    from guerdon.compare import read_runs

    curves = read_runs([Path(s) for s in sources])
    if dry_run:
        return _listed([(c.variant, c.seed, c.run) for c in curves], ("variant", "seed", "path"), json)
    return _finish(curves, {}, out, json)


def _grid(
    sources: tuple[str, ...], vary: list[str], seeds: int, workers: int, out: Path | None, allow_code: bool,
    dry_run: bool, quiet: bool, json: bool,
) -> int:  # fmt: skip
    from guerdon.cli.grid import plan, run
    from guerdon.compare import grid, read

    recipes = [s for s in sources if "=" not in s]
    if len(recipes) != 1:
        raise UsageError("--vary needs exactly one recipe", where="guerdon compare", seen=recipes or None)
    if workers < 1:
        raise UsageError("at least one run at a time", where="--jobs", seen=workers)
    folder = out or Path("runs") / f"compare-{Path(recipes[0]).stem}"
    overrides = [s for s in sources if "=" in s]
    planned = plan(recipes[0], overrides, grid(vary, seeds), folder, allow_code=allow_code)
    if dry_run:
        return _listed([(j.name, j.state, str(j.path)) for j in planned], ("run", "state", "path"), json)
    stream = sys.stderr if json else sys.stdout

    def say(line: str) -> None:
        # one write per line: several runs may speak at once
        if not quiet:
            stream.write(line + "\n")
            stream.flush()

    failed = run(planned, workers=workers, say=say)
    curves = [read(j.path, j.cell.variant) for j in planned if j.name not in failed]
    return _finish(curves, failed, folder, json)


def _listed(rows: list[tuple[Any, ...]], header: tuple[str, ...], json: bool) -> int:
    if json:
        emit([dict(zip(header, r, strict=True)) for r in rows])
    else:
        print(table(rows, header))
    return 0


def _finish(curves: list[Curve], failed: dict[str, str], out: Path | None, json: bool) -> int:
    from guerdon.cli.output import plain
    from guerdon.compare import compare as compared

    result = compared(curves, failed=[f"{k}: {v}" for k, v in failed.items()])
    data = result.data()
    written = []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        written.append(out / "compare.json")
        written[0].write_text(_json.dumps(plain(data), indent=1, ensure_ascii=False) + "\n", "utf-8")
        from guerdon.report import build

        written.append(build([Path(c.run) for c in curves], out / "report.html"))
    if json:
        emit({**data, "files": [str(w) for w in written]})
    else:
        print(text(result))
        print("\n".join(f"wrote {w}" for w in written))
    return 1 if failed else 0


def text(result: Comparison) -> str:
    """The tables and the conclusion, for reading."""
    rows = [(r.variant, len(r.seeds), _rate(r.final), _rate(r.height)) for r in result.rows]
    parts = ["", table(rows, ("variant", "seeds", "final accuracy", "mean over the run"))]
    if result.differences:
        name = {"final": "final", "height": "mean over the run"}
        lines = [
            (f"{d.variant} - {d.against}", name[d.measure], _rate(d.interval, "points", "+"), d.test.n,
             f"{d.test.p:.3g}", f"{d.adjusted:.3g}")
            for d in result.differences
        ]  # fmt: skip
        parts += ["", table(lines, ("difference", "of", "accuracy", "pairs", "p", "p (Holm)"))]
    failures = [f"failed: {f}" for f in result.failed]
    return "\n".join([*parts, "", result.conclusion, *failures])


def _rate(found: Interval, unit: str = "%", sign: str = "") -> str:
    if math.isnan(found.low):
        return f"{100 * found.estimate:{sign}.1f} {unit}"
    return f"{100 * found.estimate:{sign}.1f} {unit} [{100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}]"
