"""Tail and range means of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.method import Paper, method


@dataclass(frozen=True)
class RiskMeasures:
    """Risk of a sample of ``count`` values, in their unit.

    ``low_quantile`` and ``high_quantile`` are values at risk, ``lower_tail`` (CVaR) and ``upper_tail`` the means
    beyond them, ``middle`` (range value at risk) the mean between, ``mixed`` the weighted mean of lower tail and
    middle.
    """

    count: int
    mean: float
    low_quantile: float
    high_quantile: float
    lower_tail: float
    middle: float
    upper_tail: float
    mixed: float


@method(
    paper=Paper(
        "arXiv:2510.00911", "RiskPO: Risk-based Policy Optimization via Verifiable Reward for LLM Post-Training",
        "advantage/riskpo",
    ),
    kind="solver",
    tags=("risk",),
    sources={"low": "code", "high": "code", "mix": "code"},
)  # fmt: skip
def risk_measures(
    samples: Float[Tensor, " item"], *, low: float = 0.2, high: float = 0.9, mix: float = 1.5
) -> RiskMeasures:
    r"""Value at risk, mean of both tails and mean of the middle of a sample.

    .. math:: F^{-1}(u) = x_{(\lceil n u \rceil)},\quad
              \mathrm{CVaR} = \frac1{low}\int_0^{low}\! F^{-1},\quad
              \mathrm{RVaR} = \frac1{high - low}\int_{low}^{high}\! F^{-1},\quad
              \mathrm{MVaR} = \frac{w\,\mathrm{CVaR} + \mathrm{RVaR}}{w + 1}

    Args:
        samples: values, any unit, finite.
        low, high: levels, 0 < low < high < 1.
        mix: weight :math:`w` of the lower tail in ``mixed``, 0 or more.

    Returns:
        The measures. The three means, weighted by low, high - low and 1 - high, add up to the mean.

    Raises:
        DataError: no value, or one that is not finite.
        RecipeError: levels or weight out of range.

    Example:
        >>> found = risk_measures(torch.arange(1.0, 9.0), low=0.25, high=0.75)
        >>> found.lower_tail, found.middle, found.upper_tail, found.mixed
        (1.5, 4.5, 7.5, 2.7)

    Source: the objectives of RiskPO; Rockafellar and Uryasev 2002 for the tail mean of a distribution with atoms.
    Differs: the paper writes conditional expectations such as :math:`E[R \mid R \le a]`, which take a whole atom at
        the quantile into the tail; the integrals split it, so that the parts add up for any sample.
    """
    if not samples.numel() or not bool(torch.isfinite(samples).all()):
        bad = samples[~torch.isfinite(samples)]
        raise DataError(
            "risk is measured on finite values", where="risk_measures.samples",
            seen=bad[:3].tolist() if bad.numel() else "no value", fix="leave out rows that were not scored",
        )  # fmt: skip
    if not 0.0 < low < high < 1.0 or mix < 0.0:
        raise RecipeError(
            "levels and weight of a risk measure", where="risk_measures", seen={"low": low, "high": high, "mix": mix},
            allowed="0 < low < high < 1, mix >= 0",
        )  # fmt: skip
    x = samples.detach().double().flatten().sort().values
    lower, middle, upper = (_mean_between(x, *ends) for ends in ((0.0, low), (low, high), (high, 1.0)))
    return RiskMeasures(
        count=len(x), mean=float(x.mean()), low_quantile=_inverse(x, low), high_quantile=_inverse(x, high),
        lower_tail=lower, middle=middle, upper_tail=upper, mixed=(mix * lower + middle) / (mix + 1.0),
    )  # fmt: skip


def _inverse(x: Tensor, level: float) -> float:
    """Smallest value whose share of the sample at or below it reaches the level."""
    # 0.3 * 10 is a little more than 3
    place = int(torch.tensor(level * len(x) - 1e-9).ceil())
    return float(x[max(place, 1) - 1])


def _mean_between(x: Tensor, start: float, end: float) -> float:
    """Mean of the quantile function between two levels: every value counts by the part of its share that lies there."""
    edge = torch.arange(len(x) + 1, dtype=x.dtype, device=x.device) / len(x)
    part = (edge[1:].clamp_max(end) - edge[:-1].clamp_min(start)).clamp_min(0.0)
    return float((part * x).sum() / part.sum())
