"""One self-contained HTML page about one run, or about several laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guerdon.errors import GuerdonError, RunError

if TYPE_CHECKING:
    from guerdon.report.ceiling import Ceiling

__all__ = ["build", "ceilings"]


def build(runs: Sequence[Path], out: Path | None = None) -> Path:
    """Write the report and return where it is.

    The page holds its own scripts and data: it opens from disk, asks the network for nothing, and shows whatever the
    policy wrote as text. A part of a run that is missing or torn is named on the page; the rest is shown.

    Args:
        runs: run folders; the first one's colour is the first, the order is kept.
        out: the file to write; ``report.html`` in the folder, or ``compare.html`` beside the first of several.

    Raises:
        RunError: no folder was given, or one of them is no run.

    Example:
        >>> build([Path("runs/first")])  # doctest: +SKIP
        PosixPath('runs/first/report.html')
    """
    from guerdon.report.load import load
    from guerdon.report.page import render, write

    paths = [Path(run) for run in runs]
    if not paths:
        raise RunError("a report needs at least one run", fix="guerdon report RUN")
    target = out or (paths[0] / "report.html" if len(paths) == 1 else paths[0].parent / "compare.html")
    write(render([load(path) for path in paths]), target)
    return target


def ceilings(runs: Sequence[Path]) -> dict[str, Ceiling]:
    """What entropy still buys, by run: the accuracy that is predicted once entropy is spent.

    A run without points enough, or whose metrics cannot be read, has none; its page says why.

    Example:
        >>> ceilings([Path("runs/first")])["first"].law.ceiling  # doctest: +SKIP
        Interval(estimate=0.81, low=0.78, high=0.84)
    """
    from guerdon.report.ceiling import of_folder

    found = {}
    for run in runs:
        try:
            fitted = of_folder(Path(run))
        except GuerdonError:
            continue
        if fitted is not None:
            found[Path(run).resolve().name] = fitted
    return found
