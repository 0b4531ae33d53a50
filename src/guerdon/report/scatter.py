"""Points with intervals in a plane, as numbers for an inline SVG: every point is named, and no two names collide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guerdon.report.draw import COLOURS

# the drawing: the plane, then a gap for the leaders, then the names in one column
WIDE, LEFT, RIGHT, LEADER, TOP, BOTTOM = 900, 58, 640, 690, 12, 40
_ROW, _LEAST = 18, 300
Bounds = tuple[float, float, float]


@dataclass(frozen=True)
class Point:
    """A name with estimate, lower and upper bound in both directions; bounds may be NaN."""

    name: str
    x: Bounds
    y: Bounds
    base: bool = False


@dataclass(frozen=True)
class Dot:
    """A point, placed; ``label`` is the height of its name."""

    name: str
    x: float
    y: float
    xs: tuple[float, float]
    ys: tuple[float, float]
    label: float
    colour: str
    base: bool
    text: str


@dataclass(frozen=True)
class Plot:
    """What the template draws; ticks are (place, text)."""

    dots: Sequence[Dot]
    height: int
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    x_title: str
    y_title: str


def scatter(points: Sequence[Point], x_title: str, y_title: str) -> Plot | None:
    """The drawing, or None without points."""
    if not points:
        return None
    height = max(_LEAST, _ROW * len(points) + TOP + BOTTOM)
    bottom = height - BOTTOM
    xs, ys = (ticks([v for p in points for v in side(p) if math.isfinite(v)]) for side in (_x, _y))

    def across(v: float) -> float:
        return _along(v, xs, LEFT, RIGHT)

    def up(v: float) -> float:
        return _along(v, ys, bottom, TOP)

    order = sorted(range(len(points)), key=lambda i: (-points[i].y[0], points[i].x[0], i))
    heights = spread([up(points[i].y[0]) for i in order], _ROW, TOP + 6, bottom)
    labels = dict(zip(order, heights, strict=True))
    dots = []
    for i, p in enumerate(points):
        x, y = across(p.x[0]), up(p.y[0])
        text = f"{x_title} {p.x[0]:.3f}, {y_title} {p.y[0]:.3f}"
        colour = "var(--ink)" if p.base else COLOURS[(i - 1) % len(COLOURS)]
        ends = (_ends(p.x, across), _ends(p.y, up))
        dots.append(Dot(p.name, x, y, *ends, round(labels[i], 1), colour, p.base, text))
    return Plot(
        dots, height, [(across(v), t) for v, t in _named(xs)], [(up(v), t) for v, t in _named(ys)], x_title, y_title
    )


def _x(p: Point) -> Bounds:
    return p.x


def _y(p: Point) -> Bounds:
    return p.y


def _ends(bounds: Bounds, at: Callable[[float], float]) -> tuple[float, float]:
    """Where the interval begins and ends; at the estimate itself where it is unknown."""
    estimate, low, high = bounds
    return at(low if math.isfinite(low) else estimate), at(high if math.isfinite(high) else estimate)


def _along(value: float, scale: Sequence[float], start: float, end: float) -> float:
    return round(start + (end - start) * (value - scale[0]) / (scale[-1] - scale[0]), 1)


def ticks(values: Sequence[float], about: int = 5) -> list[float]:
    """Round numbers that hold all values between them, at least two.

    Example:
        >>> ticks([0.903, 0.912]), ticks([1.0])
        ([0.902, 0.904, 0.906, 0.908, 0.91, 0.912], [0.9, 0.95, 1.0, 1.05, 1.1])
    """
    low, high = min(values), max(values)
    if high - low < 1e-6 * max(1.0, abs(high)):  # all the same, or told apart by rounding alone
        pad = max(abs(high) / 10, 1e-3)
        low, high = low - pad, high + pad
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(f * size for f in (1, 2, 5, 10) if f * size >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _named(scale: Sequence[float]) -> list[tuple[float, str]]:
    places = max(0, -math.floor(math.log10(scale[1] - scale[0]) + 1e-9))
    return [(v, f"{v:.{places}f}".replace("-", "−")) for v in scale]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places in the given order, at least ``gap`` apart, near where they are wanted and within bounds if they fit.

    Example:
        >>> spread([10.0, 11.0, 50.0], 5.0, 0.0, 52.0), spread([50.0, 50.0], 5.0, 0.0, 52.0)
        ([10.0, 15.0, 50.0], [47.0, 52.0])
    """
    out: list[float] = []
    for w in wanted:
        out.append(max(w, low, out[-1] + gap if out else low))
    for i in range(len(out) - 1, -1, -1):
        out[i] = min(out[i], high if i == len(out) - 1 else out[i + 1] - gap)
    return out
