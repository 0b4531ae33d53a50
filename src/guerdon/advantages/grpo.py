"""Group-relative advantages."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import broadcast, groups


@method(
    paper=(
        Paper("arXiv:2402.03300", "DeepSeekMath: Pushing the Limits of Mathematical Reasoning", "advantage/baselines"),
        Paper("arXiv:2503.20783", "Understanding R1-Zero-Like Training: A Critical Perspective", "advantage/baselines"),
    ),
    scope="rollout_batch",
    tags=("critic-free",),
    traits=("shift_invariant", "whole_group"),
    presets=(
        Preset("grpo/verl", params={"eps": 1e-6, "singleton": "raw"}, note="numbers of verl's outcome estimator"),
        Preset("grpo/trl", params={"eps": 1e-4}, note="numbers of TRL's GRPO trainer"),
        Preset("dr_grpo", params={"scale": "none"}, aggregate="fixed_length", note="Dr.GRPO: no std, constant length"),
    ),
    golden="baselines-advantages",
    sources={"eps": "code", "ddof": "code", "singleton": "ours"},
)
def grpo(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    scale: Literal["group", "batch", "none"] = "group",
    ddof: int = 1,
    eps: float = 1e-6,
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Reward standardised within the samples of its prompt.

    .. math:: A_i = \frac{R_i - \mathrm{mean}_g(R)}{\mathrm{std}_g(R) + \epsilon}

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        scale: divide by the std of the group, of the whole rollout batch, or not at all (Dr.GRPO). Only ``batch``
            looks beyond the group: with the other two a group alone gives what it gives in a batch.
        ddof: 1 for the sample std, 0 for the population std.
        eps: added to the std.
        singleton: advantage of a row that is alone in its group: 0, or its raw reward (verl).

    Returns:
        The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored.

    Example:
        >>> import torch
        >>> r = torch.tensor([1.0, 0.0, 0.0, 1.0])
        >>> m = torch.ones(4, 1, dtype=torch.bool)
        >>> grpo(r, torch.zeros(4, dtype=torch.long), m)[:, 0].tolist()
        [0.8660238981246948, -0.8660238981246948, -0.8660238981246948, 0.8660238981246948]

    Source: Shao et al. 2024, eq. 4; Liu et al. 2025 for ``scale="none"``.
    Differs: a group with fewer than two scored rows gives 0, where verl gives the raw reward (``singleton="raw"``).
    """
    g = groups(group_id, reward)
    centred = reward - g.spread(g.mean(reward))
    if scale == "none":
        row = centred
    elif scale == "group":
        row = centred / (g.spread(g.std(reward, ddof=ddof)) + eps)
    else:
        scored = reward[g.scored]
        row = centred / (scored.std(correction=ddof) + eps if scored.numel() > ddof else torch.ones_like(centred))
    alone = g.spread(g.count) < 2
    raw = reward if scale == "none" else reward / (1.0 + eps)
    row = torch.where(alone, raw if singleton == "raw" else torch.zeros_like(row), row)
    return broadcast(row, mask)
