"""Running the cells of a comparison: finished runs are reused, stopped ones resumed, failures kept apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.compare import Cell
from guerdon.errors import GuerdonError, Interrupted, RunError

if TYPE_CHECKING:
    from guerdon.recipe import Recipe

_CHILD = "import sys; from guerdon.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Job:
    """One cell with its complete recipe, its folder, and the command line that makes it."""

    cell: Cell
    recipe: Recipe
    path: Path
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """Variant and seed, for logs."""
        return f"{self.cell.variant} seed {self.cell.seed}"

    @property
    def state(self) -> str:
        """``finished``, ``stopped`` or ``new``."""
        if (self.path / "summary.json").is_file():
            return "finished"
        return "stopped" if (self.path / "run.json").is_file() else "new"


def plan(source: str, overrides: Sequence[str], cells: Sequence[Cell], out: Path, *, allow_code: bool) -> list[Job]:
    """Load and check the recipe of every cell before anything runs.

    Raises:
        RecipeError, UnknownNameError: a value of the grid is wrong.
    """
    from guerdon.cli.train import check
    from guerdon.recipe import load

    jobs = []
    for cell in cells:
        changes = (*overrides, *cell.overrides, f"train.seed={cell.seed}")
        recipe = load(source, changes, allow_code=allow_code)
        if not any(j.cell.variant == cell.variant for j in jobs):
            check(recipe)
        path = out / "runs" / cell.key(recipe.data())
        arguments = (source, *changes, "--out", str(path), *(["--allow-code"] if allow_code else []))
        jobs.append(Job(cell, recipe, path, arguments))
    return jobs


def run(jobs: Sequence[Job], *, workers: int = 1, say: Callable[[str], None] = print) -> dict[str, str]:
    """Run what is not finished; the errors of failed cells by name.

    One worker runs in this process; more start one process per cell and share the cores among them.
    """
    failed: dict[str, str] = {}
    do = _here if workers == 1 else lambda job: _child(job, workers)

    def one(job: Job) -> None:
        if job.state == "finished":
            say(f"{job.name}: reused {job.path}")
            return
        start = time.perf_counter()
        say(f"{job.name}: {'resuming' if job.state == 'stopped' else 'running'} {job.path}")
        try:
            do(job)
        except Interrupted:
            raise
        except GuerdonError as error:
            failed[job.name] = str(error)
            say(f"{job.name}: failed: {error}")
        else:
            say(f"{job.name}: done in {time.perf_counter() - start:.1f} s")

    if workers == 1:
        for job in jobs:
            one(job)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, jobs))
    return failed


def _here(job: Job) -> None:
    import guerdon
    from guerdon.cli.output import quiet_libraries

    quiet_libraries()
    if job.state == "stopped":
        guerdon.resume(job.path, allow_code=job.recipe.allow_code)
    else:
        guerdon.train(job.recipe, out=job.path, allow_code=job.recipe.allow_code)


def _child(job: Job, workers: int) -> None:
    again = ("resume", str(job.path), *(["--allow-code"] if job.recipe.allow_code else []))
    command = again if job.state == "stopped" else ("train", *job.arguments)
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *command, "--quiet", "--json"], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)},
    )  # fmt: skip
    if done.returncode == Interrupted.exit_code:
        raise Interrupted(f"{job.name} was interrupted", fix="run the same command again to continue")
    if done.returncode:
        raise RunError(_what(done.stderr), where=job.name, seen=f"exit code {done.returncode}")


def _what(stderr: str) -> str:
    """The error of a child, from its JSON line or else the end of what it wrote."""
    lines = stderr.strip().splitlines() or ["no output"]
    try:
        data: Any = json.loads(lines[-1])
        return str(data["error"]["what"])
    except (ValueError, LookupError, TypeError):
        return " ".join(lines[-3:])
