"""How many directions a cloud of vectors fills, and how that number moves as the cloud grows."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

_EPS = 1e-8  # as released, inside the logarithm and below the sum


def effective_rank(states: Tensor) -> float:
    r"""Exponential of the entropy of the normalised singular values of the centred rows.

    .. math:: \mathrm{ER} = \exp\Big(-\sum_i q_i \ln q_i\Big),\qquad q = \sigma(Z - \bar z) \Big/ \sum \sigma

    Args:
        states: ``[rows, width]``; computed in float64, because square roots of the tiny eigenvalues of a Gram matrix
            in float32 would enter the sum.

    Returns:
        At least 1 and, up to 1e-6, at most ``min(rows - 1, width)``; 0 for fewer than two rows.

    Example:
        >>> round(effective_rank(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 6)
        2.0

    Source: Roy and Vetterli 2007, The effective rank.
    """
    if len(states) < 2:
        return 0.0
    z = states.detach().double()
    sigma = torch.linalg.svdvals(z - z.mean(0))
    q = sigma / (sigma.sum() + _EPS)
    return float(torch.exp(-(q * (q + _EPS).log()).sum()))


def prefix_ranks(states: Tensor, stride: int) -> list[float]:
    """Effective ranks of the first ``stride + 1``, ``2 stride + 1``, ... rows.

    Example:
        >>> len(prefix_ranks(torch.eye(10), stride=3))  # 4, 7 and 10 rows
        3
    """
    return [effective_rank(states[: t + 1]) for t in range(stride, len(states), stride)]


def movements(ranks: list[float]) -> tuple[list[float], list[float]]:
    r"""Each value against the mean of those before it, and the differences of these.

    .. math:: \delta_j = m_j - \frac{1}{j-1}\sum_{k<j} m_k,\qquad \delta^2_j = \delta_j - \delta_{j-1}

    Example:
        >>> first, second = movements([2.0, 3.0, 5.0, 4.0])
        >>> first[:2], second[:1]
        ([1.0, 2.5], [1.5])
    """
    first = [ranks[j] - sum(ranks[:j]) / j for j in range(1, len(ranks))]
    return first, [b - a for a, b in itertools.pairwise(first)]


def mean_or_zero(values: list[float]) -> float:
    """The mean; 0 of nothing: no movement was seen."""
    return sum(values) / len(values) if values else 0.0
