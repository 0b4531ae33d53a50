"""A straight line through points, with the intervals of least squares. Only numpy is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from guerdon.errors import DataError
from guerdon.ops.stats import Interval


def student_t_quantile(p: float, df: int) -> float:
    """Quantile of Student's t distribution with a whole number of degrees of freedom.

    Args:
        p: probability, in (0, 1).
        df: degrees of freedom, at least 1.

    Raises:
        DataError: ``p`` or ``df`` out of range.

    Example:
        >>> [round(student_t_quantile(0.975, n), 4) for n in (1, 2, 10)]
        [12.7062, 4.3027, 2.2281]

    Source: the finite sums of Abramowitz and Stegun 1964, 26.7.3 and 26.7.4, inverted by bisection.
    """
    if not 0.0 < p < 1.0 or df < 1:
        raise DataError("a quantile of t needs 0 < p < 1 and df >= 1", seen=(p, df))
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # halves an angle of 1.6 to below the spacing of floats
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, df) < abs(2 * p - 1) else (low, middle)
    return math.copysign(math.sqrt(df) * math.tan((low + high) / 2), p - 0.5)


def _between(angle: float, df: int) -> float:
    """Probability of lying within plus and minus ``sqrt(df) tan(angle)``."""
    sine, cosine = math.sin(angle), math.cos(angle)
    term, total = (cosine, 0.0) if df % 2 else (1.0, 0.0)
    for k in range(1 + df % 2, df, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return (angle + sine * total) * 2 / math.pi if df % 2 else sine * total


@dataclass(frozen=True)
class LineFit:
    """Least squares: ``y = intercept + slope x`` through ``n`` points, and what its intervals need."""

    n: int
    intercept: float
    slope: float
    residual: float
    mean_x: float
    spread_x: float
    r_squared: float

    def at(self, x: float, level: float = 0.95) -> Interval:
        """Height of the line at ``x``, with its interval."""
        distance = 1.0 / self.n + (x - self.mean_x) ** 2 / self.spread_x
        return self._around(self.intercept + self.slope * x, math.sqrt(distance), level)

    def slope_interval(self, level: float = 0.95) -> Interval:
        """The slope, with its interval."""
        return self._around(self.slope, 1.0 / math.sqrt(self.spread_x), level)

    def _around(self, value: float, scale: float, level: float) -> Interval:
        half = student_t_quantile(0.5 + level / 2, self.n - 2) * self.residual * scale
        return Interval(value, value - half, value + half)


def fit_line(x: ArrayLike, y: ArrayLike) -> LineFit | None:
    r"""The line of least squares; None where three points are missing or all ``x`` are equal.

    .. math:: b = \frac{\sum (x_i - \bar x)(y_i - \bar y)}{\sum (x_i - \bar x)^2},\qquad
              \hat y(x) \pm t_{n-2}\, s \sqrt{\tfrac1n + \frac{(x - \bar x)^2}{\sum (x_i - \bar x)^2}}

    The intervals take the errors of the points as independent and equally large.

    Raises:
        DataError: lengths differ, or a value is not finite.

    Example:
        >>> found = fit_line([0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0])
        >>> found.intercept, found.slope, found.at(4.0).estimate
        (1.0, 2.0, 9.0)

    Source: ordinary least squares, as in Draper and Smith 1998, chapter 1.
    """
    u, v = (np.asarray(s, dtype=np.float64).ravel() for s in (x, y))
    if u.size != v.size or not (np.isfinite(u).all() and np.isfinite(v).all()):
        raise DataError("a line needs as many finite x as y", where="fit_line", seen=(u.size, v.size))
    if u.size < 3:
        return None
    du, dv = u - u.mean(), v - v.mean()
    spread, total = float(du @ du), float(dv @ dv)
    # rounding leaves a spread of the order of the square of an epsilon where all x are one number
    if spread <= u.size * (1e-12 * max(float(np.abs(u).max()), 1e-300)) ** 2:
        return None
    slope = float(du @ dv) / spread
    rest = dv - slope * du
    error = float(rest @ rest)
    return LineFit(
        n=u.size, intercept=float(v.mean() - slope * u.mean()), slope=slope,
        residual=math.sqrt(error / (u.size - 2)), mean_x=float(u.mean()), spread_x=spread,
        r_squared=1.0 - error / total if total > 0 else 0.0,
    )  # fmt: skip
