"""Pictures of methods whose result is a curve in one input: loss over the ratio, advantage over the pass rate, ..."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from guerdon.component import Component, build
from guerdon.docs_build.methods import path
from guerdon.registry import index, resolve

Point = tuple[float, str, float]
Axes = tuple[str, str]


@dataclass(frozen=True)
class Sweep:
    """A way to draw a method: which cards it fits, its axes, the signals at each point, what is read off the result."""

    axes: Axes
    fits: Callable[[Mapping[str, Any]], bool]
    points: Callable[[], Iterable[tuple[float, str, Mapping[str, Tensor]]]]
    read: Callable[[Tensor, str], float]


def _cells(value: float) -> Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


def _ratios() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    for sign, name in ((1.0, "advantage +1"), (-1.0, "advantage -1")):
        for k in range(1, 161):
            ratio = k / 40
            yield ratio, name, {
                "log_ratio": _cells(math.log(ratio)), "advantage": _cells(sign), "logp": _cells(math.log(ratio) - 1.0),
                "old_logp": _cells(-1.0), "ref_logp": _cells(-1.0), "mask": torch.ones(1, 1, dtype=torch.bool),
                "group_id": torch.zeros(1, dtype=torch.long), "length": torch.ones(1, dtype=torch.long),
            }  # fmt: skip


def _margins() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    length = torch.full((1,), 10)
    for k in range(-60, 61):
        margin = k / 10
        # the side that is preferred moves, the other one and both references stay where they are
        still = torch.full((1,), -10.0, dtype=torch.float64)
        yield margin, "loss", {
            "chosen_logp": still + margin, "rejected_logp": still, "ref_chosen_logp": still, "ref_rejected_logp": still,
            "chosen_score": torch.full((1,), margin, dtype=torch.float64), "chosen_length": length,
            "rejected_score": torch.zeros(1, dtype=torch.float64), "rejected_length": length,
        }  # fmt: skip


def _groups() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    size = 8
    for correct in range(size + 1):
        reward = torch.tensor([1.0] * correct + [0.0] * (size - correct), dtype=torch.float64)
        signals = {
            "reward": reward, "group_id": torch.zeros(size, dtype=torch.long), "is_correct": reward.bool(),
            "mask": torch.ones(size, 1, dtype=torch.bool), "length": torch.ones(size, dtype=torch.long),
        }  # fmt: skip
        for name, there in (("correct sample", correct > 0), ("wrong sample", correct < size)):
            if there:
                yield float(correct), name, signals


def _rewards() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    for k in range(-60, 61):
        yield k / 20, "shaped reward", {"reward": torch.full((1,), k / 20, dtype=torch.float64)}


def _probabilities() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    """A decision of every probability, the rest shared by its alternatives, in a batch that holds all of them."""
    grid = torch.arange(1, 100, dtype=torch.float64) / 100
    for others in (3, 50):
        for p in grid.tolist():
            now = torch.cat([torch.tensor([p], dtype=torch.float64), grid])[None]
            entropy = torch.special.entr(now) + others * torch.special.entr((1 - now) / others)
            yield p, f"{others} alternatives", {
                "logp": now.log(), "old_logp": now.log(), "entropy": entropy, "old_entropy": entropy,
                "advantage": torch.ones_like(now), "mask": torch.ones_like(now, dtype=torch.bool),
            }  # fmt: skip


def _places() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    # one decision of forty has an advantage, so the sum of a row is what became of it
    size = 40
    for sign, name in ((1.0, "advantage +1"), (-1.0, "advantage -1")):
        for k in range(size):
            advantage = torch.zeros(1, size, dtype=torch.float64)
            advantage[0, k] = sign
            yield (k + 1) / size, name, {"advantage": advantage, "mask": torch.ones(1, size, dtype=torch.bool)}


def _perplexities() -> Iterable[tuple[float, str, Mapping[str, Tensor]]]:
    others = [0.2 * k for k in range(1, 8)]
    for sign, name in ((1.0, "advantage +1"), (-1.0, "advantage -1")):
        for k in range(81):
            own = k / 40
            yield own, name, {
                "old_logp": -torch.tensor([own, *others], dtype=torch.float64)[:, None],
                "advantage": torch.full((8, 1), sign, dtype=torch.float64), "mask": torch.ones(8, 1, dtype=torch.bool),
                "group_id": torch.zeros(8, dtype=torch.long),
            }  # fmt: skip


def _first(result: Tensor, name: str) -> float:
    return float(result.flatten()[-1 if name == "wrong sample" else 0])


SWEEPS = (
    Sweep(("importance ratio", "loss of a token"),
          lambda c: c["role"] == "token_loss" and _asks(c, "log_ratio", "logp"), _ratios, _first),
    Sweep(("log-prob (or score) gained by the chosen side", "loss of a pair"),
          lambda c: c["stage"] == "preference loss", _margins, _first),
    Sweep(("correct samples in a group of 8, reward 1 or 0", "advantage"),
          lambda c: c["stage"] == "advantage" and _asks(c, "reward"), _groups, _first),
    Sweep(("probability of the decision", "weight of its loss"),
          lambda c: c["role"] == "weight" and _asks(c, "logp"), _probabilities, _first),
    Sweep(("relative place in the completion", "advantage after it"),
          lambda c: c["stage"] == "advantage" and c["scope"] == "row" and _asks(c, "advantage"), _places,
          lambda result, name: float(result.sum())),
    Sweep(("log-perplexity of a completion, seven others at 0.2 to 1.4", "advantage after it"),
          lambda c: c["stage"] == "advantage" and _asks(c, "advantage") and _asks(c, "old_logp"), _perplexities,
          _first),
    Sweep(("reward", "shaped reward"), lambda c: c["stage"] == "shaping" and c["scope"] == "row", _rewards, _first),
)  # fmt: skip


def _asks(card: Mapping[str, Any], *names: str) -> bool:
    return bool({i["name"] for i in card["inputs"]} & set(names))


def curve(card: Mapping[str, Any]) -> tuple[Axes, list[Point]] | None:
    """Axes and points of a method with its defaults; None when no sweep supplies what it asks for.

    Example:
        >>> axes, points = curve(index()["grpo"])
        >>> axes[0], [round(y, 3) for x, name, y in points if x == 4]
        ('correct samples in a group of 8, reward 1 or 0', [0.935, -0.935])
    """
    needed = {i["name"] for i in card["inputs"] if not i["optional"]}
    if card["kind"] != "function" or any(p["required"] for p in card["params"]):
        return None
    for sweep in SWEEPS:
        _, _, offered = next(iter(sweep.points()))
        if sweep.fits(card) and needed <= offered.keys():
            component = build(resolve(card["name"]), {})
            points = [(x, name, _value(component, signals, sweep, name)) for x, name, signals in sweep.points()]
            kept = [p for p in points if math.isfinite(p[2])]
            # a flat line tells a reader nothing
            return (sweep.axes, kept) if len({round(p[2], 9) for p in kept}) > 2 else None
    return None


def _value(component: Component, signals: Mapping[str, Tensor], sweep: Sweep, name: str) -> float:
    result = component(signals)
    return sweep.read(result[0] if isinstance(result, tuple) else result, name)


def svg(axes: Axes, points: list[Point]) -> str:
    """The curve as an SVG picture, readable on light and dark pages."""
    import altair as alt
    import vl_convert

    names = list(dict.fromkeys(name for _, name, _ in points))
    data = alt.Data(values=[{"x": x, "y": y, "case": name} for x, name, y in points])
    chart = alt.Chart(data, width=420, height=200, background="white").mark_line(strokeWidth=2)
    x = alt.X("x:Q", title=axes[0], scale=alt.Scale(zero=False))
    y = alt.Y("y:Q", title=axes[1], scale=alt.Scale(zero=False))
    legend = alt.Legend(title=None, orient="top") if len(names) > 1 else None
    colour = alt.Color("case:N", sort=names, legend=legend, scale=alt.Scale(range=["#2a6f97", "#bc4b51"]))
    spec = chart.encode(x=x, y=y, color=colour).configure_view(stroke=None).to_dict()
    return vl_convert.vegalite_to_svg(json.dumps(spec))


def draw_all(docs: Path) -> tuple[int, dict[str, str]]:
    """Draw every method that is a curve; how many, and why others that should be drawn could not be."""
    drawn, failed = 0, {}
    for name, card in index().items():
        file = (docs / path(card)).with_suffix(".svg")
        try:
            found = curve(card)
        except Exception as error:  # reported by name by the caller: one broken method must not cost the other pages
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        if found is None:
            file.unlink(missing_ok=True)
            continue
        picture = svg(*found)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text("utf-8") != picture:
            file.write_text(picture, "utf-8")
        drawn += 1
    return drawn, failed
