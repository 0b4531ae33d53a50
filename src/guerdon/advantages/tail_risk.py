"""Advantages from the risk of a bundle of prompts: the lower tail counts more than the mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import Groups, broadcast, groups

LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))  # of the tracked quantiles
_EPS = 1e-6  # added to every denominator, as released
_FLAT = 1e-3  # a spread of rewards below this is none


@method(
    paper=Paper(
        "arXiv:2510.00911", "RiskPO: Risk-based Policy Optimization via Verifiable Reward for LLM Post-Training",
        "advantage/riskpo",
    ),
    scope="rollout_batch",
    tags=("critic-free", "risk", "exploration"),
    presets=(
        Preset(
            "riskpo/math", params={"natural_baseline": True, "credit": "std"}, note="the authors' script for maths"
        ),
        Preset("riskpo/dapo", params={"high": 0.8, "credit": "sum_mean"}, note="the authors' script for DAPO's data"),
        Preset("risk_seeking", params={"tail": "upper"}, note="the contrary: the upper tail; entropy collapses"),
    ),
    golden="riskpo",
    default_source="code",
    sources={"min_std": "ours", "credit": "code"},
)  # fmt: skip
@dataclass(kw_only=True)
class TailRisk:
    r"""How a bundle's score moves a mixture of its lower tail (CVaR) and its middle (range value at risk).

    .. math:: R_j = \sum_{q \in bundle} r_{qj},\qquad
              g_j = \frac{w\,\frac{-(a - R_j)^+}{low} + \frac{(R_j - a)^+ - (R_j - b)^+}{high - low}}{1 + w}

    The j-th samples of the prompts of a bundle make one score; :math:`a, b` are the quantiles of such scores at ``low``
    and ``high``. Below a the slope is steep, above b it is 0: what is solved anyway no longer pulls, and a bundle of
    wrong answers has a signal where a group of them has none.

    Args:
        reward: one score per row, 0 or more; NaN = not scored.
        group_id: rows of one prompt share it; prompts are bundled in the order of these numbers.
        sample_index: position in the group, which pairs the samples of the prompts of a bundle.
        mask: the policy's own decisions.
        bundle: prompts per bundle; the score of a smaller last bundle is scaled up to this size. With rewards of 0
            and 1 more than 1 - ``high`` of the scores should be above 0, or b is 0 as well and nothing is learnt.
        low, high: levels of the quantiles a and b, 0.05 to 0.95.
        mix: weight :math:`w` of the tail; 0 for the middle alone.
        tail: ``upper`` replaces the lower tail by :math:`(R_j - b)^+ / (1 - high)`, which seeks risk.
        natural_baseline: add a - b to the middle's numerator, so that no advantage is positive.
        normalize: divide by the sample std of the bundle's scores.
        min_std: a smaller std than this does not divide.
        credit: how a score's g becomes that of its rows: the same for each; ``score`` 0.5 g where the reward is
            positive, else 1.5 g; ``std`` over the std of the prompt's rewards; ``sum_mean`` in proportion to the
            reward above the prompt's mean.
        quantiles: ``track`` over the run, ``batch`` of each bundle alone, ``mix`` the mean of both.
        lr: step of the tracked quantiles, units of the score per batch.

    Returns:
        The advantage of each row on its decisions, 0 elsewhere. Prompts of a bundle with different numbers of scored
        rows are paired up to the smallest; rows beyond it, and rows that were not scored, get 0.

    Raises:
        RecipeError: levels that are not 0.05 to 0.95 in rising order, or a bundle of no prompt.

    Example:
        >>> r = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
        >>> g, j, m = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2] * 2), torch.ones(6, 1, dtype=torch.bool)
        >>> risk = TailRisk(bundle=2, normalize=False)
        >>> first = risk(r, g, j, m)  # scores 2, 0, 1: a = .4, b = 1.8
        >>> [round(v, 3) for v in first[:3, 0].tolist()]
        [0.8, -1.2, 0.343]

    Source: the authors' released advantage function and scripts. The defaults are none of its settings: levels of the
        script for maths, no baseline as in that for DAPO's data, the function's own credit. The scripts are presets.
    Differs: the release loses its tracked quantiles between steps and falls back to those of the bundle; here they
        persist. It divides a bundle of equal scores by 1e-6. It does not scale the score of a smaller last bundle,
        which would stand in the lower tail for its size alone. Tracked quantiles are read in rising order, because
        each moves on its own.
    """

    bundle: int = 5
    low: float = 0.2
    high: float = 0.9
    mix: float = 1.5
    tail: Literal["lower", "upper"] = "lower"
    natural_baseline: bool = False
    normalize: bool = True
    min_std: float = 1e-3
    credit: Literal["uniform", "score", "std", "sum_mean"] = "uniform"
    quantiles: Literal["track", "batch", "mix"] = "track"
    lr: float = 0.1
    _tracked: list[float] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._check()

    def __call__(
        self,
        reward: Float[Tensor, " batch"],
        group_id: Int[Tensor, " batch"],
        sample_index: Int[Tensor, " batch"],
        mask: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time"]:
        """Advantages of a batch; its scores then move the tracked quantiles."""
        self._check()
        g = groups(group_id, reward)
        prompts = _rows_of_prompts(g, sample_index)
        deviation, scale = _within(reward, g)
        row, scores = torch.zeros_like(reward), []
        for start in range(0, len(prompts), self.bundle):
            members = prompts[start : start + self.bundle]
            count = min(len(m) for m in members)
            rows = torch.stack([m[:count] for m in members])
            score = reward[rows].sum(0) * (self.bundle / len(members))
            scores.append(score)
            pull = self._influence(score).expand_as(rows)
            row[rows] = self._credit(pull, reward[rows], deviation[rows], scale[rows])
        if scores:
            self._learn(torch.cat(scores))
        return broadcast(row, mask)

    def _influence(self, score: Tensor) -> Tensor:
        a, b = self._bounds(score)
        above = (score - b).clamp_min(0.0)
        middle = (score - a).clamp_min(0.0) - above + (a - b if self.natural_baseline else 0.0)
        if self.tail == "lower":
            extreme = -(a - score).clamp_min(0.0) / (self.low + _EPS)
        else:
            extreme = above / (1 - self.high + _EPS)
        pull = (self.mix * extreme + middle / (self.high - self.low + _EPS)) / (self.mix + 1)
        spread = score.std() if len(score) > 1 else torch.zeros_like(a)
        return pull / (spread + _EPS) if self.normalize and bool(spread >= self.min_std) else pull

    def _bounds(self, score: Tensor) -> tuple[Tensor, Tensor]:
        own = torch.quantile(score, score.new_tensor([self.low, self.high]))
        if self._tracked is None or self.quantiles == "batch":
            return own[0], own[1]
        kept = score.new_tensor(self._at(self.low)), score.new_tensor(self._at(self.high))
        if self.quantiles == "track":
            return kept
        return (own[0] + kept[0]) / 2, (own[1] + kept[1]) / 2

    def _at(self, level: float) -> float:
        """Tracked quantile of a level, on the line between its neighbours."""
        known = sorted(self._tracked or ())
        place = (level - LEVELS[0]) / (LEVELS[1] - LEVELS[0])
        below = min(max(int(place + 1e-9), 0), len(LEVELS) - 2)
        return known[below] + (known[below + 1] - known[below]) * (place - below)

    def _credit(self, pull: Tensor, reward: Tensor, deviation: Tensor, scale: Tensor) -> Tensor:
        if self.credit == "score":
            return pull * torch.where(reward > 0, 0.5, 1.5).to(pull.dtype)
        if self.credit == "std":
            return pull / (scale + _EPS)
        if self.credit == "sum_mean":
            total = deviation.sum(0, keepdim=True)
            flat = total.abs() <= _EPS
            share = deviation / torch.where(flat, torch.ones_like(total), total)
            return pull * torch.where(flat, 1.0 / len(deviation), share)
        return pull

    def _learn(self, scores: Tensor) -> None:
        if self._tracked is None:
            self._tracked = torch.quantile(scores.double(), scores.new_tensor(LEVELS).double()).tolist()
            return
        below = (scores.double() < torch.tensor(self._tracked, device=scores.device)[:, None]).double().mean(1)
        moved = zip(self._tracked, LEVELS, below.tolist(), strict=True)
        self._tracked = [q + self.lr * (level - share) for q, level, share in moved]

    def _check(self) -> None:
        if not LEVELS[0] <= self.low < self.high <= LEVELS[-1]:
            raise RecipeError(
                "levels of two quantiles", where="tail_risk.low, high", seen=(self.low, self.high),
                allowed=f"{LEVELS[0]} <= low < high <= {LEVELS[-1]}",
            )  # fmt: skip
        if self.bundle < 1:
            raise RecipeError("prompts per bundle", where="tail_risk.bundle", seen=self.bundle, allowed="1 or more")

    def state_dict(self) -> dict[str, Any]:
        """The tracked quantiles, one per level."""
        return {"quantiles": None if self._tracked is None else list(self._tracked)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        kept = state["quantiles"]
        self._tracked = None if kept is None else [float(q) for q in kept]


def _rows_of_prompts(g: Groups, sample_index: Tensor) -> list[Tensor]:
    """Scored rows of every prompt that has any, in the order of sampling."""
    order = sample_index.argsort(stable=True)
    order = order[torch.where(g.scored, g.index, g.size)[order].argsort(stable=True)]
    parts = order[: int(g.count.sum())].split(g.count.tolist())
    return [part for part in parts if len(part)]


def _within(reward: Tensor, g: Groups) -> tuple[Tensor, Tensor]:
    """Reward above the mean of its prompt, and the std of the prompt's rewards, 1 where there is no spread."""
    spread = g.spread(g.std(reward))
    return reward - g.spread(g.mean(reward)), torch.where(spread > _FLAT, spread, torch.ones_like(spread))
