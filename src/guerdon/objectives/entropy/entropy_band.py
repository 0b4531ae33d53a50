"""A pull back into a band of entropies."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import groups
from guerdon.ops.masked import masked_mean, zeroed


@method(
    paper=(
        Paper(
            "arXiv:2604.08539",
            "OpenVLThinkerV2: A Generalist Multimodal Reasoning Model for Multi-domain Visual Tasks",
            "advantage/g2rpo", where="entropy shaping; a reconstruction",
        ),
        Paper("", "TableGPT-R1: Advancing Tabular Reasoning Through Reinforcement Learning", "agentic/tablegpt-r1"),
    ),
    role="token_loss",
    scope="update_batch",
    tags=("entropy control", "multi-task"),
    default_source="ours",
    sources={"coef": "paper"},
)  # fmt: skip
def entropy_band(
    entropy: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"] | None = None,
    domain: Int[Tensor, " batch"] | None = None,
    *,
    low: float,
    high: float,
    coef: float = 1e-3,
    centre: Literal["none", "old"] = "none",
    level: Literal["token", "batch", "task"] = "batch",
) -> Float[Tensor, "batch time"]:
    r"""Hinge on the mean entropy of the batch, of each task family, or of every decision, outside a band.

    .. math:: \ell = c\,\big(\max(0,\ low - \bar H) + \max(0,\ \bar H - high)\big)

    It is spread over the decisions: above the band each pays :math:`c\,(H_t - high)`, below it
    :math:`c\,(low - H_t)`, whose mean is the hinge.

    Args:
        entropy: entropy of the current policy at each decision, nats, with gradient.
        mask: the policy's own decisions; means are over all of the optimiser batch.
        old_entropy: entropy of the sampling policy; needed for ``centre="old"``.
        domain: task family of each row; needed for ``level="task"``.
        low, high: the band, nats; ``-.inf`` or ``.inf`` for no bound on that side.
        coef: weight :math:`c`.
        centre: ``old`` measures the change of entropy since the rows were sampled instead of the entropy itself;
            with ``low: -.inf, high: 0, level: token`` only growth is charged.
        level: whose mean has to lie in the band.

    Returns:
        Loss per decision; with ``level`` batch or task only its mean over the decisions has a meaning.

    Raises:
        RecipeError: swapped ends, or a signal is missing that the choice needs.

    Example:
        >>> h, m = torch.tensor([[0.2, 0.4], [0.9, 1.1]]), torch.ones(2, 2, dtype=torch.bool)
        >>> kinds = torch.tensor([0, 1])
        >>> loss = entropy_band(h, m, None, kinds, low=0.5, high=0.8, coef=1.0, level="task")
        >>> [round(v, 3) for v in loss.mean(1).tolist()]  # means .3 and 1
        [0.2, 0.2]
        >>> entropy_band(h, m, low=0.5, high=0.8).tolist()  # the mean .65 of the batch lies inside
        [[0.0, 0.0], [0.0, 0.0]]

    Source: TableGPT-R1's term on the growth of entropy (``centre="old"``); the band per task of OpenVLThinkerV2.
    Differs: the formula of the band per task is not public, this is a reconstruction; task families count by their
        decisions.
    """
    if low > high:
        raise RecipeError("the ends of the band are swapped", where="entropy_band", seen=(low, high), fix="swap them")
    x = entropy
    if centre == "old":
        x = entropy - _given(old_entropy, "old_entropy", "centre: old")
    x = zeroed(x, mask)
    now = x.detach()
    if level == "batch":
        now = masked_mean(now, mask).expand_as(now)
    elif level == "task":
        g = groups(_given(domain, "domain", "level: task"), now.sum(1))
        now = (g.sum(now.sum(1)) / g.sum(mask.sum(1).to(now.dtype)).clamp_min(1.0))[g.index, None].expand_as(now)
    zero = torch.zeros_like(x)
    return coef * (torch.where(now > high, x - high, zero) + torch.where(now < low, low - x, zero))


def _given(value: Tensor | None, name: str, choice: str) -> Tensor:
    if value is None:
        raise RecipeError(
            f"{choice} needs the signal {name}", where="entropy_band", fix=f"bind it: bind: {{{name}: {name}}}"
        )
    return value
