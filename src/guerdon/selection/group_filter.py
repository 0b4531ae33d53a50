"""Dropping the prompts that teach nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import Groups, groups

_ANY = {"low": -math.inf, "high": math.inf}


@method(
    paper=(
        Paper("arXiv:2503.14476", "DAPO: An Open-Source LLM Reinforcement Learning System", "advantage/baselines"),
        Paper(
            "arXiv:2510.08457", "ARES: Multimodal Adaptive Reasoning via Difficulty-Aware Token-Level Entropy Shaping",
            "entropy/ares",
        ),
        Paper(
            "arXiv:2509.22601", "Learn the Ropes, Then Trust the Wins: Self-imitation with Progressive Exploration for "
            "Agentic Reinforcement Learning", "advantage/spear",
        ),
        Paper(
            "arXiv:2506.00103", "Writing-Zero: Bridge the Gap Between Non-verifiable Problems and Verifiable Rewards",
            "rewards/brpo",
        ),
        Paper("arXiv:2602.03979", "Likelihood-Based Reward Designs for General LLM Reasoning", "rewards/likelihood"),
    ),
    scope="rollout_batch",
    tags=("curriculum",),
    traits=("whole_group",),
    presets=(
        Preset(
            "dynamic_sampling",
            params={"low": 0.0, "high": 1.0, "by": "accuracy", "refill": True, "max_batches": 10},
            note="DAPO: neither all right nor all wrong, resampled until the batch is full",
        ),
        Preset(
            "std_filter", params={**_ANY, "ema_ratio": 0.5, "decay": 0.99, "warmup": 6},
            note="RLPR: spread not far below its running mean",
        ),
        Preset("spread_top", params={**_ANY, "keep_fraction": 0.75}, note="SPEAR: the 75% with the largest spread"),
        Preset("skew_filter", params={"low": -0.6, "high": 0.6, "inclusive": True}, note="BRPO: outlier references"),
    ),
    sources={
        "by": "ours", "inclusive": "ours", "min_std": "ours", "keep_fraction": "ours", "ema_ratio": "ours",
        "refill": "ours", "max_batches": "code",
    },
)  # fmt: skip
@dataclass(kw_only=True)
class GroupFilter:
    r"""Keeps the prompts whose samples differ enough to learn from.

    .. math:: \text{keep } g \iff low < \mathrm{mean}_g < high\ \wedge\ \mathrm{std}_g \ge \max(s_{min}, \rho\,\bar s)

    :math:`\bar s` is the running mean of the spread of earlier batches; of the groups that pass, the
    ``keep_fraction`` with the largest spread is kept. Statistics are over scored rows.

    Args:
        reward: one score per row, any unit; NaN = not scored.
        group_id: rows of one prompt share it.
        is_correct: verdict per row; needed for ``by="accuracy"``.
        opponent_id: row index of each row's partner; rows that are their own are references and enter no statistic.
        by: ``reward``, or ``accuracy`` for the share of correct rows.
        low, high: bounds on the group mean, in units of the reward (accuracy: 0 to 1).
        inclusive: whether a mean on a bound is kept.
        min_std: least sample std, 0 for no test.
        keep_fraction: share of the passing groups that is kept, above 0 to 1, rounded up.
        ema_ratio: :math:`\rho`, None for no test against the running mean.
        decay: of the running mean, per call.
        warmup: calls before the running mean is used.
        refill: read by the engine: sample more prompts until the batch is full again.
        max_batches: read by the engine: after this many sampled batches train on what there is; 0 for no limit.

    Returns:
        ``keep`` over rows; the rows of a group are kept or dropped together. A group without a scored row is dropped,
        and one with a single scored row fails every test of spread.

    Raises:
        RecipeError: accuracy without ``is_correct``, or a fraction that is not in (0, 1].

    Example:
        >>> import torch
        >>> keep = GroupFilter(low=0.0, high=1.0)
        >>> keep(torch.tensor([1.0, 0.0, 1.0, 1.0]), torch.tensor([5, 5, 7, 7])).tolist()
        [True, True, False, False]

    Source: Yu et al. 2025, dynamic sampling; the other tests from the papers on the card.
    Differs: verl tests std > 0, which for accuracies is the same as a mean strictly between 0 and 1; whether the
        running mean includes the present batch is not published, here it does not.
    """

    by: Literal["reward", "accuracy"] = "reward"
    low: float = 0.01
    high: float = 0.99
    inclusive: bool = False
    min_std: float = 0.0
    keep_fraction: float = 1.0
    ema_ratio: float | None = None
    decay: float = 0.99
    warmup: int = 6
    refill: bool = False
    max_batches: int = 10
    _mean_std: float | None = field(default=None, init=False, repr=False)
    _calls: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.keep_fraction <= 1.0:
            raise RecipeError(
                "the share of groups to keep", where="group_filter.keep_fraction", seen=self.keep_fraction,
                allowed="above 0, up to 1",
            )  # fmt: skip

    def __call__(
        self,
        reward: Float[Tensor, " batch"],
        group_id: Int[Tensor, " batch"],
        is_correct: Bool[Tensor, " batch"] | None = None,
        opponent_id: Int[Tensor, " batch"] | None = None,
    ) -> Bool[Tensor, " batch"]:
        """Rows to keep."""
        value = self._value(reward, is_correct)
        if opponent_id is not None:
            own = opponent_id == torch.arange(len(opponent_id), device=opponent_id.device)
            value = value.masked_fill(own, float("nan"))
        g = groups(group_id, value)
        mean, std = g.mean(value), g.std(value)
        inside = (mean >= self.low) & (mean <= self.high) if self.inclusive else (mean > self.low) & (mean < self.high)
        keep = inside & (g.count > 0)
        floor = self._floor()
        if floor > 0:
            keep = keep & (std >= floor)
        if self.keep_fraction < 1.0:
            keep = keep & self._widest(std, keep)
        self._learn(g, std)
        return g.spread(keep)

    def _value(self, reward: Tensor, is_correct: Tensor | None) -> Tensor:
        if self.by == "reward":
            return reward
        if is_correct is None:
            raise RecipeError(
                "by: accuracy needs the signal is_correct", where="group_filter.by", seen=self.by,
                fix="add a verifier to the recipe, or use by: reward",
            )  # fmt: skip
        return is_correct.to(reward.dtype).masked_fill(torch.isnan(reward), float("nan"))

    def _floor(self) -> float:
        if self.ema_ratio is None or self._mean_std is None or self._calls < self.warmup:
            return self.min_std
        return max(self.min_std, self.ema_ratio * self._mean_std)

    def _widest(self, std: Tensor, passing: Tensor) -> Tensor:
        size = math.ceil(self.keep_fraction * int(passing.sum()))
        rank = std.nan_to_num(-1.0).masked_fill(~passing, -2.0).argsort(descending=True, stable=True)
        chosen = torch.zeros_like(passing)
        chosen[rank[:size]] = True
        return chosen

    def _learn(self, g: Groups, std: Tensor) -> None:
        known = std[g.count >= 2]
        if known.numel():
            now = float(known.mean())
            self._mean_std = now if self._mean_std is None else self.decay * self._mean_std + (1 - self.decay) * now
        self._calls += 1

    def state_dict(self) -> dict[str, Any]:
        """Running mean of the spread and number of calls."""
        return {"mean_std": self._mean_std, "calls": self._calls}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean_std, self._calls = state["mean_std"], state["calls"]
