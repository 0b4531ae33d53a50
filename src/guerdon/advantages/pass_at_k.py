"""Advantage of the best sample only, for training pass@k."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import DataError
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import broadcast, groups


@method(
    paper=Paper(
        "arXiv:2503.19595", "Optimizing Language Models for Inference Time Objectives using RL", "advantage/baselines"
    ),
    scope="group",
    tags=("critic-free", "exploration"),
    traits=("shift_invariant", "whole_group"),
    presets=(Preset("pass_at_k/verl", params={"scale": True}, note="verl divides by the std unless told otherwise"),),
    golden="baselines-advantages",
    sources={"eps": "code", "singleton": "code"},
)
def pass_at_k(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    mask: Bool[Tensor, "batch time"],
    *,
    scale: bool = False,
    eps: float = 1e-6,
    singleton: Literal["error", "zero"] = "error",
) -> Float[Tensor, "batch time"]:
    r"""The best sample of a prompt is paid its lead over the second best, all others nothing.

    .. math:: A_i = \mathbb{1}[i = \arg\max_g R]\;
              \frac{R_{(1)} - R_{(2)}}{\mathrm{std}_g(R) + \epsilon\ \text{ or }\ 1}

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it.
        mask: the policy's own decisions.
        scale: divide by the sample std of the group.
        eps: added to that std.
        singleton: what a group of one row does; there is no second best to compare with.

    Returns:
        The advantage of the best row on its decisions, 0 elsewhere. A tie for the best gives 0 everywhere, and so
        does a group in which fewer than two rows were scored.

    Raises:
        DataError: a group has one row only.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([0.5, 3.0, 1.0]), torch.ones(3, 1, dtype=torch.bool)
        >>> pass_at_k(r, torch.zeros(3, dtype=torch.long), m)[:, 0].tolist()
        [0.0, 2.0, 0.0]

    Source: Tang et al. 2025, the leave-one-out gain of the maximum; std scaling from verl's ``grpo_passk``.
    Differs: verl scales by the std by default (preset ``pass_at_k/verl``).
    """
    g = groups(group_id, reward)
    if singleton == "error":
        rows = torch.bincount(g.index, minlength=g.size)
        if bool((rows == 1).any()):
            raise DataError(
                "the lead of the best sample needs at least two samples per prompt", where="pass_at_k",
                seen=f"group_id {group_id[g.spread(rows) == 1].tolist()} with one row",
                fix="set rollout.group to 2 or more, or singleton: zero",
            )  # fmt: skip
    best = g.scored & (reward == g.spread(g.extreme(reward)))
    second = g.extreme(reward.masked_fill(best, float("-inf")))
    lone_best = g.spread(g.sum(best.to(reward.dtype))) == 1
    lead = reward - g.spread(second)
    if scale:
        lead = lead / (g.spread(g.std(reward)) + eps)
    paid = best & lone_best & (g.spread(g.count) >= 2)
    return broadcast(torch.where(paid, lead, torch.zeros_like(lead)), mask)
