"""The plain score-function loss, without importance ratio."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=(
        Paper(
            "doi:10.1007/BF00992696", "Simple Statistical Gradient-Following Algorithms for Connectionist RL",
            "advantage/baselines",
        ),
        Paper("arXiv:2504.02546", "GPG: A Simple and Strong Reinforcement Learning Baseline", "advantage/baselines"),
    ),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("policy gradient",),
    aliases=("gpg_loss",),
    golden="baselines-losses",
)  # fmt: skip
def reinforce(
    logp: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    token_weight: Float[Tensor, "batch time"] | None = None,
) -> Float[Tensor, "batch time"]:
    r"""Raise the log-prob of each decision in proportion to its advantage.

    .. math:: \ell = -A \log\pi \; w

    Args:
        logp: log-prob of the decision under the current policy, nats, at most 0.
        advantage: detached; rows with 0 contribute nothing.
        token_weight: non-negative factor per decision, where some component provides one.

    Returns:
        Loss per decision; its gradient with respect to ``logp`` is :math:`-A w`.

    Example:
        >>> import torch
        >>> reinforce(torch.tensor([[-1.0, -2.0]]), torch.tensor([[2.0, -0.5]])).tolist()
        [[2.0, -1.0]]

    Source: Williams 1992, section 4; Chu et al. 2025 use the same loss with group advantages.
    Differs: nothing; a factor on the whole batch (the :math:`\alpha` of GPG) belongs to the advantage.
    """
    loss = -advantage * logp
    return loss if token_weight is None else loss * token_weight
