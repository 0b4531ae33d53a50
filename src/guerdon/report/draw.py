"""The drawing primitives of the charts: lines with one tooltip, intervals, and the look shared by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from guerdon.report.words import number

COLOURS = tuple(f"var(--c{i})" for i in range(1, 9))
POINTS = 500

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "view": {"stroke": None, "continuousHeight": 190},
    "axis": {
        "labelColor": "var(--ink-3)", "titleColor": "var(--ink-3)", "gridColor": "var(--line)", "domain": False,
        "tickSize": 0, "labelPadding": 6, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
        "titlePadding": 6, "labelFlush": True,
    },
    "axisX": {"grid": False, "domain": True, "domainColor": "var(--line-2)", "tickCount": 6},
    "axisY": {"tickCount": 5},
    "line": {"strokeWidth": 1.75, "strokeJoin": "round", "strokeCap": "round"},
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """One entry of a chart's legend, drawn by the page."""

    label: str
    colour: str
    style: str = "line"


@dataclass(frozen=True)
class Chart:
    """A drawing with its title, what it shows, its legend, and the numbers that matter as text."""

    id: str
    title: str
    note: str
    spec: dict[str, Any]
    keys: list[Key] = field(default_factory=list)
    text: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]
    colour: str
    dash: bool = False
    faint: bool = False


def slug(key: str) -> str:
    """The element id of a metric's chart."""
    return "chart-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in key)[:60]


def line_keys(lines: Sequence[Line]) -> list[Key]:
    """Legend entries of lines."""
    return [Key(line.label, line.colour, "dash" if line.dash else "line") for line in lines if not line.faint]


def line_text(lines: Sequence[Line], percent: bool) -> str:
    """Mean of the first and of the last tenth of each line: what a reader without the drawing needs."""
    parts = []
    for line in lines:
        if line.steps and not line.faint:
            take = max(1, len(line.values) // 10)
            ends = (line.values[:take], line.values[-take:])
            first, last = (show(sum(v) / len(v), percent) for v in ends)
            parts.append(f"{line.label}: {first} → {last}" if len(lines) > 1 else f"{first} → {last}")
    return "; ".join(parts)


def show(value: float, percent: bool) -> str:
    """A value as text."""
    return f"{100 * value:.1f}%" if percent else number(value)


def _tick(lines: Sequence[Line], percent: bool) -> str:
    if percent:
        return "~%"
    # SI prefixes read well for thousands; "40m" for 0.04 does not
    return "~s" if max((abs(v) for line in lines for v in line.values), default=0) >= 1000 else ".3~g"


def draw_lines(
    lines: Sequence[Line], percent: bool, extra: Sequence[alt.Chart] = (), zero: bool = False, unit: bool = False
) -> dict[str, Any]:
    """Lines over steps with one rule and one tooltip for all of them."""
    rows: dict[int, dict[str, Any]] = {}
    for i, line in enumerate(lines):
        for s, v in zip(line.steps, line.values, strict=True):
            rows.setdefault(s, {"s": s})[f"k{i}"] = short(v)
    data = alt.InlineData(values=[rows[s] for s in sorted(rows)])
    names = [f"k{i}" for i in range(len(lines))]
    form = ".1%" if percent else ".4~g"
    # a constant 0 has no extent to draw an axis for
    whole = unit or (percent and not any(any(line.values) for line in lines))
    scale = alt.Scale(domain=[0, 1]) if whole else alt.Scale(zero=zero or percent, nice=True)
    y = alt.Y("y:Q", title=None, scale=scale, axis=alt.Axis(format=_tick(lines, percent)))
    x = alt.X("s:Q", title="step", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(format="~s", tickMinStep=1))
    layers = list(extra)
    for name, line in zip(names, lines, strict=True):
        base = alt.Chart(data).transform_filter(f"isValid(datum.{name})").transform_calculate(y=f"datum.{name}")
        # a line through one point draws nothing
        mark = (
            base.mark_line(
                strokeDash=[5, 3] if line.dash else [], opacity=0.28 if line.faint else 1,
                strokeWidth=1 if line.faint else 1.75,
                color=line.colour,
            )
            if len(line.steps) > 1
            else base.mark_point(filled=True, size=40, color=line.colour, opacity=1)
        )  # fmt: skip
        layers.append(mark.encode(x=x, y=y))
    tips = [
        alt.Tooltip("s:Q", title="step"),
        *(alt.Tooltip(f"{n}:Q", title=line.label, format=form) for n, line in zip(names, lines, strict=True)),
    ]
    hover = alt.selection_point(
        name="hover", nearest=True, on="pointerover", clear="pointerout", fields=["s"], empty=False
    )
    rule = (
        alt.Chart(data)
        .mark_rule(color="var(--ink-3)")
        .encode(x=x, opacity=alt.condition(hover, alt.value(0.6), alt.value(0)), tooltip=tips)
        .add_params(hover)
    )
    layers.append(rule)
    return finish(alt.layer(*layers))


def finish(chart: Any, height: int = 190) -> dict[str, Any]:
    """The specification as plain data, as wide as its card."""
    spec = chart.properties(width="container", height=height).to_dict()
    for key in ("$schema", "config"):
        spec.pop(key, None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["padding"] = {"left": 2, "right": 6, "top": 6, "bottom": 2}
    return spec


def short(value: float) -> float:
    """Four significant digits: more than a drawing shows, less than a float prints."""
    return float(f"{value:.4g}")


def band(rows: list[dict[str, Any]], colour: str, x: str = "s", title: str = "step") -> list[alt.Chart]:
    """A line with points and its interval."""
    data = alt.InlineData(values=rows)
    axis = alt.Axis(format="~s", tickMinStep=1) if x == "s" else alt.Axis(values=[r["s"] for r in rows], format="d")
    kind = alt.Scale(nice=False, zero=False) if x == "s" else alt.Scale(type="log", base=2, nice=False)
    ex = alt.X("s:Q", title=title, scale=kind, axis=axis)
    tips = [
        alt.Tooltip("s:Q", title=title), alt.Tooltip("y:Q", title="rate", format=".1%"),
        alt.Tooltip("lo:Q", title="from", format=".1%"), alt.Tooltip("hi:Q", title="to", format=".1%"),
        *([alt.Tooltip("n:Q", title="n", format=",")] if "n" in rows[0] else []),
    ]  # fmt: skip
    ey = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%"))
    base = alt.Chart(data)
    return [
        base.mark_area(color=colour, opacity=0.16).encode(x=ex, y=alt.Y("lo:Q", title=None), y2="hi:Q"),
        base.mark_line(color=colour, strokeWidth=2.25).encode(x=ex, y=ey),
        base.mark_point(color=colour, filled=True, size=34, opacity=1).encode(x=ex, y=ey, tooltip=tips),
    ]
