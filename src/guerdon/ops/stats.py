"""Small-sample statistics on plain numbers: intervals, paired tests, pass@k. Only numpy is needed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guerdon.errors import DataError


class Interval(NamedTuple):
    """An estimate with its lower and upper bound."""

    estimate: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Result of a paired test: mean difference, two-sided p, pairs used, the smallest p that n could give."""

    difference: float
    p: float
    n: int
    exact: bool
    floor: float


def bootstrap_mean_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, rng: np.random.Generator | None = None
) -> Interval:
    r"""Percentile bootstrap interval of a mean.

    .. math:: [\,Q_{(1-level)/2}(\bar x^*),\; Q_{(1+level)/2}(\bar x^*)\,],\qquad
              \bar x^* = \tfrac1n \sum_j x_{i_j},\ i_j \sim U\{1..n\}

    Args:
        values: one number per independent unit (a seed, a prompt), finite.
        level: coverage aimed at, in (0, 1).
        resamples: number of resampled means.
        rng: source of the resamples; the default is a fresh generator with seed 0, so results repeat.

    Returns:
        Mean and bounds; bounds are NaN for fewer than two values, where nothing can be said about the spread.

    Raises:
        DataError: no values, or one that is not finite.

    Example:
        >>> bootstrap_mean_interval([2.0, 2.0, 2.0])
        Interval(estimate=2.0, low=2.0, high=2.0)
        >>> bootstrap_mean_interval([0.0, 1.0], resamples=1000)[1:]
        (0.0, 1.0)

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    Differs: nothing; below about eight values the percentile interval is narrower than its level promises.
    """
    x = _finite(values, "values")
    mean = float(x.mean())
    if x.size < 2:
        return Interval(mean, float("nan"), float("nan"))
    draw = rng or np.random.default_rng(0)
    means = x[draw.integers(0, x.size, (resamples, x.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, rng: np.random.Generator | None = None
) -> Interval:
    """Bootstrap interval of ``mean(a - b)`` over pairs that share a seed or a prompt.

    Example:
        >>> paired_bootstrap([3.0, 5.0], [1.0, 3.0])
        Interval(estimate=2.0, low=2.0, high=2.0)

    Raises:
        DataError: lengths differ, or a value is not finite.
    """
    return bootstrap_mean_interval(_difference(a, b), level=level, resamples=resamples, rng=rng)


def clustered_ratio(parts: ArrayLike, wholes: ArrayLike, *, level: float = 0.95) -> Interval:
    r"""Ratio of two sums over clusters that are independent of each other, such as rows of decisions.

    .. math:: R = \frac{\sum_j s_j}{\sum_j c_j} \pm z\,
              \frac{\sqrt{\tfrac{m}{m-1} \sum_j (s_j - R\,c_j)^2}}{|\sum_j c_j|}

    With the number of decisions as ``wholes`` this is their mean; decisions of one cluster may depend on each other.

    Args:
        parts, wholes: one number per cluster; the sum of ``wholes`` is not 0.
        level: coverage aimed at.

    Returns:
        Ratio and bounds; bounds are NaN for fewer than two clusters.

    Raises:
        DataError: lengths differ, a value is not finite, or the wholes add up to 0.

    Example:
        >>> [round(v, 4) for v in clustered_ratio([1.0, 0.0, 2.0], [2.0, 2.0, 2.0])]
        [0.5, -0.0658, 1.0658]

    Source: the linearised variance of a ratio, Cochran 1977, Sampling Techniques, section 6.4, with a normal quantile.
    """
    s, c = _finite(parts, "parts"), _finite(wholes, "wholes")
    if s.size != c.size or c.sum() == 0.0:
        raise DataError("a ratio needs as many parts as wholes, whose sum is not 0", seen=(s.size, c.size))
    m, whole = s.size, float(c.sum())
    ratio = float(s.sum()) / whole
    if m < 2:
        return Interval(ratio, float("nan"), float("nan"))
    rest = s - ratio * c
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(np.sqrt(m / (m - 1) * (rest @ rest))) / abs(whole)
    return Interval(ratio, ratio - half, ratio + half)


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Rank correlation; ties share the mean of their ranks, and NaN where one side is constant.

    Example:
        >>> spearman([1.0, 2.0, 3.0], [10.0, 100.0, 1000.0])
        1.0

    Raises:
        DataError: lengths differ, or a value is not finite.
    """
    _difference(a, b)  # the same demands on both sides
    x, y = (_ranks(_finite(v, "values")) for v in (a, b))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else float("nan")


def _ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred ranks."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place] - (x.size + 1) / 2


def paired_permutation(
    a: ArrayLike,
    b: ArrayLike,
    *,
    exact_pairs: int = 12,
    resamples: int = 10_000,
    rng: np.random.Generator | None = None,
) -> PairedTest:
    r"""Two-sided sign-flip test of ``mean(a - b) = 0``.

    .. math:: p = \frac{\#\{s \in \{-1,1\}^n : |\overline{s d}| \ge |\bar d|\}}{2^n}

    Args:
        a, b: paired measurements.
        exact_pairs: up to this many pairs all :math:`2^n` sign patterns are visited, above it they are sampled.
        resamples: sampled patterns; then :math:`p = (hits + 1) / (resamples + 1)`.
        rng: source of the sampled patterns; the default is a fresh generator with seed 0.

    Returns:
        The test; ``floor`` is the smallest p that this many pairs can give, so a reader sees when significance was
        out of reach from the start.

    Raises:
        DataError: lengths differ, or a value is not finite.

    Example:
        >>> paired_permutation([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
        PairedTest(difference=2.0, p=0.25, n=3, exact=True, floor=0.25)

    Source: Fisher 1935, The Design of Experiments, section 21.
    Differs: ties with the observed value count within a relative 1e-12, against rounding of equal sums.
    """
    d = _difference(a, b)
    n = d.size
    observed = abs(float(d.mean()))
    slack = 1e-12 * max(float(np.abs(d).max()), 1e-300)
    if n <= exact_pairs:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
        hits = int((np.abs(signs @ d) / n >= observed - slack).sum())
        return PairedTest(float(d.mean()), hits / 2**n, n, True, min(1.0, 2 / 2**n))
    draw = rng or np.random.default_rng(0)
    signs = draw.integers(0, 2, (resamples, n)) * 2.0 - 1.0
    hits = int((np.abs(signs @ d) / n >= observed - slack).sum())
    return PairedTest(float(d.mean()), (hits + 1) / (resamples + 1), n, False, 1 / (resamples + 1))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: p-values that keep the family-wise error rate, in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = running
    return adjusted


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    r"""Wilson score interval of a rate.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Args:
        successes: 0 to ``n``.
        n: trials, at least one.
        level: coverage aimed at.

    Raises:
        DataError: ``n`` below one, or successes outside 0 to ``n``.

    Example:
        >>> [round(v, 4) for v in wilson(8, 10)]
        [0.8, 0.4902, 0.9433]

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    Differs: without continuity correction.
    """
    if n < 1 or not 0 <= successes <= n:
        raise DataError("a rate needs 0 <= successes <= n and n >= 1", seen=(successes, n))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / n
    centre = rate + z * z / (2 * n)
    half = z * (rate * (1 - rate) / n + z * z / (4 * n * n)) ** 0.5
    scale = 1 + z * z / n
    # rounding may leave the bound a hair outside the estimate at 0 and 1
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    return Interval(rate, low, high)


def pass_at_k(n: ArrayLike, correct: ArrayLike, k: int) -> NDArray[np.float64]:
    r"""Unbiased probability that at least one of ``k`` samples is correct, per prompt.

    .. math:: 1 - \binom{n-c}{k} \Big/ \binom{n}{k} = 1 - \prod_{i=n-c+1}^{n} \Big(1 - \frac{k}{i}\Big)

    Args:
        n: samples drawn per prompt.
        correct: how many of them were correct.
        k: samples allowed, 1 to ``n``.

    Returns:
        One probability per prompt.

    Raises:
        DataError: ``k`` outside 1 to ``n``, or ``correct`` outside 0 to ``n``.

    Example:
        >>> pass_at_k([4, 4], [1, 0], 2).tolist()
        [0.5, 0.0]

    Source: Chen et al. 2021, arXiv:2107.03374, eq. 1 (the product form of its figure 3).
    """
    total, hits = np.broadcast_arrays(np.asarray(n, dtype=np.int64), np.asarray(correct, dtype=np.int64))
    if k < 1 or (total < k).any() or (hits < 0).any() or (hits > total).any():
        raise DataError("pass@k needs 1 <= k <= n and 0 <= correct <= n", seen={"n": n, "correct": correct, "k": k})
    out = [
        1.0 if m - c < k else 1.0 - float(np.prod(1.0 - k / np.arange(m - c + 1, m + 1)))
        for m, c in zip(total.ravel(), hits.ravel(), strict=True)
    ]
    return np.array(out).reshape(total.shape)


def mean_height(steps: ArrayLike, values: ArrayLike) -> float:
    r"""Area under a curve over its span, by trapezoids: the average height, in the unit of the values.

    .. math:: \frac{1}{t_n - t_1}\sum_i \tfrac12 (v_i + v_{i+1})(t_{i+1} - t_i)

    Raises:
        DataError: lengths differ, a value is not finite, or steps do not increase.

    Example:
        >>> mean_height([0, 10, 20], [0.0, 1.0, 1.0])
        0.75
    """
    t, v = _finite(steps, "steps"), _finite(values, "values")
    if t.size != v.size or (np.diff(t) <= 0).any():
        raise DataError("a curve needs one value per step, steps increasing", seen=(t.tolist(), v.tolist()))
    return float(v[0]) if t.size == 1 else float(np.trapezoid(v, t) / (t[-1] - t[0]))


def _difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    x, y = _finite(a, "a"), _finite(b, "b")
    if x.size != y.size:
        raise DataError("paired statistics need as many values on both sides", seen=(x.size, y.size))
    return x - y


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0 or not np.isfinite(x).all():
        raise DataError("needs at least one value, all finite", where=name, seen=x.tolist())
    return x
