"""Provider of the effective rank of a completion's hidden states, and of how it moves."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.effective_rank import effective_rank, mean_or_zero, movements, prefix_ranks

VERL = Paper(
    "arXiv:2509.23808",
    "Beyond the Exploration-Exploitation Trade-off: A Hidden State Approach for LLM Reasoning in RLVR",
    "advantage/verl-effective-rank",
)


@method(
    paper=VERL,
    writes=("hidden_rank",),
    tags=("hidden states", "exploration"),
    golden="verl-effective-rank",
    default_source="code",
)  # fmt: skip
def hidden_rank(
    hidden: Float[Tensor, "batch time hidden"], mask: Bool[Tensor, "batch time"], *, stride: int = 40, window: int = 512
) -> Float[Tensor, "batch aspect"]:
    r"""Effective rank of the hidden states of each row, its mean movement and the mean change of that.

    .. math:: \mathrm{ER} = e^{-\sum q_i \ln q_i},\ q = \sigma / \textstyle\sum\sigma,\qquad
              \delta_j = m_j - \overline{m_{<j}},\qquad \mathrm{ERV} = \overline{\delta_j},\
              \mathrm{ERA} = \overline{\delta_j - \delta_{j-1}}

    :math:`\sigma` are the singular values of the row-centred states, :math:`m_j` the effective rank of the first
    ``stride`` j + 1 of them. Text that repeats itself stops filling new directions: its velocity falls.

    Args:
        hidden: last-layer states of the decisions; one row is looked at at a time, in float64.
        mask: the policy's own decisions.
        stride: decisions from one prefix to the next, at least 1.
        window: only the last ``window`` decisions of a longer row count, at least 2.

    Returns:
        Rank, velocity and acceleration of each row. Rank is 0 for fewer than two decisions, velocity for fewer than
        two prefixes, acceleration for fewer than three: nothing was seen to move.

    Raises:
        RecipeError: a stride below 1 or a window below 2.

    Example:
        >>> states = torch.eye(6)[None]  # six decisions, each in a new direction
        >>> rank, velocity, _ = hidden_rank(states, torch.ones(1, 6, dtype=torch.bool), stride=1)[0].tolist()
        >>> round(rank, 3), velocity > 0
        (5.0, True)

    Source: the authors' metrics and the settings of their training script.
    Differs: always the singular values in float64; the release also has a float32 Gram form that is off by up to 0.01.
        The states are those that a decision is taken from, one place before the token they lead to.
    """
    if stride < 1 or window < 2:
        raise RecipeError("stride and window of a rank", where="hidden_rank", seen=(stride, window),
                          allowed="stride >= 1, window >= 2")  # fmt: skip
    out = torch.zeros(len(mask), 3, dtype=torch.float64)
    for i, valid in enumerate(mask.bool()):
        states = hidden[i][valid][-window:].detach().double().cpu()
        first, second = movements(prefix_ranks(states, stride))
        out[i] = torch.tensor([effective_rank(states), mean_or_zero(first), mean_or_zero(second)])
    return out.to(hidden.dtype).to(hidden.device)
