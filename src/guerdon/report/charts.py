"""Vega-Lite specifications of the charts; colours are CSS variables, so light, dark and print need one drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from guerdon.report import bars, ceiling
from guerdon.report.draw import (
    COLOURS,
    POINTS,
    Chart,
    Key,
    Line,
    band,
    draw_lines,
    finish,
    line_keys,
    line_text,
    short,
    show,
    slug,
)
from guerdon.report.headline import curve
from guerdon.report.load import Run
from guerdon.report.stats import thin, wilson
from guerdon.report.text import plain


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Every chart that the runs have numbers for."""
    found = [_accuracy(runs), _passes(runs), *_rewards(runs)]
    for key, title, note, percent, reduce in (
        ("entropy", "Entropy", "mean over tokens, in nats; near 0 the policy has stopped exploring", False, "mean"),
        ("kl", "KL from the reference", "mean over tokens, in nats; how far the policy has moved", False, "mean"),
        (
            "group/zero_variance",
            "Groups without a signal",
            "share of groups in which every sample has one reward",
            True,
            "mean",
        ),
        ("truncated/rate", "Truncated", "share of completions cut off at the token limit", True, "mean"),
    ):
        found.append(_metric(runs, key, title, note, percent, reduce))
    found += [
        ceiling.chart(runs),
        _length(runs),
        bars.spread(runs),
        bars.solved(runs),
        bars.time(runs),
        _throughput(runs),
    ]
    labels = dict.fromkeys(k for r in runs for k in r.train if k.startswith(("loss/", "clip/")))
    found.append(_metric(runs, "grad_norm", "Gradient norm", "before clipping; largest of each stretch", False, "max"))
    for key in sorted(labels)[:8]:
        kind, _, label = key.partition("/")
        title = f"Loss: {label}" if kind == "loss" else f"Clipped: {label}"
        note = "as minimised, per optimiser step" if kind == "loss" else "share of tokens whose ratio left its band"
        found.append(_metric(runs, key, plain(title), note, kind == "clip", "mean"))
    found.append(_metric(runs, "lr", "Learning rate", "of the optimiser", False, "mean"))
    return [c for c in found if c is not None]


def _limit(runs: Sequence[Run]) -> int:
    return max(150, POINTS // len(runs))


def _metric(runs: Sequence[Run], key: str, title: str, note: str, percent: bool, reduce: str) -> Chart | None:
    lines = [
        Line(run.name, *thin(run.train[key].steps, run.train[key].values, _limit(runs), reduce), COLOURS[i % 8])
        for i, run in enumerate(runs)
        if key in run.train
    ]
    if not any(len(line.steps) for line in lines):
        return None
    return Chart(
        slug(key),
        title,
        note,
        draw_lines(lines, percent),
        line_keys(lines) if len(runs) > 1 else [],
        line_text(lines, percent),
    )


def _smooth(values: Sequence[float], share: float = 0.06) -> list[float]:
    """Centred running mean over a share of the series."""
    half = int(len(values) * share / 2)
    out = []
    for i in range(len(values)):
        window = values[max(0, i - half) : i + half + 1]
        out.append(sum(window) / len(window))
    return out


def _accuracy(runs: Sequence[Run]) -> Chart | None:
    lines, bands, keys, texts = [], [], [], []
    many = len(runs) > 1
    for i, run in enumerate(runs):
        colour = COLOURS[i % 8]
        series = run.train.get("accuracy")
        if series:
            smooth = _smooth(series.values)
            if not many:
                lines.append(Line("one step", *thin(series.steps, series.values, POINTS), COLOURS[1], faint=True))
            label = f"{run.name}, training" if many else "training, running mean"
            lines.append(
                Line(label, *thin(series.steps, smooth, _limit(runs)), colour if many else COLOURS[1], dash=many)
            )
        held = _held_out(run)
        if held:
            bands += band(held, colour)
            keys.append(Key(f"{run.name}, held-out" if many else "held-out, 95% interval", colour, "band"))
            texts.append(f"held-out {show(held[0]['y'], True)} → {show(held[-1]['y'], True)}")
    if not lines and not bands:
        return None
    note = "share of completions judged correct; the band is the Wilson interval of the held-out rate"
    text = "; ".join([*texts, line_text(lines, True)] if len(runs) == 1 else texts or [line_text(lines, True)])
    if not lines:
        return Chart("chart-accuracy", "Accuracy", note, finish(alt.layer(*bands), 260), keys, text, wide=True)
    spec = draw_lines(lines, True, bands, unit=True)
    spec["height"] = 260
    return Chart("chart-accuracy", "Accuracy", note, spec, [*keys, *line_keys(lines)], text, wide=True)


def _held_out(run: Run) -> list[dict[str, Any]]:
    series, counts = run.evaluations.get("eval/accuracy"), run.evaluations.get("eval/n")
    if not series:
        return []
    n_at = dict(zip(counts.steps, counts.values, strict=True)) if counts else {}
    fallback = run.summary.get("n_eval")
    rows = []
    for s, v in zip(series.steps, series.values, strict=True):
        n = n_at.get(s) or (fallback if isinstance(fallback, (int, float)) else 0)
        low, high = wilson(v * n, n) if n else (v, v)
        rows.append({"s": s, "y": short(v), "lo": short(low), "hi": short(high), "n": n or None})
    keep = max(1, math.ceil(len(rows) / POINTS))
    return rows if keep == 1 else [*rows[:-1:keep], rows[-1]]


def _passes(runs: Sequence[Run]) -> Chart | None:
    layers, keys, texts = [], [], []
    for i, run in enumerate(runs):
        known = run.rollouts.evaluations
        stages = (
            [("after", max(known))]
            if len(known) == 1
            else [("before", min(known)), ("after", max(known))]
            if known
            else []
        )
        for label, step in stages:
            found = curve(known[step])
            if len(found) < 2:
                continue
            colour = COLOURS[i % 8] if label == "after" else "var(--ink-3)" if len(runs) == 1 else COLOURS[i % 8]
            rows = [
                {
                    "s": k,
                    "y": short(e.value),
                    "lo": short(e.low if e.known else e.value),
                    "hi": short(e.high if e.known else e.value),
                }
                for k, e in found
            ]
            drawn = band(rows, colour, "k", "k")
            if label == "before" and len(runs) > 1:
                drawn = [drawn[1].mark_line(color=colour, strokeDash=[5, 3])]
            layers += drawn
            name = label if len(runs) == 1 else f"{run.name}, {label}"
            keys.append(Key(name, colour, "dash" if label == "before" and len(runs) > 1 else "band"))
            texts.append(f"{name}: {show(rows[0]['y'], True)} at 1, {show(rows[-1]['y'], True)} at {rows[-1]['s']}")
    if not layers:
        return None
    note = "chance that at least one of k samples is right; where curves meet, training sharpened and did not add"
    return Chart("chart-pass", "pass@k, held-out", note, finish(alt.layer(*layers), 260), keys, "; ".join(texts))


def _rewards(runs: Sequence[Run]) -> list[Chart | None]:
    names = ["total", *dict.fromkeys(n for r in runs for n in r.components)][:9]
    if len(runs) > 1:
        return [
            _metric(runs, f"reward/{n}/mean", f"Reward: {plain(n, 40)}", "mean per step", False, "mean") for n in names
        ]
    run = runs[0]
    lines = []
    for i, name in enumerate(names):
        series = run.train.get(f"reward/{name}/mean")
        if series:
            colour = "var(--ink)" if name == "total" else COLOURS[(i - 1) % 8]
            lines.append(Line(plain(name, 40), *thin(series.steps, _smooth(series.values), POINTS), colour))
    if not lines:
        return []
    note = "mean per step, running mean; total is what was optimised"
    return [
        Chart(
            "chart-reward",
            "Reward components",
            note,
            draw_lines(lines, False),
            line_keys(lines),
            line_text(lines, False),
        )
    ]


def _length(runs: Sequence[Run]) -> Chart | None:
    lines = []
    for i, run in enumerate(runs):
        for key, label in (("length/mean", "mean"), ("length/max", "longest")):
            series = run.train.get(key)
            if series and (len(runs) == 1 or key == "length/mean"):
                points = thin(series.steps, series.values, _limit(runs), "max" if key == "length/max" else "mean")
                second = key == "length/max"
                lines.append(Line(label if len(runs) == 1 else run.name, *points, COLOURS[i % 8], dash=second))
    if not lines:
        return None
    return Chart(
        "chart-length",
        "Completion length",
        "in tokens",
        draw_lines(lines, False, zero=True),
        line_keys(lines),
        line_text(lines, False),
    )


def _throughput(runs: Sequence[Run]) -> Chart | None:
    lines = [
        Line(
            run.name,
            *thin(run.time["tokens_per_second"].steps, run.time["tokens_per_second"].values, _limit(runs)),
            COLOURS[i % 8],
        )
        for i, run in enumerate(runs)
        if run.time.get("tokens_per_second")
    ]
    if not lines:
        return None
    return Chart(
        "chart-throughput", "Throughput", "tokens per second of wall time", draw_lines(lines, False, zero=True),
        line_keys(lines) if len(runs) > 1 else [], line_text(lines, False),
    )  # fmt: skip
