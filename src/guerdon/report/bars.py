"""The bar charts: what happens inside groups, and where the time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import altair as alt

from guerdon.report.draw import COLOURS, Chart, Key, finish, short, show
from guerdon.report.load import Run

STAGES = ("rollout", "reward", "advantage", "update", "records")


def _phases(runs: Sequence[Run]) -> list[tuple[Run, str, str, str]]:
    """Which bars a histogram shows: early and late for one run, late alone when runs are compared."""
    if len(runs) == 1:
        return [(runs[0], "early", "first third", "var(--ink-3)"), (runs[0], "late", "last third", COLOURS[0])]
    return [(run, "late", run.name, COLOURS[i % 8]) for i, run in enumerate(runs)]


def spread(runs: Sequence[Run]) -> Chart | None:
    """Rewards around the mean of their group."""
    parts = [(p, [v for _, v in run.rollouts.spread[phase]]) for p in _phases(runs) for run, phase in [p[:2]]]
    parts = [(p, values) for p, values in parts if values]
    if not parts:
        return None
    widest = max(abs(v) for _, values in parts for v in values) or 1.0
    bins = 21
    width = 2 * widest / bins
    rows, texts = [], []
    for (_, _, label, _), values in parts:
        counts = Counter(min(bins - 1, int((v + widest) / width)) for v in values)
        for b in range(bins):
            left = -widest + b * width
            rows.append({"x": short(left), "x2": short(left + width), "y": short(counts[b] / len(values)), "k": label})
        flat = sum(abs(v) < 1e-9 for v in values) / len(values)
        texts.append(f"{label}: {show(flat, True)} at the mean of their group")
    colour = alt.Color(
        "k:N", legend=None, scale=alt.Scale(domain=[p[2] for p, _ in parts], range=[p[3] for p, _ in parts])
    )
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(opacity=0.55, binSpacing=1)
        .encode(
            x=alt.X("x:Q", bin="binned", title="reward minus the mean of its group", axis=alt.Axis(format="~g")),
            x2="x2:Q",
            y=alt.Y("y:Q", title=None, stack=None, axis=alt.Axis(format="~%")),
            color=colour,
            tooltip=[
                alt.Tooltip("k:N", title="when"),
                alt.Tooltip("x:Q", title="from", format=".3~g"),
                alt.Tooltip("x2:Q", title="to", format=".3~g"),
                alt.Tooltip("y:Q", title="share", format=".1%"),
            ],
        )
    )
    keys = [Key(p[2], p[3], "bar") for p, _ in parts]
    note = "what the advantage is made of; a single spike at 0 means there is nothing to learn from"
    return Chart("chart-spread", "Reward within groups", note, finish(chart), keys, "; ".join(texts))


def solved(runs: Sequence[Run]) -> Chart | None:
    """Groups by their number of correct samples."""
    parts = [(p, p[0].rollouts.solved[p[1]]) for p in _phases(runs)]
    parts = [(p, found) for p, found in parts if found]
    size = max((n for _, found in parts for _, n in found), default=0)
    if not parts or size < 2 or size > 64:
        return None
    rows, texts = [], []
    for (_, _, label, _), found in parts:
        whole = {c: v for (c, n), v in found.items() if n == size}
        total = sum(whole.values())
        rows += [{"x": c, "y": short(whole.get(c, 0) / total), "k": label} for c in range(size + 1)] if total else []
        if total:
            texts.append(
                f"{label}: {show(whole.get(0, 0) / total, True)} never, {show(whole.get(size, 0) / total, True)} always"
            )
    if not rows:
        return None
    labels, colours = [p[2] for p, _ in parts], [p[3] for p, _ in parts]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("x:O", title=f"correct samples of {size}", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("k:N", sort=labels),
            y=alt.Y("y:Q", title=None, axis=alt.Axis(format="~%")),
            color=alt.Color("k:N", legend=None, scale=alt.Scale(domain=labels, range=colours)),
            tooltip=[
                alt.Tooltip("k:N", title="when"),
                alt.Tooltip("x:O", title="correct"),
                alt.Tooltip("y:Q", title="share of groups", format=".1%"),
            ],
        )
    )
    keys = [Key(p[2], p[3], "bar") for p, _ in parts]
    note = "share of groups by how many of their samples are right; only the ones in the middle teach"
    return Chart("chart-solved", "Correct per group", note, finish(chart), keys, "; ".join(texts))


def _split(run: Run) -> dict[str, float]:
    """Seconds per stage over the whole run; what the stages do not explain is ``other``."""
    found = {s: sum(run.time[s].values) for s in STAGES if s in run.time}
    if "step" in run.time and found:
        found["other"] = max(0.0, sum(run.time["step"].values) - sum(found.values()))
    return found


def time(runs: Sequence[Run]) -> Chart | None:
    """Seconds per stage."""
    splits = [(run, _split(run)) for run in runs]
    stages = [s for s in (*STAGES, "other") if any(found.get(s, 0) > 0 for _, found in splits)]
    if not stages:
        return None
    rows = [
        {
            "r": run.name,
            "k": s,
            "y": short(found.get(s, 0.0)),
            "o": i,
            "p": short(found.get(s, 0.0) / (sum(found.values()) or 1)),
        }
        for run, found in splits
        for i, s in enumerate(stages)
    ]
    colours = {s: COLOURS[i] for i, s in enumerate(STAGES)} | {"other": "var(--ink-3)"}
    many = len(runs) > 1
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(size=18)
        .encode(
            y=alt.Y(
                "r:N" if many else "k:N",
                title=None,
                sort=[r.name for r in runs] if many else stages,
                axis=alt.Axis(labelLimit=110),
            ),
            x=alt.X("y:Q", title="seconds, whole run", axis=alt.Axis(format="~s")),
            color=alt.Color("k:N", legend=None, scale=alt.Scale(domain=stages, range=[colours[s] for s in stages])),
            order=alt.Order("o:Q"),
            tooltip=[
                *([alt.Tooltip("r:N", title="run")] if many else []),
                alt.Tooltip("k:N", title="stage"),
                alt.Tooltip("y:Q", title="seconds", format=",.1f"),
                alt.Tooltip("p:Q", title="share", format=".1%"),
            ],
        )
    )
    total = {run.name: sum(found.values()) for run, found in splits}
    texts = [
        f"{run.name + ': ' if many else ''}"
        + ", ".join(f"{s} {show(found.get(s, 0) / (total[run.name] or 1), True)}" for s in stages)
        for run, found in splits
    ]
    keys = [Key(s, colours[s], "bar") for s in stages] if many else []
    return Chart(
        "chart-time",
        "Where the time went",
        "seconds per stage, summed over the run",
        finish(chart),
        keys,
        "; ".join(texts),
    )
