"""Advantages of whole prompts among the prompts of the batch."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.groups import broadcast, groups

_ULPS = 16  # means of prompts that scored the same differ by rounding of this size at most


@method(
    paper=Paper("arXiv:2508.04138", "COPO: Consistency-Aware Policy Optimization", "advantage/copo"),
    scope="rollout_batch",
    tags=("critic-free",),
    traits=("shift_invariant", "scale_invariant"),
    sources={"eps": "unverified"},
)
def prompt_level(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    eps: float = 1e-6,
) -> Float[Tensor, "batch time"]:
    r"""Mean reward of a prompt, standardised over the prompts of the batch, for all of its samples.

    .. math:: A_q = \frac{\bar R_q - \mathrm{mean}_B(\bar R)}{\mathrm{std}_B(\bar R) + \epsilon}

    It speaks where a group-relative advantage is silent: samples that agree are moved up when the prompt does better
    than the others, right or wrong, so it is meant beside a group-relative loss, weighted by ``consistency_weight``.

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        eps: added to the sample std of the prompts' means.

    Returns:
        The same advantage on all decisions of a prompt's scored rows, 0 elsewhere; 0 everywhere when fewer than two
        prompts were scored, or all means are equal up to rounding.

    Example:
        >>> r = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.0])
        >>> g, m = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), torch.ones(8, 1, dtype=torch.bool)
        >>> [round(v, 4) for v in prompt_level(r, g, m)[::2, 0].tolist()]  # means 1, .5, 0, .25
        [1.3175, 0.1464, -1.0247, -0.4392]

    Source: the paper's global advantage; no code was released.
    Differs: the paper leaves the kind of std and eps open; the sample std and 1e-6 are common choices. It speaks of the
        prompts of a batch or mini-batch; here they are all prompts of the rollout batch.
    """
    g = groups(group_id, reward)
    per_prompt = g.mean(reward)
    kept = per_prompt[g.count > 0]
    spread = kept.std() if len(kept) > 1 else reward.new_zeros(())
    if not len(kept) or bool(spread <= _ULPS * torch.finfo(reward.dtype).eps * kept.abs().max()):
        return broadcast(torch.zeros_like(reward), mask)
    standard = (per_prompt - kept.mean()) / (spread + eps)
    return broadcast(g.spread(standard).masked_fill(~g.scored, 0.0), mask)
