"""What a person sees while a run goes: a live view on a terminal, plain lines everywhere else."""

from __future__ import annotations

import itertools
import math
import sys
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from guerdon.engines.callbacks import Callback
from guerdon.ops.stats import wilson

# label, key of the metrics (or of the times), how its last value is written
ROWS = (
    ("reward", "reward/total/mean", "{:.3f}"),
    ("accuracy", "accuracy", "{:.1%}"),
    ("entropy", "entropy", "{:.3f}"),
    ("KL", "kl", "{:.4f}"),
    ("length", "length/mean", "{:.1f}"),
    ("tokens/s", "tokens_per_second", "{:,.0f}"),
    ("equal groups", "group/zero_variance", "{:.1%}"),
)
_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 40
_PER_SECOND = 8
_SHARE = 0.01  # of the run's time that drawing may take


@dataclass
class Trace:
    """History of one number, kept short: beyond ``limit`` points neighbours are averaged in pairs."""

    limit: int = 8 * _COLUMNS
    last: float = math.nan
    points: list[float] = field(default_factory=list)
    _per_point: int = 1
    _open: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """Append a value; what is not finite is shown but not drawn."""
        self.last = value
        if not math.isfinite(value):
            return
        self._open.append(value)
        if len(self._open) < self._per_point:
            return
        self.points.append(sum(self._open) / len(self._open))
        self._open.clear()
        if len(self.points) > self.limit:
            pairs = self.points[: len(self.points) // 2 * 2]
            rest = self.points[len(pairs) :]
            self.points = [(a + b) / 2 for a, b in zip(pairs[::2], pairs[1::2], strict=True)] + rest
            self._per_point *= 2

    def line(self, columns: int = _COLUMNS) -> str:
        """The history as bars between its smallest and largest value."""
        return sparkline(self.points, columns)


def sparkline(values: Sequence[float], columns: int = _COLUMNS) -> str:
    """Bars for a series; longer series are averaged into columns.

    Example:
        >>> sparkline([0.0, 1.0, 2.0, 7.0])
        '▁▂▃█'
        >>> sparkline([3.0, 3.0])
        '▁▁'
    """
    if not values:
        return ""
    n = min(columns, len(values))
    cuts = [len(values) * i // n for i in range(n + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(cuts)]
    low, span = min(means), max(means) - min(means)
    return "".join(_BARS[round((m - low) / span * (len(_BARS) - 1))] if span else _BARS[0] for m in means)


def duration(seconds: float) -> str:
    """A time for reading.

    Example:
        >>> duration(5.2), duration(65), duration(3700)
        ('5s', '1:05', '1:01:40')
    """
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02}:{left:02}"
    return f"{minutes}:{left:02}" if minutes else f"{left}s"


def header(info: Mapping[str, Any]) -> str:
    """Recipe, size of the model, device and folder on one line."""
    size = info.get("parameters")
    parts = [info.get("name"), None if size is None else f"{size / 1e6:.2f} M parameters", info.get("device")]
    parts.append(info.get("folder") or info.get("path") or info.get("run"))
    return " · ".join(str(p) for p in parts if p)


def evaluation(step: int, metrics: Mapping[str, float]) -> str:
    """One line about an evaluation; the interval is Wilson's over ``eval/n`` answers."""
    parts = [f"eval @ {step}"]
    accuracy, n = metrics.get("eval/accuracy"), metrics.get("eval/n")
    if accuracy is not None:
        parts.append(f"accuracy {accuracy:.1%}")
        if n and math.isfinite(accuracy):
            found = wilson(round(accuracy * n), round(n))
            parts.append(f"[{found.low:.1%}, {found.high:.1%}] n={n:.0f}")
    if "eval/greedy_accuracy" in metrics:
        parts.append(f"greedy {metrics['eval/greedy_accuracy']:.1%}")
    parts += [f"{k.removeprefix('eval/')} {v:.1%}" for k, v in metrics.items() if k.startswith("eval/pass@")]
    return "  ".join(parts)


def warm_start(info: Mapping[str, Any]) -> str:
    """One line about the supervised start."""
    parts = [f"warm start @ {info.get('step', '?')}"]
    if info.get("accuracy") is not None:
        parts.append(f"accuracy {info['accuracy']:.1%}")
    if info.get("target"):
        low, high = info["target"]
        parts.append(f"target {low:.0%} to {high:.0%}")
    if info.get("loss") is not None:
        parts.append(f"loss {info['loss']:.3f}")
    return "  ".join(parts)


def trouble(metrics: Mapping[str, float]) -> str:
    """Share of scores that our side failed to give in a step; empty when there is none."""
    share = metrics.get("status/unscored", 0.0)
    return f"unscored {share:.1%}" if share else ""


def failures(metrics: Mapping[str, float], most: int = 3) -> str:
    """The most frequent reasons why completions failed, with their shares; what follows a colon is one completion's.

    Example:
        >>> failures({"failure/not a number: 'a'": 0.1, "failure/not a number: 'b'": 0.2, "failure/empty": 0.25})
        'not a number 30.0%, empty 25.0%'
    """
    shares: dict[str, float] = {}
    for key, share in metrics.items():
        if key.startswith("failure/") and share:
            cause = key.removeprefix("failure/").partition(":")[0]
            shares[cause] = shares.get(cause, 0.0) + share
    found = sorted(shares.items(), key=lambda s: -s[1])
    return ", ".join(f"{cause} {share:.1%}" for cause, share in found[:most])


class PlainView(Callback):
    """One line for every few steps; what logs and pipes get.

    Args:
        stream: where the lines go.
        every: steps between lines; 0 for about a hundred lines in a run.
    """

    def __init__(self, stream: IO[str] | None = None, *, every: int = 0):
        self.stream: IO[str] | None = stream or sys.stdout
        self.every = every

    def _say(self, text: str) -> None:
        if self.stream is None:
            return
        try:
            print(text, file=self.stream, flush=True)
        except BrokenPipeError:
            # whoever read the lines left; that must not cost the run
            self.stream = None

    def on_start(self, info: Mapping[str, Any]) -> None:
        """The header."""
        self._say(header(info))

    def on_warm_start(self, info: Mapping[str, Any]) -> None:
        """One line per check."""
        self._say(warm_start(info))

    def on_step(self, step: int, total: int, metrics: Mapping[str, float], time: Mapping[str, float]) -> None:
        """A line at the first, the last and every few steps."""
        every = self.every or max(1, total // 100)
        if step % every and step not in (1, total) and not trouble(metrics):
            return
        both = {**metrics, **time}
        cells = [f"{name} {style.format(both[key])}" for name, key, style in ROWS if key in both]
        left = [f"left {duration(time['left'])}"] if "left" in time else []
        self._say("  ".join([f"step {step}/{total}", *cells, *([trouble(metrics)] if trouble(metrics) else []), *left]))

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """One line."""
        self._say(evaluation(step, metrics))

    def on_message(self, level: str, text: str) -> None:
        """One line with its level."""
        self._say(f"{level}: {text}")


class LiveView(Callback):
    """A view that is redrawn in place, at most eight times a second and never for more than one percent of the time.

    Args:
        console: a rich console; default is stdout.
        now: the clock, in seconds.
    """

    def __init__(self, console: Any = None, *, now: Any = clock.perf_counter):
        from rich.console import Console
        from rich.live import Live

        self.console = console or Console()
        self.now = now
        # no refresh thread: the view is drawn between steps only, so it never competes with one
        self.live = Live(console=self.console, auto_refresh=False, transient=False)
        self.traces: dict[str, Trace] = {label: Trace() for label, _, _ in ROWS}
        self.title, self.step, self.total = "", 0, 0
        self.time: Mapping[str, float] = {}
        self.evaluated, self.failed, self.unscored, self.worst = "", "", 0.0, 0.0
        self.messages: list[tuple[str, str]] = []
        self.opened = self.now()
        self.drawn, self.spent, self.draws = -math.inf, 0.0, 0

    def on_start(self, info: Mapping[str, Any]) -> None:
        """Open the view."""
        self.title = header(info)
        self.opened = self.now()
        self.live.start()
        self.draw(force=True)

    def on_warm_start(self, info: Mapping[str, Any]) -> None:
        """The state of the supervised start, where evaluations will stand."""
        self.evaluated = warm_start(info)
        self.draw()

    def on_step(self, step: int, total: int, metrics: Mapping[str, float], time: Mapping[str, float]) -> None:
        """Take the numbers; draw when it is time to."""
        self.step, self.total, self.time = step, total, time
        for label, key, _ in ROWS:
            value = metrics.get(key, time.get(key))
            if value is not None:
                self.traces[label].add(value)
        self.unscored, self.failed = metrics.get("status/unscored", 0.0), failures(metrics)
        self.worst = max(self.worst, self.unscored)
        self.draw()

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """The last evaluation with its interval."""
        self.evaluated = evaluation(step, metrics)
        self.draw(force=True)

    def on_message(self, level: str, text: str) -> None:
        """The last three messages stay in the view."""
        self.messages = [*self.messages, (level, text)][-3:]
        self.draw(force=level == "error")

    def on_end(self, summary: Mapping[str, Any]) -> None:
        """Leave the last state on the screen."""
        self.close()

    def close(self) -> None:
        """Draw a last time and give the terminal back; safe to call twice."""
        if self.live.is_started:
            self._paint(self.now())
            self.live.stop()

    def draw(self, *, force: bool = False) -> None:
        """Redraw, unless the last frame is too recent or drawing has used up its share of the time."""
        start = self.now()
        affordable = self.spent <= _SHARE * (start - self.opened)
        # a forced frame keeps to the frame rate as well, so the evaluations of a fast run cannot flicker
        if self.live.is_started and start - self.drawn >= 1 / _PER_SECOND and (force or affordable):
            self._paint(start)

    def _paint(self, start: float) -> None:
        self.live.update(self.view(), refresh=True)
        self.drawn, self.draws = start, self.draws + 1
        self.spent += self.now() - start

    def view(self) -> Any:
        """The whole view as one rich renderable."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Table.grid(padding=(0, 2))
        share = f"{self.step}/{self.total}" if self.total else "starting"
        left = f"{duration(self.time['left'])} left" if "left" in self.time else ""
        pace = f"{self.time['step']:.2f} s/step" if "step" in self.time else ""
        head.add_row(ProgressBar(total=self.total or 1, completed=self.step, width=_COLUMNS), share, left, pace)
        body = Table.grid(padding=(0, 2))
        body.add_column(style="bold")
        body.add_column(style="cyan", width=_COLUMNS, no_wrap=True)
        body.add_column(justify="right")
        for label, _, style in ROWS:
            trace = self.traces[label]
            if trace.points or not math.isnan(trace.last):
                body.add_row(label, trace.line(), style.format(trace.last))
        notes = [Text(self.evaluated)] if self.evaluated else []
        if self.failed:
            notes.append(Text(f"failed: {self.failed}", style="dim"))
        if self.worst:
            notes.append(Text(f"unscored {self.unscored:.1%}, at worst {self.worst:.1%}", style="yellow"))
        colours = {"warning": "yellow", "error": "bold red"}
        notes += [Text(f"{level}: {text}", style=colours.get(level, "dim")) for level, text in self.messages]
        return Group(Text(self.title, style="bold", no_wrap=True, overflow="ellipsis"), head, body, *notes)


def view(*, plain: bool = False, quiet: bool = False, json: bool = False) -> PlainView | LiveView | None:
    """The view that fits: none when quiet, lines on stderr beside JSON, live on a terminal, lines otherwise."""
    if quiet:
        return None
    if json:
        return PlainView(sys.stderr)
    return PlainView() if plain or not sys.stdout.isatty() else LiveView()
