"""Points and the box they should be in: hit or miss, and how near the centre."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.boxes import Box, boxes_in
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored, verdict


@method(
    paper=Paper("arXiv:2601.22491", "SSL: Sweet Spot Learning for Differentiated Guidance in Agentic Optimization",
                "rewards/sweet-spot", where="Gaussian field around the target"),
    tags=("grounding", "gui"),
    sources={"form": "ours", "sigma_factor": "unverified", "min_sigma": "ours"},
    policy=Policy(
        several="Failed with the floor: one point is asked for.",
        empty="Failed with the floor.",
        copied="A point copied from the prompt counts like any other.",
    ),
)  # fmt: skip
def point_in_box(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    form: Literal["hit", "closeness"] = "hit",
    sigma_factor: float | None = None,
    min_sigma: float = 1e-3,
) -> Verdict:
    r"""Score a point by the box that it should hit, or by its distance from the centre.

    .. math:: s = \mathbb{1}[p \in b] \quad\text{or}\quad
              s = \exp\left(-\tfrac12 \left[\left(\tfrac{x - x_c}{\sigma_x}\right)^2 +
              \left(\tfrac{y - y_c}{\sigma_y}\right)^2\right]\right),\quad \sigma = \max(k \cdot side,\, \sigma_{min})

    Args:
        answer: parsed answers: text with the two numbers of a point.
        gold: the box ``[x1, y1, x2, y2]``, as list or text; several boxes are alternatives, the best counts. A side
            may be empty, ends may not be reversed.
        form: ``hit`` (the edge counts) or ``closeness``; a recipe may use both, each with its weight.
        sigma_factor: spread :math:`k` as a share of the side of the box; closeness needs it, and no value is published.
        min_sigma: least spread, for boxes without extent, above 0, in the unit of the points.

    Returns:
        The score in [0, 1], scored; an answer that is no point failed with 0; a gold answer that is no box unscored.

    Raises:
        RecipeError: closeness without ``sigma_factor``, or a spread that is not above 0.
        DataError: the columns have different lengths.

    Example:
        >>> point_in_box(["(5, 5)", "10, 10", "[11, 5]"], [[0, 0, 10, 10]] * 3).score
        [1.0, 1.0, 0.0]
        >>> v = point_in_box(["(5, 5)", "(10, 5)"], [[0, 0, 10, 10]] * 2, form="closeness", sigma_factor=0.5)
        >>> [round(s, 6) for s in v.score]
        [1.0, 0.606531]

    Source: SSL's perception tasks: the hit is C, the closeness is S before its tiers.
    Differs: the factor of the spread is not published, so it has no default.
    """
    if form == "closeness" and sigma_factor is None:
        raise RecipeError("closeness needs sigma_factor", where="point_in_box.sigma_factor", seen=sigma_factor,
                          fix="0.5: the edge of the box is one standard deviation away")  # fmt: skip
    if (sigma_factor is not None and not sigma_factor > 0) or not min_sigma > 0:
        raise RecipeError("spreads must be above 0", where="point_in_box", seen=f"{sigma_factor}, {min_sigma}")
    same_length("point_in_box", answer=answer, gold=gold)
    factor = sigma_factor if form == "closeness" else None
    return verdict(_row(a or "", g, factor, min_sigma) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, factor: float | None, min_sigma: float) -> Row:
    boxes = boxes_in(gold, 4)
    if boxes is None:
        return unscored("no gold answer" if gold is None else f"gold is no box: {short(str(gold))}")
    if any(not (math.isfinite(sum(b)) and b[0] <= b[2] and b[1] <= b[3]) for b in boxes):
        return unscored(f"a gold box has reversed ends: {short(str(gold))}")
    if not answer.strip():
        return failed("no answer found")
    points = boxes_in(answer, 2)
    if points is None or len(points) != 1:
        return failed(f"answer is not one point: {short(answer)}")
    return scored(max(_score(points[0], b, factor, min_sigma) for b in boxes))


def _score(point: Box, box: Box, factor: float | None, min_sigma: float) -> float:
    sides = [(point[i], box[i], box[i + 2]) for i in (0, 1)]
    if factor is None:
        return float(all(low <= p <= high for p, low, high in sides))
    off = [(p - (low + high) / 2) / max(factor * (high - low), min_sigma) for p, low, high in sides]
    return math.exp(-0.5 * math.hypot(*off) ** 2) if math.hypot(*off) < 1e6 else 0.0
