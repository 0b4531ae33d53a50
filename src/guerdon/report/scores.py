"""One HTML page about a file of scores: counts by cause, histograms, examples. No script runs on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from guerdon.grading.tally import STOP, WARN, Moments, Tally
from guerdon.ops.stats import Interval
from guerdon.report.page import environment, hash_of, write
from guerdon.report.words import number, percent

_KINDS = {
    "failed": ("Failed", "the completion is at fault and has the floor"),
    "unscored": ("Unscored", "our side is at fault: mend the cause, not the completion"),
    "disputed": ("Disputed", "rewards that disagree most about the same completion"),
    "highest": ("Highest", "best scored"),
    "lowest": ("Lowest", "worst scored, though judged"),
}
_BINS, _WIDE, _TALL = 20, 300, 100


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram, in the units of its drawing."""

    x: float
    y: float
    width: float
    height: float
    label: str
    share: float


@dataclass(frozen=True)
class Column:
    """One reward, ready to print; ``sampled`` is 0 where the histogram has every value."""

    name: str
    interval: Interval
    n: int
    states: Mapping[str, int]
    bars: Sequence[Bar]
    low: float
    high: float
    sampled: int
    text: str


def build(tally: Tally, rewards: Sequence[Mapping[str, Any]], source: str, out: Path) -> Path:
    """Write the page.

    Args:
        tally: the account of the scores.
        rewards: what was asked for, from ``Bound.describe``.
        source: where the rows came from, as words.
        out: the file to write.
    """
    css = files("guerdon.report").joinpath("page.css").read_text("utf-8")
    named = {"all, weighted": tally.score, **tally.aspects} if len(tally.aspects) > 1 else tally.aspects
    shown = tally.shown()
    lead, rest, tone = _said(tally)
    page = (
        environment()
        .get_template("scores.html")
        .render(
            source=source, lead=lead, rest=rest, tone=tone, aside=_aside(tally), n=max(tally.n, 1),
            columns=[column(n, m) for n, m in named.items()], causes=tally.causes(30), more=tally.more_reasons,
            bad=tally.first_bad, examples=[(*words, shown[k]) for k, words in _KINDS.items() if shown.get(k)],
            rewards=rewards, css=Markup(css), version=version("guerdon"), made=datetime.now(UTC),
            policy=f"default-src 'none'; style-src {hash_of(css)}; base-uri 'none'; form-action 'none'",
        )
    )  # fmt: skip
    write(page, out)
    return out


def _said(tally: Tally) -> tuple[str, str, str]:
    """The headline: whether the scores can be trusted, and the counts."""
    states = tally.states
    counts = (
        f"{tally.n:,} rows, {states['scored']:,} scored, {states['failed']:,} failed, {states['unscored']:,} unscored"
    )
    counts += f", {tally.bad:,} bad" if tally.bad else ""
    if tally.unscored_share > STOP:
        return "Not to be used", counts, "bad"
    if tally.unscored_share > WARN or tally.bad:
        return "Scored with gaps", counts, "flat"
    return "Scored", counts, "good"


def _aside(tally: Tally) -> str:
    if tally.unscored_share <= WARN:
        return ""
    return f"{percent(tally.unscored_share)} of the readable rows have no score, through no fault of the completions."


def column(name: str, moments: Moments) -> Column:
    """A reward with its histogram."""
    values = moments.values()
    bars, low, high = histogram(values) if values else ([], 0.0, 0.0)
    tallest = sorted(bars, key=lambda b: -b.share)[:2]
    text = ", ".join(f"{percent(b.share)} at {b.label}" for b in tallest)
    sampled = len(values) if len(values) < moments.n else 0
    return Column(name, moments.interval(), moments.n, moments.states, bars, low, high, sampled, text)


def histogram(values: Sequence[float]) -> tuple[list[Bar], float, float]:
    """Bars over the range of the values, from 0 to 1 where they lie in it; up to 20 distinct values have their own.

    Example:
        >>> bars, low, high = histogram([0.0, 1.0, 1.0, 1.0])
        >>> [(b.label, b.share) for b in bars], (low, high)
        ([('0.00', 0.25), ('1.00', 0.75)], (0.0, 1.0))
    """
    low, high = min(values), max(values)
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    span = (high - low) or 1.0
    counts = Counter(min(_BINS - 1, int((v - low) / span * _BINS)) for v in values)
    single = {b: {v for v in values if min(_BINS - 1, int((v - low) / span * _BINS)) == b} for b in counts}
    top, width = max(counts.values()), _WIDE / _BINS
    bars = []
    for b, count in sorted(counts.items()):
        left = low + b * span / _BINS
        height = round(_TALL * count / top, 1)
        own = next(iter(single[b])) if len(single[b]) == 1 else None
        label = (
            number(own)
            if own is not None
            else f"{number(left)} to {number(high if b == _BINS - 1 else left + span / _BINS)}"
        )
        bars.append(Bar(round(b * width + 1, 1), 104 - height, width - 2, height, label, count / len(values)))
    return bars, low, high
