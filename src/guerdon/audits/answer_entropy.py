"""Entropy of the answers beside the entropy of the tokens, before and after training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from guerdon.audits._sides import LEASH, bounded, sides
from guerdon.errors import DataError
from guerdon.method import method
from guerdon.ops.masked import masked_sum
from guerdon.records import Finding


@method(paper=LEASH, tags=("support", "entropy control"), default_source="ours")
def answer_entropy(
    answer: Sequence[str | None],
    group_id: Int[Tensor, " batch"],
    source: Sequence[str],
    mask: Bool[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"] | None = None,
    *,
    base: str = "base",
    trained: str | None = None,
    bootstrap: int = 1000,
) -> list[Finding]:
    r"""Entropy of the distinct final answers per problem, and of the decisions, of two models.

    .. math:: H_{ans} = -\frac1{|X|}\sum_x \sum_a f_{xa} \ln f_{xa},\qquad
              H_{tok} = \frac1{|X|}\sum_x \frac{\sum_{i \in x, t} m_{it} H(\pi_{it})}{\sum_{i \in x, t} m_{it}}

    Training may raise the one and lower the other: many ways of writing, fewer answers.

    Args:
        answer: final answer per row in its canonical form; equal texts are one answer, and so are all without one.
        group_id: rows of one problem share it, in both models.
        source: the model of each row.
        mask: the policy's own decisions.
        old_entropy: entropy at each decision of the model that sampled the row, nats.
        base, trained: names of the two sources; None for every source that is not ``base``.
        bootstrap: resamples of problems for the intervals.

    Returns:
        ``base``, ``trained`` and ``change of answer entropy``, the change paired by problem, in nats; the same three
        of ``token entropy`` where entropies are given and both models have decisions.

    Raises:
        DataError: a model has no row, or no problem was tried by both.

    Example:
        >>> import torch
        >>> rows = ["a"] * 5 + ["b"] * 3 + ["c"] * 2, ["a"] * 10
        >>> found = answer_entropy([*rows[0], *rows[1]], torch.zeros(20, dtype=torch.long),
        ...                        ["base"] * 10 + ["trained"] * 10, torch.ones(20, 1, dtype=torch.bool))
        >>> [(f.name, round(f.effect, 6)) for f in found[:2]]
        [('base answer entropy', 1.029653), ('trained answer entropy', 0.0)]

    Source: Wu et al. 2025, token-level against answer-level entropy.
    Differs: tokens are averaged within a problem first, so that both entropies have problems as their unit. Counts of
        n samples underestimate the entropy of m answers by about (m - 1) / 2n: draw equally many of both models.
    """
    first, second = sides(source, base, trained, "answer_entropy")
    problem = group_id.cpu().numpy()
    both = np.intersect1d(problem[first], problem[second])
    if not len(both):
        raise DataError("no problem was tried by both models", where="answer_entropy.group_id",
                        seen=f"{len(problem)} rows", fix="give a problem one group_id on both sides")  # fmt: skip
    names = np.array(["" if a is None else str(a) for a in answer], dtype=object)
    members = [[np.flatnonzero(side & (problem == p)) for p in both] for side in (first, second)]
    found = [np.array([_entropy(names[rows]) for rows in side]) for side in members]
    out = _three(
        "answer entropy", found[0], found[1], float(np.log(max(len(r) for s in members for r in s))), bootstrap
    )
    if old_entropy is None:
        return out
    total = masked_sum(old_entropy.detach().double(), mask, 1).cpu().numpy()
    count = mask.sum(1).cpu().numpy()
    per = [np.array([(total[r].sum(), count[r].sum()) for r in side]) for side in members]
    kept = (per[0][:, 1] > 0) & (per[1][:, 1] > 0)
    if not kept.any():
        return out
    before, after = (p[kept, 0] / p[kept, 1] for p in per)
    return [*out, *_three("token entropy", before, after, float(max(before.max(), after.max())), bootstrap)]


def _entropy(names: NDArray) -> float:
    share = np.array(list(Counter(names.tolist()).values())) / len(names)
    return float((share * np.log(1.0 / share)).sum())


def _three(name: str, before: NDArray, after: NDArray, most: float, resamples: int) -> list[Finding]:
    """Both sides and their paired difference; ``most`` bounds what one problem alone leaves open."""
    out = []
    for label, values, reach in (
        (f"base {name}", before, (0.0, most)), (f"trained {name}", after, (0.0, most)),
        (f"change of {name}", after - before, (-most, most)),
    ):  # fmt: skip
        got = bounded(values, reach, resamples)
        ends = (min(got.low, got.estimate), max(got.high, got.estimate))
        out.append(Finding(label, got.estimate, ends, len(values), message=f"nats; {len(values)} problems"))
    return out
