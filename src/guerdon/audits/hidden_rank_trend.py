"""How much of the hidden space completions fill, and whether that grows or shrinks over a run."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import DataError
from guerdon.method import Paper, method
from guerdon.ops.regression import fit_line
from guerdon.ops.stats import bootstrap_mean_interval, wilson
from guerdon.records import Finding

_NAMES = ("effective rank", "rank velocity", "rank acceleration")


@method(
    paper=Paper(
        "arXiv:2509.23808",
        "Beyond the Exploration-Exploitation Trade-off: A Hidden State Approach for LLM Reasoning in RLVR",
        "advantage/verl-effective-rank",
    ),
    tags=("hidden states", "exploration"),
    default_source="ours",
)  # fmt: skip
def hidden_rank_trend(
    hidden_rank: Float[Tensor, "batch aspect"], sampled_step: Int[Tensor, " batch"] | None = None, *, min_n: int = 20
) -> list[Finding]:
    r"""Means of rank, velocity and acceleration over completions, and their slopes over training.

    .. math:: \overline{m},\qquad \overline{m}_s = a + b\,s

    A velocity below 0 is a completion whose later states fill fewer directions than its earlier ones, as loops do.

    Args:
        hidden_rank: rank, velocity and acceleration of each completion.
        sampled_step: update at which each was sampled; gives the trends.
        min_n: completions that are needed to say anything, at least 2.

    Returns:
        The three means; ``share of falling rank``, completions of negative velocity; with at least three different
        steps ``trend of ...`` for each, the slope of the means per step. Nothing below ``min_n``. Completions (steps)
        count as independent.

    Raises:
        DataError: not three numbers per row.

    Example:
        >>> rows = torch.tensor([[4.0, 0.5, 0.0], [2.0, -0.5, 0.0]]).repeat(10, 1)
        >>> [(f.name, f.effect) for f in hidden_rank_trend(rows)][::3]
        [('effective rank', 3.0), ('share of falling rank', 0.5)]

    Source: the metrics of Huang et al. 2025 over training.
    Differs: intervals are added; the authors plot the curves.
    """
    if hidden_rank.shape[1] != 3:
        raise DataError("rank, velocity and acceleration", where="hidden_rank_trend.hidden_rank",
                        seen=tuple(hidden_rank.shape), allowed="3 columns")  # fmt: skip
    table = hidden_rank.detach().double().cpu()
    n = len(table)
    if n < max(min_n, 2):
        return []
    out = []
    for name, column in zip(_NAMES, table.T, strict=True):
        got = bootstrap_mean_interval(column.sort().values.numpy(), resamples=1000)
        out.append(Finding(name, got.estimate, (got.low, got.high), n, message=f"mean of {n} completions"))
    share = wilson(int((table[:, 1] < 0).sum()), n)
    text = f"completions of {n} whose rank velocity is below 0"
    out.append(Finding("share of falling rank", share.estimate, (share.low, share.high), n, message=text))
    if sampled_step is None:
        return out
    steps, place = torch.unique(sampled_step.cpu(), return_inverse=True)
    if len(steps) < 3:
        return out
    count = torch.bincount(place).double()
    for name, column in zip(_NAMES, table.T, strict=True):
        means = torch.zeros(len(steps), dtype=torch.float64).index_add_(0, place, column) / count
        fit = fit_line(steps.double().numpy(), means.numpy())
        if fit is not None:
            slope = fit.slope_interval()
            text = f"per step, over {len(steps)} steps"
            out.append(Finding(f"trend of {name}", slope.estimate, (slope.low, slope.high), n, message=text))
    return out
