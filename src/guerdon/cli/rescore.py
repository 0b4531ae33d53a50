"""``guerdon rescore``."""

from __future__ import annotations

import json as _json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from guerdon.cli.output import plain as plain_data
from guerdon.cli.output import table
from guerdon.cli.score import Job, asked

if TYPE_CHECKING:
    from guerdon.records import Task
    from guerdon.records.run import RunFolder


def rescore(
    run: Path,
    /,
    *,
    with_: list[str] | None = None,
    name: str = "",
    kind: Literal["all", "train", "eval"] = "all",
    report: Path | None = None,
    limit: int | None = None,
    batch: int = 256,
    resume: bool = False,
    strict: bool = False,
    keep_going: bool = False,
    allow_code: bool = False,
    dry_run: bool = False,
    plain: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Apply rewards to the stored rollouts of a run, without sampling, and compare with the stored reward.

    Writes rescore-NAME.jsonl into the run, one line per rollout, and the comparison to rescore-NAME.json.

    Args:
        run: folder of the run.
        with_: a reward, as for guerdon score; the columns are the fields of a rollout.
        name: what the files are called; default is the names of the rewards.
        kind: which rollouts: all, train or eval.
        report: write a self-contained HTML page about the scores to this file.
        limit: score only so many rollouts.
        batch: rollouts scored at a time; 0 for all at once.
        resume: continue where an earlier rescore of the same name stopped.
        strict: stop at the first rollout that cannot be read.
        keep_going: go on although more than 20% cannot be scored.
        allow_code: let a reward or the recipe's task be your own code, by dotted path.
        dry_run: check rewards and columns, print what would be read from where, and stop.
        plain: lines instead of the live bar.
        quiet: print nothing but errors.
        json: print one JSON line per rollout with id, score, status and reason, then the comparison on stderr.
    """
    from guerdon.grading.grader import Grader
    from guerdon.grading.rescore import Comparison, output_path, source
    from guerdon.records.run import RunFolder
    from guerdon.runtime.files import atomic_write

    folder = RunFolder(run)
    grader = Grader(asked(with_, "guerdon rescore"), allow_code=allow_code)
    chosen = None if kind == "all" else kind
    rows, bound = source(folder, grader, kind=chosen, tasks=lambda: _tasks(folder, allow_code))
    out = output_path(folder.path, name or re.sub(r"[^\w.+-]", "-", grader.name))
    job = Job(rows, bound, out, batch, limit, resume, strict, keep_going, plain=plain, quiet=quiet, json=json)
    if dry_run:
        return job.plan()
    compared = Comparison()

    def see(done: list[Any], old: bool) -> None:
        for item, found in done:
            compared.add(item, found)

    ended = job.run(see)
    beside = out.with_suffix(".json")
    data = {"v": 1, "summary": ended.tally.data(), "ended": ended.how, "comparison": compared.data()}
    atomic_write(beside, _json.dumps(plain_data(data), indent=1, ensure_ascii=False) + "\n")
    return job.finish(ended, report, again="the same command with --resume", more=_text(compared.data(), beside))


def _tasks(folder: RunFolder, allow_code: bool) -> Mapping[str, Task]:
    """The tasks of the run's recipe by id, for rewards that need more than a rollout holds."""
    from guerdon.engines.native.run import load_task
    from guerdon.recipe import load

    found = load_task(load(folder.path, allow_code=allow_code))
    return {t.id: t for part in (found.train, found.evaluation) for t in part}


def _text(compared: Mapping[str, Any], beside: Path) -> list[str]:
    rows = []
    for name, p in compared["rewards"].items():
        if p["n"]:
            low, high = p["low"], p["high"]
            span = "" if math.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
            rows.append((name, p["n"], f"{p['stored_mean']:.3f}", f"{p['rescored_mean']:.3f}",
                         f"{p['difference']:+.3f}{span}", f"{p['equal'] / p['n']:.1%}"))  # fmt: skip
    lines = ["", table(rows, ("stored", "n", "mean", "rescored", "difference", "equal"))] if rows else []
    said = compared["agreement"]
    if said:
        span = f"{said['rate']:.1%} [{said['low']:.1%}, {said['high']:.1%}] of {said['n']:,}"
        apart = f"only stored {said['only_stored']:,}, only rescored {said['only_rescored']:,}"
        lines += ["", f"agreement on correct: {span}; {apart}"]
    largest = compared["rewards"]["reward"]["largest"][:5]
    if largest:
        found = [(e["id"], f"{e['stored']:.3g}", f"{e['rescored']:.3g}", " ".join(e["completion"].split())[-60:])
                 for e in largest]  # fmt: skip
        lines += ["", table(found, ("rollout", "stored", "rescored", "completion"))]
    return [*lines, "", f"wrote {beside}"]
