"""The estimators of the report: numbers with their interval and the count they rest on, and thinned series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.ops import stats

_DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 percent interval and the count it rests on: ``n`` of the ``unit``."""

    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    unit: str = "samples"

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Wilson's interval for counts that need not be whole, such as an effective number of samples.

    Args:
        successes: 0 to ``n``.
        n: trials; below 1 nothing is known and the interval is (0, 1).

    Example:
        >>> [round(v, 4) for v in wilson(8, 10)]
        [0.4902, 0.9433]
    """
    if n < 1:
        return 0.0, 1.0
    found = stats.wilson(successes, n)  # pyright: ignore[reportArgumentType]
    return found.low, found.high


def newcombe(first: Estimate, second: Estimate) -> Estimate:
    """Difference of two independent rates, from their own Wilson intervals.

    Example:
        >>> a, b = Estimate(48 / 80, *wilson(48, 80), 80), Estimate(56 / 70, *wilson(56, 70), 70)
        >>> d = newcombe(a, b)
        >>> round(d.value, 4), round(d.low, 4), round(d.high, 4)
        (0.2, 0.0524, 0.3339)

    Source: Newcombe 1998 (Interval estimation for the difference), method 10; 56/70 against 48/80 is his example a.
    """
    gap = second.value - first.value
    low = gap - math.hypot(second.value - second.low, first.high - first.value)
    high = gap + math.hypot(second.high - second.value, first.value - first.low)
    return Estimate(gap, low, high, min(first.n, second.n), second.unit)


def bootstrap(values: Sequence[float] | np.ndarray, unit: str = "tasks") -> Estimate:
    """Mean with its percentile bootstrap; non-finite values are left out, and one value alone has no interval.

    Example:
        >>> e = bootstrap([1.0, 2.0, 3.0, 4.0])
        >>> e.value, e.n, e.low < 2.5 < e.high
        (2.5, 4, True)
    """
    data = np.asarray(values, dtype=np.float64)
    data = data[np.isfinite(data)]
    if not len(data):
        return Estimate(math.nan, unit=unit)
    return Estimate(*stats.bootstrap_mean_interval(data, resamples=_DRAWS), len(data), unit)


def difference(first: Sequence[float], second: Sequence[float], unit: str = "steps") -> Estimate:
    """Difference of the means of two independent samples, second minus first, with a percentile bootstrap.

    Example:
        >>> e = difference([1.0, 1.0], [3.0, 3.0])
        >>> e.value, e.low, e.high, e.n
        (2.0, 2.0, 2.0, 2)
    """
    sides = [np.asarray(x, dtype=np.float64) for x in (first, second)]
    n = min(len(x) for x in sides)
    value = float(sides[1].mean() - sides[0].mean())
    if n < 2:
        return Estimate(value, n=n, unit=unit)
    rng = np.random.default_rng(0)  # a fixed seed, so that one run always gives one report
    draws = [x[rng.integers(0, len(x), (_DRAWS, len(x)))].mean(axis=1) for x in sides]
    low, high = np.quantile(draws[1] - draws[0], [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, unit)


def rate(counts: Iterable[tuple[int, int]]) -> Estimate:
    """Rate over ``(correct, samples)`` per task, with a Wilson interval on the effective number of samples.

    Samples of one task are not independent, so the sample count is divided by the design effect: the ratio of the
    variance of the mean over tasks to the binomial one. Where that cannot be estimated, tasks are counted. ``n`` of
    the result is the number of tasks.

    Example:
        >>> a = rate([(2, 2), (0, 2), (2, 2), (0, 2)])  # all or nothing: the second sample of a task says nothing new
        >>> b = rate([(1, 2), (1, 2), (2, 2), (0, 2)])
        >>> a.value == b.value == 0.5, a.high - a.low > b.high - b.low, a.n
        (True, True, 4)
    """
    pairs = np.asarray(list(counts), dtype=np.float64)
    if not len(pairs):
        return Estimate(math.nan)
    correct, samples = pairs[:, 0], pairs[:, 1]
    n, m = samples.sum(), len(pairs)
    p = float(correct.sum() / n)
    effective = float(m)
    if m > 1 and 0.0 < p < 1.0:
        residual = correct - p * samples
        variance = m / (m - 1) * (residual**2).sum() / n**2
        effective = float(n if variance <= 0 else min(n, max(1.0, p * (1 - p) / variance)))
    if (samples == 1).all():
        effective = float(n)
    low, high = wilson(p * effective, effective)
    return Estimate(p, low, high, m, "tasks")


class Correlation:
    """Pearson correlation of a stream of pairs, in constant memory.

    Example:
        >>> r = Correlation()
        >>> for x in (1.0, 2.0, 3.0): r.add(x, 2 * x)
        >>> round(r.value, 6), r.n
        (1.0, 3)
    """

    def __init__(self) -> None:
        self.n = 0
        self._mx = self._my = self._sxx = self._syy = self._sxy = 0.0

    def add(self, x: float, y: float) -> None:
        """Count one pair."""
        self.n += 1
        dx = x - self._mx
        dy = y - self._my
        self._mx += dx / self.n
        self._my += dy / self.n
        self._sxx += dx * (x - self._mx)
        self._syy += dy * (y - self._my)
        self._sxy += dx * (y - self._my)

    @property
    def value(self) -> float:
        """The correlation; NaN while one side is constant."""
        scale = self._sxx * self._syy
        return self._sxy / math.sqrt(scale) if scale > 0 else math.nan

    @property
    def mean(self) -> float:
        """Mean of the first side."""
        return self._mx

    @property
    def std(self) -> float:
        """Sample standard deviation of the first side."""
        return math.sqrt(self._sxx / (self.n - 1)) if self.n > 1 else 0.0


def thin(
    steps: Sequence[int], values: Sequence[float], limit: int, reduce: str = "mean"
) -> tuple[list[int], list[float]]:
    """A series cut to at most ``limit`` points: the mean (or largest) value of equal stretches of steps.

    Non-finite values are left out before anything else.

    Example:
        >>> thin([0, 1, 2, 3], [1.0, 3.0, math.nan, 8.0], 2)
        ([0, 3], [2.0, 8.0])
    """
    pairs = [(s, v) for s, v in zip(steps, values, strict=True) if v is not None and math.isfinite(v)]
    if len(pairs) <= limit:
        return [s for s, _ in pairs], [float(v) for _, v in pairs]
    first, last = min(s for s, _ in pairs), max(s for s, _ in pairs)
    width = (last - first + 1) / limit
    buckets: dict[int, list[tuple[int, float]]] = {}
    for s, v in pairs:
        buckets.setdefault(int((s - first) / width), []).append((s, v))
    fold = max if reduce == "max" else lambda vs: sum(vs) / len(vs)
    found = [(b[0][0], fold([v for _, v in b])) for _, b in sorted(buckets.items())]
    return [s for s, _ in found], [float(v) for _, v in found]
