"""The score that is left to buy with entropy: a fit of score against the exponential of entropy."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.method import Paper, method
from guerdon.ops.entropy_law import EntropyLaw, entropy_law
from guerdon.ops.stats import Interval
from guerdon.records import Finding


@method(
    paper=Paper(
        "arXiv:2505.22617",
        "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", "entropy/clip-cov-kl-cov",
        where="the law R = -a exp(H) + b",
    ),
    tags=("entropy control",),
    settings={"history": {"metric": ("entropy", "accuracy")}},
    sources={"min_points": "ours"},
)  # fmt: skip
def entropy_ceiling(history: Float[Tensor, "aspect time"], *, min_points: int = 4) -> list[Finding]:
    r"""Fit the score against the exponential of the entropy and predict the score at entropy 0.

    .. math:: R = b - a\,e^{H},\qquad \text{ceiling} = b - a

    Args:
        history: two series of a run, one entry per step: entropy in nats, and the score; NaN where one is not known.
        min_points: steps with both that are needed, at least 3.

    Returns:
        ``ceiling``: :math:`b - a`, in the unit of the score; ``price of entropy``: :math:`a`, above 0 where score was
        bought with entropy; ``left to gain``: ceiling minus the fit at the last point. Nothing where there are too few
        points or the entropy never moved. Intervals of 95 % take the points as independent, which steps of one run
        are not: they are too narrow.

    Raises:
        DataError: not two series.
        RecipeError: fewer than 3 points asked for.

    Example:
        >>> import torch
        >>> h = torch.tensor([0.05, 0.2, 0.5, 1.0], dtype=torch.float64)
        >>> found = entropy_ceiling(torch.stack([h, 0.8 - 0.2 * h.exp()]))
        >>> [(f.name, round(f.effect, 4)) for f in found]
        [('ceiling', 0.6), ('price of entropy', 0.2), ('left to gain', 0.3437)]

    Source: Cui et al. 2025, section 2: the law, and the prediction of the score at which entropy is spent.
    Differs: the paper fits finished runs of one model and compares; here a run is fitted while it goes, with intervals.
    """
    if min_points < 3:
        raise RecipeError("a line with an interval needs three points", where="entropy_ceiling.min_points",
                          seen=min_points, allowed="at least 3")  # fmt: skip
    if len(history) != 2:
        raise DataError("the two series are entropy and score", where="entropy_ceiling.history", seen=len(history))
    entropy, score = history.detach().double().cpu().numpy()
    law = entropy_law(entropy, score, min_points=min_points)
    if law is None:
        return []
    return [
        _finding("ceiling", law.ceiling, law, "score that the fit predicts once entropy is spent"),
        _finding("price of entropy", law.price, law, "score gained per unit of exp(entropy)"),
        _finding("left to gain", law.left, law, "from the fit at the last point to the ceiling"),
    ]


def _finding(name: str, value: Interval, law: EntropyLaw, text: str) -> Finding:
    told = f"{text}; {law.fit.n} points, R^2 = {law.fit.r_squared:.2f}"
    return Finding(name, value.estimate, (value.low, value.high), law.fit.n, message=told)
