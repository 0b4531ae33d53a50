"""Rewards brought to one scale by statistics of all rewards so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.control import Moments


@method(
    paper=(
        Paper(
            "url:https://github.com/ryyzn9/SAFE",
            "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control for RLHF", "entropy/safe",
        ),
        Paper(
            "arXiv:2502.18770", "Reward Shaping to Mitigate Reward Hacking in RLHF", "rewards/par",
        ),
        Paper("arXiv:2410.23022", "Online Intrinsic Rewards for Decision Making Agents from Large Language Model "
              "Feedback", "control/oni"),
    ),
    scope="rollout_batch",
    tags=("normalisation",),
    presets=(
        Preset("running_mean_std", params={"init": (0.0, 1.0, 0.0), "ddof": 0}, note="pooled mean and variance"),
        Preset("running_minmax", params={"kind": "minmax"}, note="share of the way from the least to the largest"),
        Preset("running_clip", params={"kind": "clip", "init": (0.0, 1.0, 0.0), "ddof": 0},
               note="held within one std of the mean"),
    ),
    default_source="code",
    sources={"frozen": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class RunningNormalize:
    r"""Scale rewards by the mean and spread (or the extremes) of every reward seen, this batch included.

    .. math:: n' = n + k,\quad \sigma^2 \leftarrow \frac{\sigma^2 n + s^2 k + d^2 n k / n'}{n'},\quad
              \mu \leftarrow \mu + \frac{d k}{n'},\qquad R' = \frac{R - \mu}{\sigma + \epsilon},\quad d = \bar R - \mu

    Args:
        reward: one score per row, any unit; NaN = not scored, left out of the statistics.
        kind: ``zscore`` as above; ``minmax`` :math:`(R - \min) / (\max - \min)`; ``clip`` holds R within
            :math:`\mu \pm \sigma`.
        init: mean, variance and number of rewards before the first batch.
        ddof: 1 for the sample variance of a batch, 0 for the population's.
        eps: added to the std, outside the root.
        threshold: results at or below it become 0; None for no threshold.
        frozen: use the statistics and no longer move them.

    Returns:
        The scaled reward; NaN stays NaN. While all rewards are equal ``minmax`` gives 0.

    Raises:
        RecipeError: a negative variance or number in ``init``.

    Example:
        >>> norm = RunningNormalize(init=(0.0, 1.0, 0.0), ddof=0)
        >>> [round(v, 4) for v in norm(torch.tensor([1.0, 3.0])).tolist()]
        [-1.0, 1.0]

    Source: the authors' released normaliser of SAFE (``zscore``), the released shaper of PAR (``minmax``, ``clip``),
        ONI's ``threshold``.
    Differs: the variance of a batch of one is 0, where two of the releases give NaN; so is ``minmax`` of equal rewards.
    """

    kind: Literal["zscore", "minmax", "clip"] = "zscore"
    init: tuple[float, float, float] = (0.0, 1.0, 1e-4)
    ddof: int = 1
    eps: float = 1e-8
    threshold: float | None = None
    frozen: bool = False
    seen: Moments = field(init=False)

    def __post_init__(self) -> None:
        if self.init[1] < 0 or self.init[2] < 0:
            raise RecipeError(
                "variance and number are not negative", where="running_normalize.init", seen=self.init,
                allowed="(mean, variance, number)",
            )  # fmt: skip
        self.seen = Moments(*self.init)

    def __call__(self, reward: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """The scaled reward; the statistics move first."""
        scored = ~torch.isnan(reward)
        if not self.frozen:
            self.seen.add(reward[scored], ddof=self.ddof)
        m = self.seen
        std = m.var**0.5
        if self.kind == "zscore":
            out = (reward - m.mean) / (std + self.eps)
        elif self.kind == "clip":
            out = reward.clamp(m.mean - std, m.mean + std)
        elif m.low is None or m.high is None or m.high <= m.low:
            out = torch.where(scored, torch.zeros_like(reward), reward)
        else:
            out = (reward - m.low) / (m.high - m.low)
        if self.threshold is not None:
            out = out.masked_fill(out <= self.threshold, 0.0)
        return out.detach()

    def state_dict(self) -> dict[str, Any]:
        """Mean, variance, number and extremes."""
        return self.seen.state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.seen = Moments.of(state)
