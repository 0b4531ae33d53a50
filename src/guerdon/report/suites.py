"""One HTML page about methods on a suite of worlds: what each gains, and what it does to exploration. No script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from guerdon.report.page import environment, hash_of, write
from guerdon.report.scatter import Bounds, Point, scatter
from guerdon.report.text import plain

Measures = Mapping[str, tuple[bool | None, str]]
WORLDS = ("pass@1", "area", "answer entropy", "support kept")  # the measures that are shown world by world
_RATES = ("pass@1", "area", "support kept")  # these have the same scale in every world
_TRACK = 84  # length of a world's scale, in the units of its drawing
_SURE = 0.05  # how often a 95% interval misses at best


@dataclass(frozen=True)
class Cell:
    """A value as text, and its difference to the baseline with both ends of the interval.

    ``mark`` and ``tone`` say on which side of the baseline it lies, and whether that is good.
    """

    value: str
    interval: str = ""
    mark: str = ""
    tone: str = ""
    best: bool = False
    difference: str = ""
    span: tuple[str, str] | None = None


@dataclass(frozen=True)
class Row:
    """One method over all worlds."""

    method: str
    seeds: int
    sentence: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Spot:
    """A value in one world, placed on the world's scale; ``x`` and ``base`` are None where there is no value."""

    value: str
    best: bool
    x: float | None
    base: float | None


@dataclass(frozen=True)
class Grid:
    """One measure world by world; ``tops`` are the upper ends of the scales, which begin at 0."""

    measure: str
    about: str
    tops: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Spot]]]


def build(data: Mapping[str, Any], measures: Measures, out: Path) -> Path:
    """Write the page.

    Args:
        data: what ``suite.json`` holds; a value that is missing is None or NaN.
        measures: name, whether more is better (None: neither), and what it is.
        out: the file to write.

    Example:
        >>> from guerdon.suite import MEASURES
        >>> build(json.loads(text), MEASURES, Path("runs/suite/report.html"))  # doctest: +SKIP
        PosixPath('runs/suite/report.html')
    """
    css = files("guerdon.report").joinpath("page.css").read_text("utf-8")
    lines = data["lines"]
    lead, rest, tone = _said(data)
    page = (
        environment()
        .get_template("suites.html")
        .render(
            data=data, lead=lead, rest=rest, tone=tone, measures=measures, rows=rows(lines, measures),
            base=lines[0]["method"] if lines else "", worlds=list(lines[0]["worlds"]) if lines else [],
            notes=_notes(data, measures), plot=scatter(_points(lines), "answer entropy", "pass@1"),
            grids=[grid(lines, m, measures) for m in WORLDS if lines and m in measures], track=_TRACK,
            missing=[m for m in data.get("methods", ()) if m not in {d["method"] for d in lines}],
            css=Markup(css), version=version("guerdon"), made=datetime.now(UTC),
            policy=f"default-src 'none'; style-src {hash_of(css)}; base-uri 'none'; form-action 'none'",
        )
    )  # fmt: skip
    write(page, out)
    return out


def _said(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """The headline: how the methods ended against the baseline."""
    lines = data["lines"]
    if not lines:
        return "Nothing to compare", "no method has a seed with every world finished", "bad"
    base = plain(lines[0]["method"])
    if len(lines) == 1:
        return "One method", f"{base}, with nothing to compare it to", "none"
    known = [sign(line["against"].get("pass@1")) for line in lines[1:] if line["against"].get("pass@1")]
    if not known:
        return "Too few seeds", f"no method shares three seeds with {base}, so none can be told from it", "flat"
    more, less = known.count(1), known.count(-1)
    tone = "good" if more and not less else "bad" if less and not more else "flat" if less else "none"
    rest = f"{more} of {len(known)} methods end above {base}, {less} below, {len(known) - more - less} cannot be told"
    return "Accuracy", rest, tone


def _notes(data: Mapping[str, Any], measures: Measures) -> list[str]:
    """What a reader has to know before believing a mark."""
    lines = data["lines"]
    if not lines:
        return []
    notes = []
    asked = data.get("methods") or [lines[0]["method"]]
    if asked[0] != lines[0]["method"]:
        notes.append(
            f"{plain(asked[0])} was to be the baseline and has no seed with every world finished; "
            f"the differences are to {plain(lines[0]['method'])}."
        )
    seeds = [line["seeds"] for line in lines]
    if len(set(seeds)) > 1 or any(s < data.get("seeds", s) for s in seeds):
        notes.append("Some runs are missing: a seed counts only with every world finished.")
    drawn = [d for line in lines[1:] for m, d in line["against"].items() if m in measures]
    if drawn:
        # noise on both sides gives all differences one sign, and so an interval beside zero, 2 of 2**n times; a
        # difference of exactly zero in every seed, as at a ceiling, has no noise that could be marked
        chance = max(_SURE, 2.0 ** (1 - min(seeds)))
        moved = sum(any(d[k] for k in ("estimate", "low", "high")) for d in drawn)
        notes.append(
            f"{sum(abs(sign(d)) for d in drawn)} of {len(drawn)} differences to the baseline are marked. With "
            f"{min(seeds)} seeds noise alone marks at least {100 * chance:.0f}% of those that are not exactly zero, "
            f"which makes about {chance * moved:.0f} marks if no method did anything."
        )
    return notes


def number(value: Any) -> float:
    """A number that may be missing, as a float; NaN where it is."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else math.nan


def sign(difference: Mapping[str, Any] | None) -> int:
    """1 above zero, -1 below, 0 where the interval holds zero or is missing.

    Example:
        >>> sign({"low": 0.1, "high": 0.2}), sign({"low": -0.1, "high": 0.2}), sign({"low": None, "high": None})
        (1, 0, 0)
    """
    low, high = (number((difference or {}).get(k)) for k in ("low", "high"))
    return 1 if low > 0 else -1 if high < 0 else 0


def digits(values: Iterable[float]) -> int:
    """Decimals of a column: three, or more where every value is small.

    Example:
        >>> digits([0.9, 0.01]), digits([0.0068, 0.0012])
        (3, 5)
    """
    top = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return min(6, max(3, 2 - math.floor(math.log10(top)))) if top > 0 else 3


def best(values: Sequence[float], higher: bool | None, places: int) -> list[bool]:
    """Which values are the best as they are shown; none where all are the same, or neither direction is better.

    Example:
        >>> best([0.9, 0.95, 0.9501], True, 3), best([1.0, 1.0], True, 3)
        ([False, True, True], [False, False])
    """
    shown = [round(v, places) for v in values]
    known = {v for v in shown if math.isfinite(v)}
    if higher is None or len(known) < 2:
        return [False] * len(shown)
    top = max(known) if higher else min(known)
    return [v == top for v in shown]


def _text(value: float, places: int, form: str = "") -> str:
    return f"{value:{form}.{places}f}".replace("-", "−") if math.isfinite(value) else "–"


def _bounds(interval: Mapping[str, Any] | None, places: int, form: str = "") -> tuple[str, str] | None:
    low, high = (number((interval or {}).get(k)) for k in ("low", "high"))
    return None if math.isnan(low) or math.isnan(high) else (_text(low, places, form), _text(high, places, form))


def rows(lines: Sequence[Mapping[str, Any]], measures: Measures) -> list[Row]:
    """The table over all worlds."""
    columns = []
    for name, (higher, _) in measures.items():
        values, against = ([line[k].get(name) or {} for line in lines] for k in ("values", "against"))
        estimates = [number(v.get("estimate")) for v in values]
        places, fine = digits(estimates), digits(number(d.get("estimate")) for d in against)
        tops = best(estimates, higher, places)
        columns.append([
            Cell(_text(e, places), " to ".join(_bounds(v, places) or ()), *_side(d, higher), top, *_apart(d, fine))
            for e, v, d, top in zip(estimates, values, against, tops, strict=True)
        ])  # fmt: skip
    return [
        Row(line["method"], line["seeds"], line["sentence"], [column[i] for column in columns])
        for i, line in enumerate(lines)
    ]


def _side(against: Mapping[str, Any], higher: bool | None) -> tuple[str, str]:
    side = sign(against)
    tone = "" if not side or higher is None else "up" if (side > 0) == higher else "down"
    return {1: "▲", -1: "▼", 0: ""}[side], tone


def _apart(against: Mapping[str, Any], places: int) -> tuple[str, tuple[str, str] | None]:
    estimate = number(against.get("estimate"))
    return ("", None) if math.isnan(estimate) else (_text(estimate, places, "+"), _bounds(against, places, "+"))


def grid(lines: Sequence[Mapping[str, Any]], measure: str, measures: Measures) -> Grid:
    """A measure world by world; a rate's scale ends at 1, another's at the largest value of the world.

    A world whose values are all small gets at least a tenth of the largest scale, so that noise looks small there.
    """
    higher, about = measures[measure]
    every = [number(w.get(measure)) for line in lines for w in line["worlds"].values()]
    least = max((v for v in every if math.isfinite(v)), default=0.0) / 10
    columns, tops = [], []
    for world in lines[0]["worlds"]:
        values = [number(line["worlds"].get(world, {}).get(measure)) for line in lines]
        known = [v for v in values if math.isfinite(v)]
        top = 1.0 if measure in _RATES else max([*known, least])
        marks = best(values, higher, 3)
        columns.append([
            Spot(_text(v, 3), b, _place(v, top), _place(values[0], top)) for v, b in zip(values, marks, strict=True)
        ])  # fmt: skip
        tops.append(f"0 to {top:.3g}" if known else "")
    return Grid(measure, about, tops, [(line["method"], [c[i] for c in columns]) for i, line in enumerate(lines)])


def _place(value: float, top: float) -> float | None:
    if math.isnan(value):
        return None
    share = value / top if top > 0 else 0.0
    return round(4 + (_TRACK - 8) * min(1.0, max(0.0, share)), 1)


def _points(lines: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Methods with both an answer entropy and an accuracy, the baseline told apart."""
    found = []
    for i, line in enumerate(lines):
        x, y = (_bounded(line["values"].get(m)) for m in ("answer entropy", "pass@1"))
        if math.isfinite(x[0]) and math.isfinite(y[0]):
            found.append(Point(line["method"], x, y, i == 0))
    return found


def _bounded(interval: Mapping[str, Any] | None) -> Bounds:
    found = interval or {}
    return number(found.get("estimate")), number(found.get("low")), number(found.get("high"))
