"""The law between entropy and score, ``R = b - a exp(H)``, fitted to points of a run. Only numpy is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from guerdon.ops.regression import LineFit, fit_line
from guerdon.ops.stats import Interval


@dataclass(frozen=True)
class EntropyLaw:
    """A fitted law, with the entropy of the last point it was fitted to."""

    fit: LineFit
    last: float

    @property
    def ceiling(self) -> Interval:
        """Score that is predicted once entropy is spent, :math:`b - a`."""
        return self.at(0.0)

    @property
    def price(self) -> Interval:
        """Score gained per unit of ``exp(entropy)``, :math:`a`."""
        slope = self.fit.slope_interval()
        return Interval(-slope.estimate, -slope.high, -slope.low)

    @property
    def left(self) -> Interval:
        """From the fit at the last point to the ceiling: the price times the distance."""
        distance = float(np.exp(self.last)) - 1.0
        low, high = sorted((self.price.low * distance, self.price.high * distance))
        return Interval(self.price.estimate * distance, low, high)

    def at(self, entropy: float) -> Interval:
        """Score that the law gives at an entropy, with its interval of 95 %."""
        return self.fit.at(float(np.exp(entropy)))


def entropy_law(entropy: ArrayLike, score: ArrayLike, *, min_points: int = 4) -> EntropyLaw | None:
    """The law through the points of which both numbers are known.

    Args:
        entropy: nats, in the order of the run; NaN where not known.
        score: any unit; NaN where not known.
        min_points: points that are needed, at least 3.

    Returns:
        The fit; None where there are too few points, or the entropy never moved.

    Example:
        >>> h = np.array([0.05, 0.2, 0.5, 1.0])
        >>> found = entropy_law(h, 0.8 - 0.2 * np.exp(h))
        >>> round(found.ceiling.estimate, 6), round(found.price.estimate, 6)
        (0.6, 0.2)
    """
    h, y = (np.asarray(v, dtype=np.float64).ravel() for v in (entropy, score))
    with np.errstate(over="ignore"):
        x = np.exp(h)
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < min_points:
        return None
    fit = fit_line(x[known], y[known])
    return None if fit is None else EntropyLaw(fit, float(h[known][-1]))
