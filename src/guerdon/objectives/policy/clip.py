"""The clipped surrogate of PPO, with dual clip, clip-higher, and any importance-ratio level."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Preset, method


@method(
    paper=(
        Paper("arXiv:1707.06347", "Proximal Policy Optimization Algorithms", "advantage/baselines"),
        Paper("arXiv:2503.14476", "DAPO: An Open-Source LLM Reinforcement Learning System", "advantage/baselines"),
        Paper("arXiv:2507.18071", "Group Sequence Policy Optimization", "advantage/baselines"),
    ),
    role="token_loss",
    traits=("zero_without_advantage",),
    tags=("trust region",),
    writes=("clipped",),
    presets=(
        Preset("ppo", note="clip with gae"),
        Preset(
            "gspo", params={"low": 3e-4, "high": 4e-4, "dual": None}, bind={"log_ratio": {"level": "sequence"}},
            aggregate="seq_mean_token_mean", note="sequence-level ratio, token gradient",
        ),
        Preset(
            "luspo", params={"dual": None}, bind={"log_ratio": {"level": "sequence"}}, aggregate="seq_mean_token_sum",
            note="sequence loss times length",
        ),
        Preset("importance", params={"low": math.inf, "high": math.inf, "dual": None}, note="no bounds"),
    ),
    golden="baselines-losses",
    settings={"log_ratio": {"level": "token"}},
    sources={"dual": "code", "max_log_ratio": "code", "ratio_cap": "code"},
)  # fmt: skip
def clip(
    log_ratio: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    *,
    low: float = 0.2,
    high: float = 0.2,
    dual: float | None = 3.0,
    ratio_cap: float | None = None,
    max_log_ratio: float = 20.0,
) -> tuple[Float[Tensor, "batch time"], Bool[Tensor, "batch time"]]:
    r"""Pessimistic surrogate that stops paying once the ratio leaves its band.

    .. math:: \ell = \max(-A r,\; -A\,\mathrm{clip}(r, 1-low, 1+high)),\qquad
              \ell = \min(\ell, -A\,dual)\ \text{where } A < 0

    Args:
        log_ratio: :math:`\log\pi - \log\pi_{old}` per decision, or per sequence (``level``).
        advantage: detached; 0 rows contribute nothing.
        low, high: width of the band below and above 1; ``high=0.28`` is DAPO's clip-higher.
        dual: bound on the loss of decisions with a negative advantage (dual clip), None for none.
        ratio_cap: upper bound on the ratio in the unclipped term (TRL's two-sided ``delta``), None for none.
        max_log_ratio: the log-ratio is clamped to this many nats on both sides before the exponential.

    Returns:
        Loss per decision, and ``clipped``: where the clipped term is the larger one.

    Example:
        >>> import torch
        >>> loss, clipped = clip(torch.log(torch.tensor([[1.5, 1.1]])), torch.ones(1, 2))
        >>> [round(v, 4) for v in loss[0].tolist()], clipped[0].tolist()
        ([-1.2, -1.1], [True, False])

    Source: Schulman et al. 2017, eq. 7; dual clip from Ye et al. 2020 as in verl; clip-higher Yu et al. 2025, eq. 8.
    Differs: nothing by default from verl's vanilla loss; TRL has no dual clip (``dual=None``).
    """
    ratio = log_ratio.clamp(-max_log_ratio, max_log_ratio).exp()
    free = -advantage * (ratio if ratio_cap is None else ratio.clamp(max=ratio_cap))
    bound = -advantage * ratio.clamp(1.0 - low, 1.0 + high)
    loss = torch.maximum(free, bound)
    if dual is not None:
        loss = torch.where(advantage < 0, torch.minimum(loss, -advantage * dual), loss)
    return loss, bound > free
