"""Two models on the same problems: whose row is whose, and how often each was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from guerdon.errors import DataError
from guerdon.method import Paper
from guerdon.ops.stats import Interval, bootstrap_mean_interval
from guerdon.records import Finding, Status

LEASH = Paper(
    "arXiv:2507.14843", "The Invisible Leash: Why RLVR May or May Not Escape Its Origin", "audit/invisible-leash"
)


@dataclass(frozen=True)
class Counts:
    """Samples and right ones per problem, in the order of ``problem``, of the base and of the trained model."""

    problem: NDArray[np.int64]
    base_n: NDArray[np.int64]
    base_right: NDArray[np.int64]
    trained_n: NDArray[np.int64]
    trained_right: NDArray[np.int64]

    @property
    def fewest(self) -> int:
        """Samples that every problem has on both sides."""
        return int(min(self.base_n.min(), self.trained_n.min()))


def sides(source: Sequence[str], base: str, trained: str | None, where: str) -> tuple[NDArray, NDArray]:
    """Rows of the base and of the trained model; without a name every other source is the trained model.

    Raises:
        DataError: one of the two has no row.
    """
    names = np.asarray(list(source), dtype=object)
    first = names == base
    second = ~first if trained is None else names == trained
    for found, name in ((first, base), (second, trained or f"not {base}")):
        if not found.any():
            raise DataError(
                "an audit of two models needs rows of both", where=f"{where}.source", seen=sorted(set(source))[:8],
                allowed=name, fix="name the sources with base: and trained:",
            )  # fmt: skip
    return first, second


def judged(status: Tensor | None, count: int) -> NDArray:
    """Rows that a verifier judged: those that are unscored, skipped or left out say nothing about a model."""
    if status is None:
        return np.ones(count, dtype=bool)
    kept = [int(s) for s in Status if s.counts]
    return np.isin(status.cpu().numpy(), kept)


def right_answers(
    is_correct: Tensor, group_id: Tensor, source: Sequence[str], status: Tensor | None, base: str, trained: str | None,
    where: str,
) -> Counts:  # fmt: skip
    """Counts of the problems that both models tried.

    Raises:
        DataError: a model has no row, or no problem was tried by both.
    """
    first, second = sides(source, base, trained, where)
    right, problem = is_correct.bool().cpu().numpy(), group_id.cpu().numpy()
    known = judged(status, len(right))
    both = np.intersect1d(problem[first & known], problem[second & known])
    if not len(both):
        raise DataError(
            "no problem was tried by both models", where=f"{where}.group_id", seen=f"{len(right)} rows",
            fix="give rows of one problem the same group_id on both sides",
        )  # fmt: skip
    columns = []
    for side in (first & known, second & known):
        for kept in (side, side & right):
            columns.append(np.array([(kept & (problem == p)).sum() for p in both], dtype=np.int64))
    return Counts(both, *columns)


def mean_finding(
    name: str, values: NDArray, reach: tuple[float, float], text: str, *, resamples: int, unit: str = "problems"
) -> Finding:
    """A mean over problems; one problem alone leaves the whole reach of the quantity open."""
    found = bounded(values, reach, resamples)
    return Finding(name, found.estimate, (found.low, found.high), len(values), message=f"{text}; {len(values)} {unit}")


def bounded(values: NDArray, reach: tuple[float, float], resamples: int) -> Interval:
    """Bootstrap interval of a mean, from sorted values so that it does not depend on the order of the rows."""
    if len(values) < 2:
        return Interval(float(values[0]), *reach)
    return bootstrap_mean_interval(np.sort(values), resamples=resamples)
