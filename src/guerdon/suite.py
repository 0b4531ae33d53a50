"""Methods side by side on a suite of worlds: the same budget, several seeds, what each method does to exploration."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.ops.stats import Interval, bootstrap_mean_interval, mean_height, paired_bootstrap
from guerdon.recipe import load, shipped
from guerdon.records.run import RunFolder

# how every run of a suite goes, so that two methods differ in nothing else; at this rate plain GRPO is above 0.99 in
# every world after half of the steps
BUDGET: dict[str, Any] = {
    "policy": "table",
    "rollout": {"prompts": 16, "group": 16},
    "advantage": "grpo",
    "objective": ["clip"],
    "train": {"steps": 200, "lr": 0.1, "checkpoint_every": 100_000, "threads": 1},
    "eval": {"every": 20, "size": 16, "samples": 64, "greedy": False},
    "record": {"detail": 0, "every": 100_000},
}
# a tenth of a model's tokens per second is enough for a small network: other rates, everything else the same
NETWORK: dict[str, Any] = {
    "policy": {"use": "tiny", "hidden": 64, "layers": 2},
    "train": {"lr": 1e-3, "warmup": 10},
    "eval": {"every": 50, "samples": 16},
}
WARM = {"rare": (0.01, 0.12), "modes": (0.3, 0.6), "mixed": (0.3, 0.6), "chain": (0.01, 0.12), "spurious": (0.3, 0.6),
        "episode": (0.01, 0.12)}  # fmt: skip
SUITES: dict[str, dict[str, dict[str, Any]]] = {
    "exploration": {
        "rare": {"base_mass": 0.05},
        "modes": {},
        "mixed": {"base_mass": 0.05},
        "chain": {"base_mass": 0.05},
        "spurious": {},
        "episode": {"base_mass": 0.05, "arms": 4},
    }
}
# in this world what is paid has nothing to do with what is right: the first entry judges, the second pays
SPURIOUS = [{"use": "task_rule", "weight": 0.0}, {"use": "random_reward", "weight": 1.0}]
STAGES = ("shaping", "selection", "advantage", "objective", "aggregate", "providers")
# name, better when higher (None: neither), what it is
MEASURES: dict[str, tuple[bool | None, str]] = {
    "pass@1": (True, "held-out accuracy of one sample at the end"),
    "pass@k": (True, "share of prompts solved by one of k samples at the end, unbiased"),
    "area": (True, "mean held-out accuracy over the run"),
    "entropy": (None, "entropy per decision in nats over the last tenth of the steps"),
    "answer entropy": (None, "entropy of the answers to a question in nats at the end, from the samples"),
    "support kept": (True, "share of the right answers sampled at the start that are still sampled at the end"),
    "support gained": (True, "right answers sampled at the end and not at the start, per right answer"),
    "idle groups": (False, "share of groups with one single reward, over the run"),
    "seconds": (False, "time of a step"),
}


def recipe_of(method: str, suite: str, world: str, *, network: bool = False) -> dict[str, Any]:
    """The recipe of one method in one world of a suite.

    Args:
        method: a shipped recipe, whose stages between reward and update are taken; or an advantage or an objective.
        suite: name of a suite.
        world: one of its worlds.
        network: train the small network instead of the table.

    Raises:
        UnknownNameError: no such suite or method.
    """
    from guerdon import registry

    if suite not in SUITES:
        raise UnknownNameError("suite", suite, SUITES)
    data = laid_over(BUDGET, {"task": {"use": "exploration", "world": world, **SUITES[suite][world]}})
    if network:
        data = laid_over({**data, "policy": {}}, NETWORK, {"warm_start": {"target": list(WARM[world])}})
    if world == "spurious":
        data["reward"] = SPURIOUS
    if method in shipped():
        given = load(method)
        keys = [k for k in STAGES if k in given.model_fields_set]
        chosen = given.model_dump(mode="json", by_alias=True, include=set(keys), exclude_defaults=True)
        if given.rollout.passes:  # prompts and samples are the suite's, looking again is part of the method
            passes = [p.model_dump(mode="json", by_alias=True) for p in given.rollout.passes]
            data = laid_over(data, {"rollout": {"passes": passes}})
        return data | chosen
    try:
        card = registry.resolve(method).method.card
    except UnknownNameError:
        raise UnknownNameError("method or recipe", method, [*shipped(), *registry.index()]) from None
    if card.stage == "advantage":
        transform = any(i.name == "advantage" and not i.optional for i in card.inputs)
        return data | {"advantage": ["grpo", method] if transform else method}
    if card.stage == "objective":
        alone = card.role == "token_loss" and any(i.name == "advantage" for i in card.inputs)
        return data | {"objective": [method] if alone else ["clip", method]}
    raise RecipeError(
        "a suite varies advantages, objectives and whole recipes", where="method", seen=f"{method}: {card.stage}"
    )


def laid_over(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings laid over each other, the later ones win; nested mappings are merged.

    Example:
        >>> laid_over({"a": {"x": 1, "y": 2}, "b": [1]}, {"a": {"y": 3}, "b": [2]})
        {'a': {'x': 1, 'y': 3}, 'b': [2]}
    """
    out: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
            out[key] = laid_over(out[key], value) if both else value
    return out


def measure(path: Path) -> dict[str, float]:
    """Every measure of a finished run.

    Raises:
        RunError, DataError: the folder is no run, or is torn.
    """
    run = RunFolder(path)
    rows = {int(r["step"]): r["metrics"] for r in run.evaluations()}
    steps = sorted(rows)
    last = rows[steps[-1]]
    most = max((int(k.partition("@")[2]) for k in last if k.startswith("eval/pass@")), default=1)
    train = [r["metrics"] for r in run.metrics("train")]
    tail = train[-max(1, len(train) // 10) :]
    before, after = _answers(run, steps[0]), _answers(run, steps[-1])
    kept, gained = _support(before, after)
    summary = run.summary()
    return {
        "pass@1": last["eval/accuracy"],
        "pass@k": last[f"eval/pass@{most}"],
        "area": mean_height(steps, [rows[s]["eval/accuracy"] for s in steps]),
        "entropy": _mean(m["entropy"] for m in tail),
        "answer entropy": _mean(_entropy(Counter(a for a, _ in found)) for found in after.values()),
        "support kept": kept,
        "support gained": gained,
        "idle groups": _mean(m["group/zero_variance"] for m in train),
        "seconds": summary["train_seconds"] / max(summary["steps"], 1),
    }


Answers = Mapping[str, list[tuple[str, bool]]]


def _answers(run: RunFolder, step: int) -> Answers:
    """Sampled answers of an evaluation with whether they were right, by question; a prompt without its case number."""
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for r in run.rollouts("eval"):
        if r.step == step:
            found[r.prompt.partition(" ")[2]].append((r.completion, bool(r.is_correct)))
    return found


def _support(before: Answers, after: Answers) -> tuple[float, float]:
    kept, gained = [], []
    for question, rows in before.items():
        old = {a for a, right in rows if right}
        new = {a for a, right in after.get(question, ()) if right}
        if old:
            kept.append(len(old & new) / len(old))
        gained.append(len(new - old) / max(len(old | new), 1))
    return _mean(kept), _mean(gained)


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values())


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


@dataclass(frozen=True)
class Line:
    """One method: every measure with its interval over seeds, and its difference to the first method."""

    method: str
    seeds: int
    values: Mapping[str, Interval]
    against: Mapping[str, Interval]
    worlds: Mapping[str, Mapping[str, float]]
    sentence: str


def compare(found: Mapping[str, Mapping[int, Mapping[str, Mapping[str, float]]]]) -> list[Line]:
    """Lines of the table from measures by method, seed and world; the first method is the baseline.

    The unit is a seed: its value is the mean over the worlds. Differences are paired by seed.
    """
    base = next(iter(found), "")
    lines = []
    for method, seeds in found.items():
        own = {m: [_over(seeds[s], m) for s in seeds] for m in MEASURES}
        values = {m: _interval(v) for m, v in own.items()}
        shared = [s for s in seeds if s in found[base]]
        against = {}
        if method != base and len(shared) > 2:
            for m in MEASURES:
                pairs = [(_over(seeds[s], m), _over(found[base][s], m)) for s in shared]
                pairs = [p for p in pairs if not any(map(math.isnan, p))]
                if len(pairs) > 2:
                    against[m] = paired_bootstrap([p[0] for p in pairs], [p[1] for p in pairs])
        worlds = {w: {m: _mean(seeds[s][w][m] for s in seeds) for m in MEASURES} for w in next(iter(seeds.values()))}
        lines.append(Line(method, len(seeds), values, against, worlds, sentence(method, base, against)))
    return lines


def _interval(values: Sequence[float]) -> Interval:
    known = [v for v in values if not math.isnan(v)]
    return bootstrap_mean_interval(known) if known else Interval(math.nan, math.nan, math.nan)


def _over(worlds: Mapping[str, Mapping[str, float]], name: str) -> float:
    values = [w[name] for w in worlds.values()]
    return _mean(v for v in values if not math.isnan(v))


def sentence(method: str, base: str, against: Mapping[str, Interval]) -> str:
    """What the paired differences allow to say about a method, in plain words."""
    if method == base:
        return "The baseline."
    parts = []
    for name, unit in (("pass@1", "points of pass@1"), ("pass@k", "points of pass@k"), ("area", "points of area")):
        d = against.get(name)
        if d is not None and (d.low > 0 or d.high < 0):
            parts.append(f"{'gains' if d.low > 0 else 'loses'} {abs(100 * d.estimate):.1f} {unit}")
    for name in ("entropy", "answer entropy", "support kept", "support gained"):
        d = against.get(name)
        if d is not None and (d.low > 0 or d.high < 0):
            parts.append(f"{'more' if d.low > 0 else 'less'} {name} ({d.estimate:+.2f})")
    if not against:
        return f"Too few seeds shared with {base} to say anything."
    if not parts:
        return f"No difference to {base} that these seeds can show."
    return f"Against {base}: {', '.join(parts)}."


def names(values: Sequence[str]) -> list[str]:
    """Methods of ``--vary method=a,b``, baseline first.

    Raises:
        RecipeError: the list is not about methods, or names one twice.
    """
    text = [v.removeprefix("method=") for v in values if v.startswith("method=")]
    found = [m for t in text for m in t.split(",") if m]
    if len(values) != 1 or not found or len(set(found)) != len(found):
        raise RecipeError(
            "a suite varies methods, each once", where="--vary", seen=list(values), fix="--vary method=grpo,rloo"
        )
    return found
