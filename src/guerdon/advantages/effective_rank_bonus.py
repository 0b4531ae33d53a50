"""Advantages raised where the hidden states of a completion explore, or speed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.method import Paper, Preset, method

_EPS = 1e-8  # added to every denominator, as released


@method(
    paper=Paper(
        "arXiv:2509.23808",
        "Beyond the Exploration-Exploitation Trade-off: A Hidden State Approach for LLM Reasoning in RLVR",
        "advantage/verl-effective-rank",
    ),
    scope="rollout_batch",
    tags=("hidden states", "exploration"),
    presets=(
        Preset(
            "effective_rank_bonus/release", params={"gain": 1.5, "decay": 0.7, "dynamic_scale": True},
            note="defaults of the released configuration, where they differ from its training script",
        ),
    ),
    golden="verl-effective-rank",
    default_source="code",
    sources={"place": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class EffectiveRankBonus:
    r"""A bonus, at most a share of the advantage, for rank above its running mean and for rank that rises.

    .. math:: d_m = \mathrm{clip}\Big(\frac{m - \mu_m}{|\mu_m|}, \pm 5\Big),\quad \beta = \sigma(gain\, d_{acc}),\quad
              \varphi = c \sum_m \big(\beta w^{explore}_m + (1-\beta) w^{exploit}_m\big) \tanh d_m,\quad
              A' = A + \min(\varphi^+, |A| / \kappa)

    Where the rank accelerates the bonus is for rank itself, else for its velocity. It never punishes, and with
    :math:`\kappa > 1` it never turns a sign.

    Args:
        advantage: detached, from any estimator.
        hidden_rank: rank, velocity and acceleration of each row's hidden states.
        reward: one score per row, -1 to 1, read by ``dynamic_scale`` alone; NaN = not scored.
        mask: the policy's own decisions.
        kappa: the bonus is at most :math:`|A|/\kappa`, above 0; ``.inf`` for no bonus.
        gain: slope of :math:`\beta` in the deviation of the acceleration.
        decay: share of the new mean in the running means, above 0 to 1.
        clip: bound of the relative deviations, above 0.
        scale: :math:`c`; with ``dynamic_scale`` times :math:`1 - (\bar s + 1)/2` for the running mean score.
        dynamic_scale: whether the bonus shrinks as scores rise.
        place: ``last`` shapes the last decision of a row alone, ``trajectory`` all of them.
        weights_explore, weights_exploit: over (acceleration, velocity, rank).

    Returns:
        The shaped advantage. The first batch has nothing to deviate from and stays as it is. The running means of
        the three start at 0 and follow one batch behind, so the second batch sees the largest deviations.

    Raises:
        RecipeError: a value out of range.
        DataError: not three numbers per row.

    Example:
        >>> bonus = EffectiveRankBonus()
        >>> bonus.load_state_dict({"mean": [10.0, 1.0, 1.0], "before": [10.0, 1.0, 1.0], "score": 0.0})
        >>> rank = torch.tensor([[12.0, 1.6, 1.5]])  # deviations .2, .6, .5; beta = .731
        >>> round(bonus(torch.ones(1, 1), rank, torch.ones(1), torch.ones(1, 1, dtype=torch.bool)).item(), 6)
        1.288728

    Source: the authors' reward manager and advantage function; defaults of their training script.
    Differs: the release casts the bonus to bfloat16; here it keeps the precision of the advantage. The paper writes a
        bonus of the trajectory, the release puts it on the last decision (``place``).
    """

    kappa: float = 2.0
    gain: float = 2.0
    decay: float = 0.3
    clip: float = 5.0
    scale: float = 1.0
    dynamic_scale: bool = False
    place: Literal["last", "trajectory"] = "last"
    weights_explore: tuple[float, float, float] = (0.0, 0.0, 1.0)
    weights_exploit: tuple[float, float, float] = (0.0, 1.0, 0.0)
    _mean: tuple[float, ...] = field(default=(0.0, 0.0, 0.0), init=False, repr=False)
    _before: tuple[float, ...] | None = field(default=None, init=False, repr=False)
    _score: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.kappa > 0 and self.clip > 0 and 0 < self.decay <= 1):
            raise RecipeError(
                "ranges of the bonus", where="effective_rank_bonus", seen=(self.kappa, self.clip, self.decay),
                allowed="kappa > 0, clip > 0, 0 < decay <= 1",
            )  # fmt: skip

    def __call__(
        self,
        advantage: Float[Tensor, "batch time"],
        hidden_rank: Float[Tensor, "batch aspect"],
        reward: Float[Tensor, " batch"],
        mask: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time"]:
        """Shape the advantages of a batch; its metrics then enter the running means."""
        if hidden_rank.shape[1] != 3:
            raise DataError("rank, velocity and acceleration", where="effective_rank_bonus.hidden_rank",
                            seen=tuple(hidden_rank.shape), allowed="3 columns")  # fmt: skip
        metrics = hidden_rank.detach().double()
        if self._before is None:
            self._before = tuple(metrics.mean(0).tolist()) if len(metrics) else None
            return torch.where(mask, advantage, torch.zeros_like(advantage))
        phi = self.bonus(metrics).to(advantage)
        self._learn(metrics, reward)
        place = mask
        if self.place == "last":
            place = mask & (mask.flip(1).long().cumsum(1).flip(1) == 1)
        shaped = advantage + torch.minimum(
            phi.clamp_min(0.0)[:, None].expand_as(advantage), advantage.abs() / self.kappa
        )
        return torch.where(place, shaped, torch.where(mask, advantage, torch.zeros_like(advantage)))

    def bonus(self, metrics: Tensor) -> Tensor:
        """:math:`\\varphi` per row against the running means of now, before it is cut."""
        mean = metrics.new_tensor(self._mean)
        d = ((metrics - mean) / (mean.abs() + _EPS)).clamp(-self.clip, self.clip).flip(1)
        beta = torch.sigmoid(self.gain * d[:, :1])
        weights = beta * metrics.new_tensor(self.weights_explore) + (1 - beta) * metrics.new_tensor(
            self.weights_exploit
        )
        c = self.scale * (1.0 - (self._score + 1.0) / 2.0) if self.dynamic_scale else self.scale
        return c * (weights * d.tanh()).sum(1)

    def _learn(self, metrics: Tensor, reward: Tensor) -> None:
        assert self._before is not None
        pairs = zip(self._mean, self._before, strict=True)
        self._mean = tuple((1 - self.decay) * mean + self.decay * before for mean, before in pairs)
        if len(metrics):
            self._before = tuple(metrics.mean(0).tolist())
        scored = reward[~torch.isnan(reward)].double()
        if scored.numel():
            self._score = (1 - self.decay) * self._score + self.decay * float(scored.mean())

    def state_dict(self) -> dict[str, Any]:
        """Running means, the means of the batch before, and the running score."""
        before = None if self._before is None else list(self._before)
        return {"mean": list(self._mean), "before": before, "score": self._score}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        before = state["before"]
        self._mean = tuple(float(v) for v in state["mean"])
        self._before = None if before is None else tuple(float(v) for v in before)
        self._score = float(state["score"])
