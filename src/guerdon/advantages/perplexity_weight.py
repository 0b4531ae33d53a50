"""Advantages scaled by how likely the policy found the whole completion."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.groups import groups
from guerdon.ops.masked import masked_mean, zeroed


@method(
    paper=Paper(
        "arXiv:2508.02260", "Decomposing the Entropy-Performance Exchange: The Missing Keys to Unlocking Effective "
        "Reinforcement Learning", "entropy/entropy-performance-exchange", where="perplexity-based shaping",
    ),
    scope="rollout_batch",
    tags=("entropy control",),
    default_source="ours",
    sources={"alpha": "unverified", "over": "unverified", "correction": "unverified"},
)  # fmt: skip
def perplexity_weight(
    advantage: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    alpha: float = 0.01,
    over: Literal["group", "batch"] = "group",
    correction: int = 1,
    eps: float = 1e-6,
) -> Float[Tensor, "batch time"]:
    r"""Completions that the policy found likely count a little more, unlikely ones a little less.

    .. math:: \log\mathrm{ppl}_i = -\frac{1}{|o_i|} \sum_t \log\pi_{old}(o_{i,t}),\quad
              w_i = \frac{\log\mathrm{ppl}_i - \mathrm{mean}}{\mathrm{std} + \epsilon},\quad
              A'_{i,t} = A_{i,t}\,(1 - \alpha\,w_i)

    :math:`|w_i|` is held below :math:`1/|\alpha|`: a completion may lose all of its advantage, never change its sign.

    Args:
        advantage: from an estimator such as ``grpo``.
        old_logp: log-prob of the decision under the sampling policy, nats.
        group_id: samples of one prompt share it.
        mask: the policy's own decisions; a row without any takes no part.
        alpha: strength; 0 leaves the advantage as it is, below 0 favours unlikely completions.
        over: whose completions are compared.
        correction: 1 for the sample standard deviation, 0 for that of the population.
        eps: added to the standard deviation.

    Returns:
        The scaled advantage, 0 outside the mask. A lone completion, and equal perplexities, keep theirs.

    Example:
        >>> logp = torch.tensor([[-0.2], [-0.4], [-0.6], [-0.8]])
        >>> one, group = torch.ones(4, 1), torch.zeros(4, dtype=torch.long)
        >>> out = perplexity_weight(one, logp, group, one.bool(), correction=0)
        >>> [round(v, 5) for v in out[:, 0].tolist()]  # w = -1.3416, -.4472, .4472, 1.3416
        [1.01342, 1.00447, 0.99553, 0.98658]

    Source: the paper's perplexity-based shaping; no code of the authors was found.
    Differs: strength, correction and whose perplexities are compared are not verified; the bound on :math:`w` and
        ``eps`` are this library's.
    """
    row = masked_mean(-zeroed(old_logp, mask), mask, dim=1)
    surprise = torch.where(mask.any(1), row, torch.full_like(row, torch.nan))
    g = groups(group_id if over == "group" else torch.zeros_like(group_id), surprise)
    spread = g.spread(g.std(surprise, ddof=correction))
    w = (surprise - g.spread(g.mean(surprise))) / (spread + eps)
    # rows without decisions, and groups too small for a spread, are no more surprising than others
    w = torch.where(torch.isnan(w), torch.zeros_like(w), w)
    scale = (1.0 - alpha * w).clamp_min(0.0)
    return zeroed(advantage * scale[:, None].to(advantage.dtype), mask)
