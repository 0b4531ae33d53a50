"""What entropy still buys: the law of entropy and accuracy fitted to a run, as a drawing and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt

from guerdon.ops.entropy_law import EntropyLaw, entropy_law
from guerdon.records.run import RunFolder
from guerdon.report.draw import COLOURS, POINTS, Chart, Key, finish, short
from guerdon.report.load import Run, Series, table
from guerdon.report.stats import thin
from guerdon.report.words import percent, points

STEPS = 20  # the accuracy of one training step is noisy: a fit needs a stretch of them


@dataclass(frozen=True)
class Ceiling:
    """A fit with the points behind it: entropy and accuracy, of held-out evaluations or of training steps."""

    law: EntropyLaw
    entropy: list[float]
    accuracy: list[float]
    held_out: bool

    @property
    def traded(self) -> bool:
        """Whether accuracy rose as entropy fell by more than the fit is unsure of."""
        return self.law.price.low > 0

    def sentence(self) -> str:
        """The prediction with its interval, and what it rests on."""
        law, n = self.law, self.law.fit.n
        what = f"{n} evaluations" if self.held_out else f"training accuracy of {n} steps"
        if not self.traded:
            return f"no trade of entropy for accuracy shown ({what})"
        value = law.ceiling
        return (
            f"predicted ceiling {percent(value.estimate)} ({percent(value.low)} to {percent(value.high)}) once entropy "
            f"is spent, {points(law.left.estimate)} points from the fit at {law.last:.2f} nats ({what}, "
            f"R² {law.fit.r_squared:.2f})"
        )

    def data(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        value = self.law.ceiling
        return {
            "ceiling": value.estimate, "interval": [value.low, value.high], "price": self.law.price.estimate,
            "left": self.law.left.estimate, "points": self.law.fit.n, "held_out": self.held_out,
            "traded": self.traded, "r_squared": self.law.fit.r_squared,
        }  # fmt: skip


def fitted(train: Mapping[str, Series], evaluations: Mapping[str, Series]) -> Ceiling | None:
    """The law of a run from its series: held-out accuracy where there are evaluations enough, else training steps.

    The entropy of an evaluation is that of the next training step, which the same policy sampled; after the last step
    it is that of the nearest one.
    """
    entropy = train.get("entropy")
    if not entropy:
        return None
    held = evaluations.get("eval/accuracy")
    if held:
        at = dict(zip(entropy.steps, entropy.values, strict=True))
        pairs = [(at[min(at, key=lambda k, s=s: abs(k - s - 1))], v)
                 for s, v in zip(held.steps, held.values, strict=True)]  # fmt: skip
        found = _fit(pairs, 4, held_out=True)
        if found is not None:
            return found
    own = train.get("accuracy")
    known = dict(zip(own.steps, own.values, strict=True)) if own else {}
    pairs = [(h, known[s]) for s, h in zip(entropy.steps, entropy.values, strict=True) if s in known]
    return _fit(pairs, STEPS, held_out=False)


def _fit(pairs: Sequence[tuple[float, float]], least: int, *, held_out: bool) -> Ceiling | None:
    entropy, accuracy = [h for h, _ in pairs], [v for _, v in pairs]
    law = entropy_law(entropy, accuracy, min_points=least)
    return None if law is None else Ceiling(law, entropy, accuracy, held_out)


def of_folder(path: Path) -> Ceiling | None:
    """The law of a run on disk, from its metrics alone.

    Raises:
        RunError, DataError: the folder is no run, or its metrics are torn.
    """
    rows = RunFolder(path).metrics()
    return fitted(table(rows, "metrics", "train")[0], table(rows, "metrics", "eval")[0])


def chart(runs: Sequence[Run]) -> Chart | None:
    """Points, fit and predicted ceiling of every run that has them."""
    layers, keys, texts = [], [], []
    for i, run in enumerate(runs):
        found = fitted(run.train, run.evaluations)
        if found is None:
            continue
        layers += _layers(found, COLOURS[i % 8], len(runs) == 1)
        many = len(runs) > 1
        keys.append(Key(run.name if many else "fit, 95% interval", COLOURS[i % 8], "line" if many else "band"))
        texts.append(f"{run.name + ': ' if many else ''}{found.sentence()}")
    if not layers:
        return None
    note = (
        "accuracy fitted as b − a·exp(entropy); the mark at 0 is what the fit predicts when entropy is spent. Points "
        "of one run follow each other, so the intervals are too narrow"
    )
    spec = finish(alt.layer(*layers), 260)
    return Chart("chart-ceiling", "What entropy still buys", note, spec, keys, "; ".join(texts))


def _layers(found: Ceiling, colour: str, band: bool) -> list[alt.Chart]:
    ex = alt.X("h:Q", title="entropy, nats", scale=alt.Scale(zero=True, nice=True))
    scale = alt.Scale(zero=False, nice=True)
    ey = alt.Y("y:Q", title=None, scale=scale, axis=alt.Axis(format="~%"))
    top = max(found.entropy)
    rows = []
    for k in range(41):
        value = found.law.at(top * k / 40)
        rows.append({"h": short(top * k / 40), "y": short(value.estimate), "lo": short(value.low),
                     "hi": short(value.high)})  # fmt: skip
    line, end = alt.Chart(alt.InlineData(values=rows)), alt.Chart(alt.InlineData(values=rows[:1]))
    # training steps are cut to what a drawing shows, by their place in the run
    places = list(range(len(found.entropy)))
    shown = [thin(places, v, POINTS)[1] for v in (found.entropy, found.accuracy)]
    dots = [{"h": short(h), "y": short(y)} for h, y in zip(*shown, strict=True)]
    tip = {"h": "entropy", "y": "accuracy"}
    tips = [alt.Tooltip(f"{k}:Q", title=t, format=".3~g" if k == "h" else ".1%") for k, t in tip.items()]
    drawn = [
        line.mark_line(color=colour, strokeWidth=1.75).encode(x=ex, y=ey),
        end.mark_rule(color=colour, strokeWidth=2.25).encode(x=ex, y=alt.Y("lo:Q", title=None), y2="hi:Q"),
        end.mark_point(color=colour, shape="diamond", filled=True, size=70, opacity=1).encode(
            x=ex, y=ey, tooltip=[alt.Tooltip("y:Q", title="predicted ceiling", format=".1%"),
                                 alt.Tooltip("lo:Q", title="from", format=".1%"),
                                 alt.Tooltip("hi:Q", title="to", format=".1%")]),
        alt.Chart(alt.InlineData(values=dots)).mark_point(color=colour, size=30, opacity=0.8).encode(
            x=ex, y=ey, tooltip=tips),
    ]  # fmt: skip
    area = line.mark_area(color=colour, opacity=0.16).encode(x=ex, y=alt.Y("lo:Q", title=None), y2="hi:Q")
    return [area, *drawn] if band else drawn
