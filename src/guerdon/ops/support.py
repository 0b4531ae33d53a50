"""Which of several things two samplers both reach, one of them, or neither. Only numpy is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guerdon.ops.stats import pass_at_k


def reached(base_n: ArrayLike, base_hits: ArrayLike, n: ArrayLike, hits: ArrayLike, k: int) -> NDArray[np.float64]:
    r"""Probabilities that k samples of each side preserve, expand, shrink or miss a unit.

    .. math:: (b\,t,\ (1-b)\,t,\ b\,(1-t),\ (1-b)(1-t)),\qquad b, t = \mathrm{pass@}k

    With exactly k samples these are 1 or 0, and their sums are counts.

    Args:
        base_n, n: samples of each unit on the side before and on the side after.
        base_hits, hits: how many of them reached it.
        k: samples allowed, 1 to the fewest.

    Returns:
        ``[units, 4]``, each row adding up to 1.

    Raises:
        DataError: ``k`` or a count is out of range.

    Example:
        >>> reached([2, 2], [1, 0], [2, 2], [0, 2], 2).tolist()  # the first is lost, the second is new
        [[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    """
    b, t = pass_at_k(base_n, base_hits, k), pass_at_k(n, hits, k)
    return np.stack([b * t, (1 - b) * t, b * (1 - t), (1 - b) * (1 - t)], -1)
