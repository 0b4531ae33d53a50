"""pass@k of two models over k, and where the curves cross."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from guerdon.audits._sides import LEASH, mean_finding, right_answers
from guerdon.errors import DataError
from guerdon.method import method
from guerdon.ops.stats import pass_at_k
from guerdon.records import Finding


@method(paper=LEASH, tags=("support", "exploration"), default_source="ours")
def pass_at_k_curve(
    is_correct: Bool[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    source: Sequence[str],
    status: Int[Tensor, " batch"] | None = None,
    *,
    ks: tuple[int, ...] | None = None,
    base: str = "base",
    trained: str | None = None,
    bootstrap: int = 1000,
) -> list[Finding]:
    r"""Unbiased pass@k of both models, their difference, and the smallest k at which the base has caught up.

    .. math:: \widehat{\mathrm{pass@}k} = \frac1{|X|}\sum_x 1 - \binom{n_x - c_x}{k} \Big/ \binom{n_x}{k},\qquad
              k^* = \min\{k : \Delta_k \le 0,\ \exists\, j < k : \Delta_j > 0\}

    Args:
        is_correct: verdict per row.
        group_id: rows of one problem share it, in both models.
        source: the model of each row.
        status: of the verdicts; rows that were not scored say nothing.
        ks: budgets; None for the powers of 2 up to the fewest samples of a problem, and that number.
        base, trained: names of the two sources; None for every source that is not ``base``.
        bootstrap: resamples of problems for the intervals.

    Returns:
        Per k ``base pass@k``, ``trained pass@k`` and ``gain pass@k`` (paired by problem), and ``crossing`` where the
        curves cross: training that only sharpens gains at 1 and loses what the base reaches with many samples.

    Raises:
        DataError: a model has no row, no problem was tried by both, or a k that some problem has no samples for.

    Example:
        >>> import torch
        >>> ok = torch.tensor([1, 0, 1, 0, 1, 1, 0, 0], dtype=torch.bool)
        >>> g = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
        >>> found = pass_at_k_curve(ok, g, ["base"] * 4 + ["trained"] * 4)
        >>> [(f.name, f.effect) for f in found if "gain" in f.name]  # .5 and .5 at 1, 1 and .5 at 2
        [('gain pass@1', 0.0), ('gain pass@2', -0.5)]

    Source: Chen et al. 2021 for the estimator; Wu et al. 2025 for the comparison at large k.
    Differs: nothing; the crossing is that of the estimates, without an interval of its own.
    """
    counts = right_answers(is_correct, group_id, source, status, base, trained, "pass_at_k_curve")
    most = counts.fewest
    chosen = tuple(sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})) if ks is None else ks
    if not chosen or min(chosen) < 1 or max(chosen) > most:
        raise DataError("a k that some problem has no samples for", where="pass_at_k_curve.ks", seen=chosen,
                        allowed=f"1 to {most}", fix="sample more, or leave ks out")  # fmt: skip
    out, gains = [], []
    for k in sorted(set(chosen)):
        before = pass_at_k(counts.base_n, counts.base_right, k)
        after = pass_at_k(counts.trained_n, counts.trained_right, k)
        gains.append((k, float(np.mean(after - before))))
        for name, values, reach in (("base", before, (0.0, 1.0)), ("trained", after, (0.0, 1.0)),
                                    ("gain", after - before, (-1.0, 1.0))):  # fmt: skip
            text = "trained minus base, paired" if name == "gain" else f"{name} model"
            out.append(mean_finding(f"{name} pass@{k}", values, reach, text, resamples=bootstrap))
    crossing = next((k for i, (k, g) in enumerate(gains) if g <= 0 and any(h > 0 for _, h in gains[:i])), None)
    if crossing is not None:
        text = "smallest k at which the base is no worse, after a smaller k at which it was"
        out.append(Finding("crossing", float(crossing), (float(crossing), float(crossing)), len(counts.problem),
                           severity="warning", message=text))  # fmt: skip
    return out
