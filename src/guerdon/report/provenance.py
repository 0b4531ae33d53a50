"""Where everything came from: failures, events, the resolved recipe with its sources, machine and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.report.load import Run
from guerdon.report.text import plain


@dataclass(frozen=True)
class Failure:
    """A cause for which completions were failed or left unscored."""

    run: int
    component: str
    status: str
    cause: str
    count: int
    share: float
    example: str


@dataclass(frozen=True)
class Event:
    """Warnings of one name, folded."""

    run: int
    level: str
    name: str
    message: str
    count: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Value:
    """One leaf of the recipe, per run: the value and where it came from."""

    key: str
    cells: list[tuple[str, str]]

    @property
    def differs(self) -> bool:
        """Whether the runs disagree."""
        return len({text for text, _ in self.cells}) > 1

    @property
    def unset(self) -> bool:
        """Whether no run gives it a value."""
        return all(text in ("null", "{}", "[]", "–") for text, _ in self.cells)


def failures(runs: Sequence[Run], keep: int = 40) -> list[Failure]:
    """Causes from the stored rollouts, most frequent first; from the metrics where no rollout tells."""
    found = []
    for i, run in enumerate(runs):
        for (name, status, cause), count in run.rollouts.reasons.most_common(keep):
            example = run.rollouts.examples[(name, status, cause)]
            found.append(Failure(i, name, status, cause, count, count / max(1, run.rollouts.train), example))
        if run.rollouts.more_reasons:
            found.append(
                Failure(
                    i,
                    "several",
                    "",
                    "other causes",
                    run.rollouts.more_reasons,
                    run.rollouts.more_reasons / max(1, run.rollouts.train),
                    "",
                )
            )
        if not run.rollouts.reasons:
            for key, series in run.train.items():
                if key.startswith("failure/") and sum(series.values) > 0:
                    # the metric is a share of the step's completions; steps without the cause do not log it
                    share = sum(series.values) / max(1, run.steps)
                    found.append(Failure(i, "", "failed", key.removeprefix("failure/"), 0, share, ""))
    return sorted(found, key=lambda f: (f.run, -f.share))


def events(runs: Sequence[Run], keep: int = 60) -> list[Event]:
    """Events folded by name, level and message; warnings and errors before the rest."""
    out = []
    for i, run in enumerate(runs):
        folded: dict[tuple[str, str, str], list[Any]] = {}
        for event in run.events:
            key = (str(event.get("level", "info")), str(event.get("name", "")), str(event.get("message", "")))
            folded.setdefault(key, []).append(event.get("step"))
        for problem in run.problems:
            folded.setdefault(("error", "report", problem), [])
        for (level, name, message), steps in folded.items():
            known = [s for s in steps if isinstance(s, int)]
            out.append(
                Event(i, level, name, message, max(1, len(steps)), min(known, default=None), max(known, default=None))
            )
    order = {"error": 0, "critical": 0, "warning": 1, "warn": 1}
    return sorted(out, key=lambda e: (order.get(e.level.lower(), 2), e.run, e.first or 0))[:keep]


def recipe(runs: Sequence[Run]) -> list[Value]:
    """Every leaf of the resolved recipes as a dotted key."""
    flat = [flatten(run.recipe) for run in runs]
    keys = dict.fromkeys(k for f in flat for k in f)
    return [
        Value(
            key,
            [
                (f.get(key, "–"), _source(run.sources, key) if key in f else "")
                for run, f in zip(runs, flat, strict=True)
            ],
        )
        for key in keys
    ]


def _source(sources: Mapping[str, str], key: str) -> str:
    """The source of the key, or of the nearest entry above it."""
    while key:
        if key in sources:
            return sources[key]
        key = key.rpartition(".")[0]
    return ""


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested data as dotted keys and short text.

    Example:
        >>> flatten({"train": {"lr": 0.001}, "reward": [{"use": "math"}]})
        {'train.lr': '0.001', 'reward.0.use': 'math'}
    """
    if isinstance(value, Mapping) and value:
        items = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, (list, tuple)) and any(isinstance(v, (Mapping, list, tuple)) for v in value):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return {prefix: _leaf(value)}
    out: dict[str, str] = {}
    for key, child in items:
        out |= flatten(child, f"{prefix}.{key}" if prefix else key)
    return out


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False, default=str)


def machine(runs: Sequence[Run]) -> list[Value]:
    """Everything in ``run.json``, per run."""
    flat = [{k: v for k, v in flatten(run.info).items() if k and k != "v"} | {"folder": run.path} for run in runs]
    return [Value(k, [(f.get(k, "–"), "") for f in flat]) for k in dict.fromkeys(k for f in flat for k in f)]


def facts(runs: Sequence[Run]) -> list[list[tuple[str, str]]]:
    """The line under each run's name: task, policy, methods, steps, time, seed."""
    out = []
    for run in runs:
        found = [
            (label, _named(run.recipe.get(key)))
            for label, key in (
                ("task", "task"),
                ("policy", "policy"),
                ("advantage", "advantage"),
                ("objective", "objective"),
            )
        ]
        seconds = run.summary.get("train_seconds")
        if isinstance(seconds, (int, float)):
            found.append(("time", f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"))
        found.append(("steps", f"{run.steps:,}"))
        train = run.recipe.get("train")
        seed = run.info.get("seed", train.get("seed") if isinstance(train, Mapping) else None)
        if seed is not None:
            found.append(("seed", str(seed)))
        if run.summary.get("stopped") not in (None, False, "", "finished"):
            found.append(("stopped", str(run.summary["stopped"])))
        out.append([(label, plain(text, 70)) for label, text in found if text])
    return out


def _named(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("use", ""))
    if isinstance(value, (list, tuple)):
        return " + ".join(n for n in map(_named, value) if n)
    return value if isinstance(value, str) else ""
