"""How far a scoring has come: a bar on a terminal, a line now and then everywhere else."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from guerdon.cli.live import duration
from guerdon.grading.tally import Tally

_EVERY = 5.0  # seconds between plain lines


class Progress:
    """Told the account after every batch.

    Args:
        total: rows to come, where it is known.
        stream: where to write; None for nothing.
        live: redraw one line in place.
    """

    def __init__(self, total: int | None, stream: IO[str] | None, *, live: bool):
        self.total, self.stream = total, stream
        self.began = self.said = time.monotonic()
        self.bar: Any = None
        if live and stream is not None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self.bar = Bar(
                BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn(),
                console=Console(file=stream), transient=True,
            )  # fmt: skip
            self.task = self.bar.add_task("score", total=total, text="")
            self.bar.start()

    def show(self, tally: Tally) -> None:
        """The state after a batch."""
        if self.bar is not None:
            self.bar.update(self.task, completed=tally.n, text=_state(tally))
            return
        now = time.monotonic()
        if self.stream is not None and now - self.said >= _EVERY:
            self.said = now
            rate = tally.n / max(now - self.began, 1e-9)
            left = "" if self.total is None else f"  left {duration((self.total - tally.n) / rate)}"
            of = "" if self.total is None else f"/{self.total}"
            self.say(f"row {tally.n}{of}  {_state(tally)}  {rate:.0f} rows/s{left}")

    def say(self, text: str) -> None:
        """One line."""
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False)
        elif self.stream is not None:
            print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Give the terminal back."""
        if self.bar is not None:
            self.bar.stop()


def progress(total: int | None, *, plain: bool, quiet: bool, json: bool) -> Progress:
    """The progress that fits: none when quiet, on stderr beside JSON."""
    stream = sys.stderr if json else sys.stdout
    return Progress(total, None if quiet else stream, live=not plain and stream.isatty())


def _state(tally: Tally) -> str:
    parts = [f"mean {tally.score.mean:.3f}" if tally.score.n else ""]
    for name, count in (("failed", tally.states["failed"]), ("unscored", tally.states["unscored"])):
        parts.append(f"{name} {count / max(tally.n, 1):.1%}" if count else "")
    parts.append(f"bad rows {tally.bad}" if tally.bad else "")
    return "  ".join(p for p in parts if p)
