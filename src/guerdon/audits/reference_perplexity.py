"""What training did to the likelihood of reference solutions."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.audits._sides import LEASH
from guerdon.errors import DataError
from guerdon.method import method
from guerdon.ops.stats import bootstrap_mean_interval, wilson
from guerdon.records import Finding


@method(paper=LEASH, tags=("support",), default_source="ours")
def reference_perplexity(
    answer_logp: Float[Tensor, "batch answer"], ref_answer_logp: Float[Tensor, "batch answer"], *, bootstrap: int = 1000
) -> list[Finding]:
    r"""Perplexity of reference solutions under the base and under the trained model.

    .. math:: \ln \mathrm{PPL}_i = -\frac1{n_i}\sum_t \log p(y^*_{it}),\qquad
              \Delta = \frac1N\sum_i \ln \mathrm{PPL}^{trained}_i - \ln \mathrm{PPL}^{base}_i

    Solutions that the trained model has moved away from become more surprising to it, long before sampling shows that
    it no longer finds them.

    Args:
        answer_logp: log-prob of each token of a reference solution under the trained model, nats; NaN is padding.
        ref_answer_logp: the same under the base model.
        bootstrap: resamples of solutions for the intervals.

    Returns:
        ``base`` and ``trained perplexity``, geometric means over solutions; ``log perplexity change``, in nats per
        token, above 0 where the solutions became less likely; ``share less likely``. Nothing for fewer than two
        solutions that have tokens.

    Raises:
        DataError: the two tables differ in shape or in where they are padded.

    Example:
        >>> before, after = torch.tensor([[-1.0, -1.0], [-2.0, -2.0]]), torch.tensor([[-0.5, -0.5], [-4.5, -4.5]])
        >>> found = reference_perplexity(after, before)  # means 1.5 and 2.5 nats
        >>> [(f.name, round(f.effect, 3)) for f in found[2:]]
        [('log perplexity change', 1.0), ('share less likely', 0.5)]

    Source: Wu et al. 2025, the perplexity probe.
    Differs: the mean is over solutions of the log, so that one solution of huge perplexity does not decide.
    """
    now, then = answer_logp.detach().double(), ref_answer_logp.detach().double()
    if now.shape != then.shape or not torch.equal(torch.isnan(now), torch.isnan(then)):
        raise DataError("both models read the same tokens", where="reference_perplexity", seen=tuple(now.shape),
                        allowed=tuple(then.shape), fix="pad both tables with NaN at the same places")  # fmt: skip
    count = (~torch.isnan(now)).sum(1)
    after, before = ((-x.nansum(1) / count)[count > 0].cpu().numpy() for x in (now, then))
    order = np.lexsort((after, before))
    after, before = after[order], before[order]
    if len(after) < 2:
        return []
    out = []
    for name, values in (("base perplexity", before), ("trained perplexity", after)):
        got = bootstrap_mean_interval(values, resamples=bootstrap)
        estimate, low, high = (math.exp(v) for v in got)
        out.append(_finding(name, estimate, low, high, len(values), "geometric mean per token"))
    got = bootstrap_mean_interval(after - before, resamples=bootstrap)
    out.append(_finding("log perplexity change", *got, len(after), "nats per token, trained minus base"))
    share = wilson(int((after > before).sum()), len(after))
    return [*out, _finding("share less likely", *share, len(after), "solutions that training made less likely")]


def _finding(name: str, estimate: float, low: float, high: float, n: int, text: str) -> Finding:
    return Finding(name, estimate, (min(low, estimate), max(high, estimate)), n, message=f"{text}; {n} solutions")
