"""Advantages of replayed rows against what the policy earns by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import broadcast, groups

_EPS = 1e-6


@method(
    paper=Paper(
        "arXiv:2509.22601",
        "Learn the Ropes, Then Trust the Wins: Self-imitation with Progressive Exploration for Agentic "
        "Reinforcement Learning",
        "advantage/spear", where="advantage recalibration",
    ),
    scope="rollout_batch",
    tags=("self-imitation",),
    traits=("whole_group",),
    default_source="code",
    sources={"quantile": "paper", "replay": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class ReplayBaseline:
    r"""Reward of a replayed row above the median of recent group means; other rows keep their advantage.

    .. math:: \tilde A_i = \max\Big(\frac{R_i - Q_p(\text{group means})}{1 \text{ or } Q_p(\text{group stds})},\ 0\Big)
              \ \ (i \in replay), \qquad A_i \text{ else}

    A row must have been good when it was sampled and be better than usual now, so what was a success early stops to be
    imitated once it is normal.

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it; means of the rows that are not replayed enter the history.
        source: pass that made the row.
        mask: the policy's own decisions.
        advantage: of the chain so far, and of replayed rows the one they were stored with; 0 where there is none.
        history: groups that are remembered, at least 1.
        quantile: :math:`p`, 0.5 for the median, in [0, 1].
        scale: divide by the same quantile of the groups' sample stds; for advantages that are divided by a std.
        decay: None to recalibrate, or a factor in (0, 1] on the stored advantage instead.
        replay: name of the source of replayed rows.

    Returns:
        The advantage on each decision, 0 elsewhere. Replayed rows get 0 before there is a history.

    Raises:
        RecipeError: a value out of range.

    Example:
        >>> base = ReplayBaseline()
        >>> base.load_state_dict({"means": [0.2, 0.4, 0.6, 0.8], "stds": []})
        >>> r, one = torch.tensor([1.0, 0.5, 0.0]), torch.ones(3, 1, dtype=torch.bool)
        >>> base(r, torch.arange(3), ["replay"] * 3, one)[:, 0].tolist()  # the median is .5
        [0.5, 0.0, 0.0]

    Source: the authors' trainer; one scalar over recent groups of all prompts, those of this batch included.
    Differs: nothing; the release drops rows at 0 or below, which with advantage 0 is the same.
    """

    history: int = 10240
    quantile: float = 0.5
    scale: bool = False
    decay: float | None = None
    replay: str = "replay"
    _means: list[float] = field(default_factory=list, init=False, repr=False)
    _stds: list[float] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        good = self.history >= 1 and 0 <= self.quantile <= 1 and (self.decay is None or 0 < self.decay <= 1)
        if not good:
            raise RecipeError(
                "ranges of a replay baseline", where="replay_baseline", seen=(self.history, self.quantile, self.decay),
                allowed="history >= 1, quantile in [0, 1], decay in (0, 1]",
            )  # fmt: skip

    def __call__(
        self,
        reward: Float[Tensor, " batch"],
        group_id: Int[Tensor, " batch"],
        source: Sequence[str],
        mask: Bool[Tensor, "batch time"],
        advantage: Float[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time"]:
        """Advantages of a batch; the groups that are not replayed enter the history first."""
        again = torch.tensor([s == self.replay for s in source], dtype=torch.bool, device=mask.device)
        self._learn(reward.masked_fill(again, float("nan")), group_id)
        given = torch.zeros(mask.shape, dtype=reward.dtype, device=mask.device) if advantage is None else advantage
        given = torch.where(mask, given.to(reward.dtype), 0.0)
        if self.decay is not None:
            now = torch.where(torch.isnan(reward)[:, None], 0.0, self.decay * given)
        else:
            now = broadcast(self._above(reward), mask)
        return torch.where(again[:, None], now, given)

    def _above(self, reward: Tensor) -> Tensor:
        if not self._means:
            return torch.zeros_like(reward)
        found = reward - self._at(self._means)
        if self.scale and self._stds:
            found = found / (self._at(self._stds) + _EPS)
        return found.clamp_min(0.0)

    def _at(self, values: list[float]) -> float:
        return float(torch.tensor(values, dtype=torch.float64).quantile(self.quantile))

    def _learn(self, reward: Tensor, group_id: Tensor) -> None:
        g = groups(group_id, reward)
        self._means = [*self._means, *g.mean(reward)[g.count > 0].tolist()][-self.history :]
        self._stds = [*self._stds, *g.std(reward)[g.count > 1].tolist()][-self.history :]

    def state_dict(self) -> dict[str, Any]:
        """Means and sample stds of the remembered groups."""
        return {"means": list(self._means), "stds": list(self._stds)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._means, self._stds = list(state["means"]), list(state["stds"])
