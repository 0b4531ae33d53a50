"""Dropping samples that should not be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from guerdon.method import Paper, Preset, method


@method(
    paper=(
        Paper("arXiv:2503.14476", "DAPO: An Open-Source LLM Reinforcement Learning System", "advantage/baselines"),
        Paper(
            "arXiv:2509.22601",
            "Learn the Ropes, Then Trust the Wins: Self-imitation with Progressive Exploration for Agentic "
            "Reinforcement Learning",
            "advantage/spear",
        ),
        Paper("arXiv:2310.16763", "SuperHF: Supervised Iterative Learning from Human Feedback", "preference/superhf"),
    ),
    presets=(
        Preset("mask_truncated", params={"drop": ("truncated",)}, note="DAPO's overlong filtering; off in TRL"),
        Preset("drop_empty", params={"drop": ("empty",)}, note="SuperHF"),
    ),
    sources={"drop": "ours"},
)
def sample_filter(
    mask: Bool[Tensor, "batch time"],
    truncated: Bool[Tensor, "batch time"],
    completion: Sequence[str] | None = None,
    *,
    drop: tuple[Literal["truncated", "empty"], ...] = ("truncated", "empty"),
) -> Bool[Tensor, " batch"]:
    r"""Keeps the rows that are neither cut off nor empty.

    .. math:: \text{keep}_i \iff \neg\,\exists t : m_{i,t} \wedge \text{truncated}_{i,t}
              \quad\text{and}\quad \sum_t m_{i,t} > 0

    Args:
        mask: the policy's own decisions.
        truncated: cut by a limit after this decision; a row is truncated when any of its decisions is.
        completion: the text; where given, a row of nothing but white space is empty too.
        drop: which rows to drop.

    Returns:
        ``keep`` over rows.

    Example:
        >>> import torch
        >>> m = torch.tensor([[True, True], [True, False], [False, False]])
        >>> cut = torch.tensor([[False, True], [False, False], [False, False]])
        >>> sample_filter(m, cut).tolist()
        [False, True, False]

    Source: Yu et al. 2025 (overlong filtering); Mukobi et al. 2023 (empty completions).
    Differs: SPEAR also drops repetitive and unreadable text: score those by a rule and filter on the reward.
    """
    valid = mask.bool()
    keep = torch.ones(len(valid), dtype=torch.bool, device=valid.device)
    if "truncated" in drop:
        keep = keep & ~(truncated.bool() & valid).any(1)
    if "empty" in drop:
        keep = keep & valid.any(1)
        if completion is not None:
            keep = keep & torch.tensor([bool(text.strip()) for text in completion], dtype=torch.bool).to(keep.device)
    return keep
