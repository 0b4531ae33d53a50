"""Which problems a trained model still solves, no longer solves, and newly solves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from guerdon.audits._sides import LEASH, judged, right_answers, sides
from guerdon.errors import DataError, RecipeError
from guerdon.method import method
from guerdon.ops.stats import wilson
from guerdon.ops.support import reached
from guerdon.records import Finding


@method(paper=LEASH, tags=("support", "exploration"), default_source="ours", sources={"unit": "paper"})
def support(
    is_correct: Bool[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    source: Sequence[str],
    answer: Sequence[str | None] | None = None,
    status: Int[Tensor, " batch"] | None = None,
    *,
    k: int | None = None,
    unit: Literal["problem", "answer"] = "problem",
    base: str = "base",
    trained: str | None = None,
    confidence: float = 0.95,
    bootstrap: int = 1000,
) -> list[Finding]:
    r"""Sort what k samples of two models reach into preserved, expanded, shrunk and out of support.

    .. math:: \mathrm{SRR} = \frac{P}{P + S},\quad \mathrm{NDR} = \frac{E}{P + E},\quad
              \mathrm{SDS} = \frac{2\,\mathrm{SRR}\,\mathrm{NDR}}{\mathrm{SRR} + \mathrm{NDR}},\quad
              \mathrm{NSCR} = \frac{E - S}{P + E + S}

    A unit is reached with probability pass@k; with exactly k samples that is 1 or 0 and the four are plain counts.

    Args:
        is_correct: verdict per row.
        group_id: rows of one problem share it, in both models.
        source: the model of each row.
        answer: final answer per row in its canonical form, needed for ``unit="answer"``; equal texts are one answer.
        status: of the verdicts; rows that were not scored say nothing.
        k: samples per problem, at most what every problem has; None for that number.
        unit: ``problem``, or each distinct right ``answer`` of a problem: problems cannot tell lost modes.
        base, trained: names of the two sources; None for every source that is not ``base``.
        confidence: of the intervals and of the detectable probability, in (0, 1).
        bootstrap: resamples of problems.

    Returns:
        Numbers of units ``preserved`` (P), ``expanded`` (E), ``shrunk`` (S) and, for problems, ``out of support``
        (O); ``support retention`` (SRR), ``net discovery`` (NDR), ``support dynamic`` (SDS) and ``net support
        change`` (NSCR) where their denominators are not 0; ``detectable probability``
        :math:`1 - (1 - confidence)^{1/k}`: a unit that k samples never hit is below it with this confidence, not at 0.

    Raises:
        DataError: a model has no row, no problem was tried by both, ``k`` is more than some problem has, or answers
            are asked for and not given.
        RecipeError: a confidence outside (0, 1).

    Example:
        >>> import torch
        >>> ok = torch.tensor([1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1], dtype=torch.bool)
        >>> found = support(ok, torch.arange(6).repeat(2), ["base"] * 6 + ["trained"] * 6)
        >>> {f.name: f.effect for f in found[4:8]}  # P, E, S, O = 3, 1, 1, 1
        {'support retention': 0.75, 'net discovery': 0.25, 'support dynamic': 0.375, 'net support change': 0.0}

    Source: Wu et al. 2025, the support tables and their summary metrics.
    Differs: no official code was found, and the denominator of NSCR is not confirmed; counts are expectations over
        which k of the samples are taken; intervals are added.
    """
    if not 0.0 < confidence < 1.0:
        raise RecipeError("a confidence lies between 0 and 1", where="support.confidence", seen=confidence)
    counts = right_answers(is_correct, group_id, source, status, base, trained, "support")
    budget = counts.fewest if k is None else k
    if not 1 <= budget <= counts.fewest:
        raise DataError(
            "a budget of k samples that some problem does not have", where="support.k", seen=budget,
            allowed=f"1 to {counts.fewest}", fix="sample more, or lower k",
        )  # fmt: skip
    if unit == "answer":
        if answer is None:
            raise DataError("answers are counted and none are given", where="support.answer", fix="use unit: problem")
        known = judged(status, len(answer))
        hits = _answers(is_correct.bool().cpu().numpy() & known, group_id.cpu().numpy(), answer,
                        sides(source, base, trained, "support"), counts.problem)  # fmt: skip
    else:
        hits = [[(b, t)] for b, t in zip(counts.base_right, counts.trained_right, strict=True)]
    rows = zip(hits, counts.base_n, counts.trained_n, strict=True)
    table = np.array([_reached(h, int(n), int(m), budget) for h, n, m in rows])
    return _findings(table[np.lexsort(table.T)], budget, unit, confidence, bootstrap)


def _answers(right: NDArray, group: NDArray, answer: Sequence[str | None], who: tuple[NDArray, NDArray],
             problems: NDArray) -> list[list[tuple[int, int]]]:  # fmt: skip
    """Per problem, how often each of its right answers came from the base and from the trained model."""
    out = []
    for p in problems:
        found: dict[str, list[int]] = {}
        for side, rows in enumerate(who):
            for i in np.flatnonzero(rows & right & (group == p)):
                found.setdefault(str(answer[int(i)]), [0, 0])[side] += 1
        out.append([(b, t) for b, t in found.values()])
    return out


def _reached(hits: list[tuple[int, int]], n: int, m: int, k: int) -> NDArray:
    """Expected units of one problem that are preserved, expanded, shrunk and out of support."""
    if not hits:
        return np.zeros(4)
    before, after = np.array(hits).T
    return reached(n, before, m, after, k).sum(0)


def _findings(table: NDArray, k: int, unit: str, confidence: float, resamples: int) -> list[Finding]:
    n = len(table)
    draws = table[np.random.default_rng(0).integers(0, n, (resamples, n))].sum(1)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    total = table.sum(0)
    named = ("preserved", "expanded", "shrunk", "out of support")
    told = ("both reach", "only the trained model reaches", "only the base reaches", "neither reaches")
    out = []
    for i, (name, text) in enumerate(zip(named, told, strict=True)):
        if unit == "answer" and i == 3:  # right answers that nobody gave are not known
            continue
        low, high = np.quantile(draws[:, i], ends)
        message = f"{unit}s that {text} with {k} samples; {n} problems"
        out.append(Finding(name, float(total[i]), (float(low), float(high)), n, message=message))
    for name, measure, base in (
        ("support retention", _retention, (0, 2)), ("net discovery", _discovery, (0, 1)),
        ("support dynamic", _dynamic, None), ("net support change", _change, None),
    ):  # fmt: skip
        value = float(measure(total[None])[0])
        if np.isnan(value):
            continue
        low, high = np.nanquantile(measure(draws), ends)
        if low == high:  # resamples of one kind of problem claim a certainty that its number does not give
            low, high = _sparse(value, float(total[list(base)].sum()) if base else float(total[:3].sum()), confidence)
        out.append(Finding(name, value, (min(float(low), value), max(float(high), value)), n,
                           message=f"of {unit}s at {k} samples; {n} problems"))  # fmt: skip
    floor = 1.0 - (1.0 - confidence) ** (1.0 / k)
    text = f"a {unit} that {k} samples never hit is below this with confidence {confidence:g}, not at 0"
    return [*out, Finding("detectable probability", floor, (floor, floor), k, message=text)]


def _sparse(value: float, units: float, confidence: float) -> tuple[float, float]:
    """Bounds of a share of ``units`` on which all resamples agree; of a difference of shares, on both sides of it."""
    found = wilson(0, max(round(units), 1), level=confidence).high
    return max(value - found, -1.0), min(value + found, 1.0)


def _ratio(part: NDArray, whole: NDArray) -> NDArray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _retention(x: NDArray) -> NDArray:
    return _ratio(x[:, 0], x[:, 0] + x[:, 2])


def _discovery(x: NDArray) -> NDArray:
    return _ratio(x[:, 1], x[:, 0] + x[:, 1])


def _dynamic(x: NDArray) -> NDArray:
    kept, new = _retention(x), _discovery(x)
    return np.where(kept + new == 0, 0.0, _ratio(2 * kept * new, kept + new))


def _change(x: NDArray) -> NDArray:
    return _ratio(x[:, 1] - x[:, 2], x[:, :3].sum(1))
