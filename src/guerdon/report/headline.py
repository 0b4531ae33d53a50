"""The headline table: before, after and difference of each number that matters, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from guerdon.ops.stats import pass_at_k
from guerdon.report.load import Run, Series
from guerdon.report.pick import Evaluation
from guerdon.report.stats import Estimate, bootstrap, difference, newcombe, rate, wilson


@dataclass(frozen=True)
class Row:
    """One line of the headline table; ``better`` is +1 when more is better, -1 when less is, 0 when it depends."""

    run: int
    label: str
    unit: str
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None
    better: int = 0
    what: str = ""

    @property
    def direction(self) -> int:
        """+1 or -1 when the interval of the change excludes 0, else 0."""
        if self.change is None or not self.change.known:
            return 0
        return 1 if self.change.low > 0 else -1 if self.change.high < 0 else 0


def rows(run: Run, index: int) -> list[Row]:
    """The headline rows of one run, held-out numbers first; what was not measured has no row."""
    found = [held_out(run, index), _greedy(run, index), _passes(run, index)]
    for key, label, unit, better, what in (
        ("accuracy", "Training accuracy", "rate", 1, "share of sampled training completions judged correct"),
        ("reward/total/mean", "Total reward", "mean", 1, "mean over the completions of a step; what was optimised"),
        ("length/mean", "Completion length", "mean", 0, "tokens"),
        ("truncated/rate", "Truncated", "rate", -1, "cut off at the token limit"),
    ):
        if key in run.train and len(run.train[key].values) > 1:
            before, after, change = ends(run.train[key])
            found.append(Row(index, label, unit, before, after, change, better, what))
    return [r for r in found if r is not None]


def ends(series: Series) -> tuple[Estimate, Estimate, Estimate]:
    """Mean of the first and the last tenth of the steps, and their difference, bootstrapped over steps."""
    first, last = series.ends()
    return bootstrap(first, unit="steps"), bootstrap(last, unit="steps"), difference(first, last)


def held_out(run: Run, index: int) -> Row | None:
    """Accuracy of sampled completions on held-out tasks, first against last evaluation."""
    first, last = _evaluated(run, "eval/accuracy", "accuracy_before", "accuracy_after")
    if last is None:
        return None
    change = None
    if first is not None:
        change = paired(*_first_last(run)) if first[1] and last[1] else None
        change = change or newcombe(first[0], last[0])
    what = "sampled completions judged correct on tasks never trained on"
    return Row(index, "Held-out accuracy", "rate", first and first[0], last[0], change, 1, what)


def _first_last(run: Run) -> tuple[Evaluation, Evaluation]:
    known = run.rollouts.evaluations
    return known[min(known)], known[max(known)]


def _evaluated(
    run: Run, key: str, before: str, after: str
) -> tuple[tuple[Estimate, bool] | None, tuple[Estimate, bool] | None]:
    """First and last measured rate, each with whether its rollouts are all stored."""
    series, counts = run.evaluations.get(key), run.evaluations.get("eval/n")
    if series:
        found = []
        for i in sorted({0, len(series.steps) - 1}):
            step, value = series.steps[i], series.values[i]
            n = dict(zip(counts.steps, counts.values, strict=True)).get(step, 0) if counts else 0
            found.append(_from(run, step, value, n or _number(run.summary.get("n_eval"))))
        return (found[0] if len(found) > 1 else _summary(run, before)), found[-1]
    stored = run.rollouts.evaluations
    if stored:
        found = [(rate(stored[s].sampled.values()), True) for s in sorted(stored) if stored[s].sampled]
        return (found[0] if len(found) > 1 else None), (found[-1] if found else None)
    return _summary(run, before), _summary(run, after)


def _from(run: Run, step: int, value: float, n: float) -> tuple[Estimate, bool]:
    stored = run.rollouts.evaluations.get(step)
    if stored and stored.sampled:
        counted = rate(stored.sampled.values())
        # a run may store only some of its evaluation; then its own count is the better one
        if abs(counted.value - value) < 5e-4:
            return counted, True
    return _rate(value, n), False


def _summary(run: Run, key: str) -> tuple[Estimate, bool] | None:
    value = _number(run.summary.get(key), math.nan)
    return (_rate(value, _number(run.summary.get("n_eval"))), False) if math.isfinite(value) else None


def _rate(value: float, n: float) -> Estimate:
    return Estimate(value, *wilson(value * n, n), round(n)) if n >= 1 else Estimate(value)


def _number(value: object, default: float = 0.0) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else default  # type: ignore[arg-type]


def paired(first: Evaluation, last: Evaluation) -> Estimate | None:
    """Change task by task, bootstrapped; None unless both evaluations saw the same tasks equally often."""
    if set(first.sampled) != set(last.sampled) or len(first.sampled) < 2:
        return None
    gaps = []
    for task, (correct, n) in first.sampled.items():
        right, m = last.sampled[task]
        if m != n:
            return None
        gaps.append((right - correct) / n)
    return bootstrap(gaps)


def _greedy(run: Run, index: int) -> Row | None:
    series = run.evaluations.get("eval/greedy_accuracy")
    known = run.rollouts.evaluations
    stored = len(known[max(known)].sampled) if known else 0
    counted = run.evaluations.get("eval/tasks")
    n = (counted.values[-1] if counted else 0) or stored or _number(run.summary.get("n_eval"))
    first = (
        series.values[0] if series and len(series.values) > 1 else _number(run.summary.get("greedy_before"), math.nan)
    )
    last = series.values[-1] if series else _number(run.summary.get("greedy_after"), math.nan)
    if not math.isfinite(last):
        return None
    before, after = (replace(_rate(v, n), unit="tasks") if math.isfinite(v) else None for v in (first, last))
    change = newcombe(before, after) if before and after else None
    return Row(index, "Greedy accuracy", "rate", before, after, change, 1, "one completion per task at temperature 0")


def curve(found: Evaluation) -> list[tuple[int, Estimate]]:
    """pass@k at 1, 2, 4, ... and at the number of samples per task, bootstrapped over tasks.

    Example:
        >>> e = Evaluation(0, {"a": (1, 2), "b": (0, 2)})
        >>> [(k, p.value) for k, p in curve(e)]
        [(1, 0.25), (2, 0.5)]
    """
    if not found.sampled:
        return []
    correct, samples = np.asarray(list(found.sampled.values())).T
    top = int(samples.min())
    ks = sorted({*(2**i for i in range(top.bit_length()) if 2**i <= top), top})
    return [(k, _share(pass_at_k(samples, correct, k))) for k in ks]


def _share(values: np.ndarray) -> Estimate:
    """Mean over tasks; where each is 0 or 1 it is a rate, and a bootstrap of equal values would claim certainty."""
    if np.isin(values, (0.0, 1.0)).all():
        return Estimate(float(values.mean()), *wilson(float(values.sum()), len(values)), len(values), "tasks")
    return bootstrap(values)


def _passes(run: Run, index: int) -> Row | None:
    known = run.rollouts.evaluations
    if not known:
        return None
    last = curve(known[max(known)])
    if len(last) < 2:
        return None
    k, after = last[-1]
    before = dict(curve(known[min(known)])).get(k) if len(known) > 1 else None
    change = None
    if before is not None:
        first, end = known[min(known)].sampled, known[max(known)].sampled
        both = [t for t in end if t in first and min(first[t][1], end[t][1]) >= k]
        if len(both) == len(end) == len(first):
            gaps = [_one(end[t], k) - _one(first[t], k) for t in both]
            change = bootstrap(gaps)
        else:
            change = newcombe(before, after)
    return Row(index, f"pass@{k}", "rate", before, after, change, 1, f"at least one of {k} samples is correct")


def _one(counts: tuple[int, int], k: int) -> float:
    return float(pass_at_k([counts[1]], [counts[0]], k)[0])
