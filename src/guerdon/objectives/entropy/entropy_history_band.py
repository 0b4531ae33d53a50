"""A pull back towards the entropies that the same step of an episode had in the past."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2509.22576", "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning",
        "entropy/epo",
    ),
    role="token_loss",
    scope="update_batch",
    tags=("entropy control", "multi-turn"),
    golden="epo",
    default_source="code",
    sources={"coef": "paper", "mode": "ours", "align": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class EntropyHistoryBand:
    r"""Charge for entropy outside a band around the mean of the past rollouts, step of the episode by step.

    .. math:: \bar h_s = \mathrm{mean}_k\ \mathrm{mean}\{H^{old}_{k,i,t} : t \text{ in step } s\},\qquad
              \text{hinge:}\ \ell = c\,\alpha\,\big(\max(0, H - high\,\bar h_s) + \max(0, low\,\bar h_s - H)\big)

    .. math:: \text{constant:}\ \ell = c\,\alpha\,[H \notin (low\,\bar h_s, high\,\bar h_s)],\qquad
              \text{mask:}\ \ell = -c\,H\,(\alpha \text{ outside the band, 1 inside})

    ``hinge`` and ``constant`` stand beside an ``entropy_bonus`` of the same coefficient, ``mask`` stands in its place.
    ``constant`` is what was released: it has no gradient, so training is that of the bonus alone. The band is open.

    Args:
        entropy: entropy of the current policy at each decision, nats, with gradient.
        old_entropy: the same of the sampling policy; only this enters the history.
        step_id: step of each decision, -1 outside all steps (provider ``segment_text``).
        mask: the policy's own decisions.
        train_step: optimiser step, which tells one rollout from the next; None: every call is another rollout.
        low, high: ends of the band as multiples of the past, 0 or more.
        penalty: :math:`\alpha`; the release lets it fall with the schedule ``two_phase``.
        coef: weight :math:`c`.
        mode: see above.
        align: ``step`` remembers every step under its number; ``left_pad`` fills short episodes with zeros at their
            beginning, as released, so that their steps are remembered too late and zeros lower the mean.
        max_steps: steps of the longest episode (``left_pad``).
        level: compare every decision, or the mean of its row's step with the same value on all its decisions.

    Returns:
        Loss per decision; decisions outside all steps, and steps never seen before, cost nothing (``mask``: count
        as inside).

    Raises:
        RecipeError: the ends are swapped or negative, or ``max_steps`` is below 1.

    Example:
        >>> band, m = EntropyHistoryBand(coef=1.0, penalty=1.0), torch.ones(1, 3, dtype=torch.bool)
        >>> now, past = torch.tensor([[0.3, 0.5, 0.7]]), torch.tensor([[0.5, 0.5, 0.5]])
        >>> [round(v, 3) for v in band(now, past, torch.zeros(1, 3, dtype=torch.long), m)[0].tolist()]  # band .4 to .6
        [0.1, 0.0, 0.1]

    Source: the authors' released actor and trainer.
    Differs: ``hinge`` is ours, and the default, because the released term has no gradient. A rollout enters the
        history once, before its update, from the sampling policy's entropies; with several mini-batches each adds its
        rows when it comes. ``sequence`` leaves padding out; the rule that no episode was charged before half of
        ``max_steps`` is left out.
    """

    low: float = 0.8
    high: float = 1.2
    penalty: float = 0.1
    coef: float = 1e-3
    mode: Literal["hinge", "mask", "constant"] = "hinge"
    align: Literal["step", "left_pad"] = "step"
    max_steps: int = 50
    level: Literal["token", "sequence"] = "token"
    # over finished rollouts, by step: sum of the means and their number; then sum and number of decisions of this one
    _sums: list[float] = field(default_factory=list, init=False, repr=False)
    _counts: list[int] = field(default_factory=list, init=False, repr=False)
    _now: list[tuple[float, int]] = field(default_factory=list, init=False, repr=False)
    _at: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high or self.max_steps < 1:
            raise RecipeError(
                "a band needs 0 <= low <= high and at least one step", where="entropy_history_band",
                seen=(self.low, self.high, self.max_steps),
            )  # fmt: skip

    def __call__(
        self,
        entropy: Float[Tensor, "batch time"],
        old_entropy: Float[Tensor, "batch time"],
        step_id: Int[Tensor, "batch time"],
        mask: Bool[Tensor, "batch time"],
        train_step: Int[Tensor, ""] | None = None,
    ) -> Float[Tensor, "batch time"]:
        """Loss of an optimiser batch, whose rollout is in the history already."""
        inside = mask & (step_id >= 0)
        step = torch.where(inside, step_id, torch.zeros_like(step_id))
        self._remember(old_entropy.detach(), step, inside, None if train_step is None else int(train_step))
        known = torch.tensor(self.reference() or [math.nan], dtype=entropy.dtype, device=entropy.device)
        reference = known[step.clamp_max(len(known) - 1)]
        inside = inside & (step < len(known)) & ~torch.isnan(reference)
        value = zeroed(entropy, mask)
        if self.level == "sequence":
            value = _of_step(value, step, inside)
        return self.coef * self.charge(value, reference, inside)

    def charge(self, value: Tensor, reference: Tensor, inside: Tensor) -> Tensor:
        """The term of each decision before ``coef``, given what it is compared with; ``inside`` where there is one."""
        low, high = (zeroed(reference, inside) * end for end in (self.low, self.high))
        out = inside & ~((value > low) & (value < high))
        if self.mode == "mask":
            return -value * torch.ones_like(value).masked_fill(out, self.penalty)
        if self.mode == "constant":
            return torch.zeros_like(value).masked_fill(out, self.penalty)
        distance = torch.where(value >= high, value - high, low - value)
        return torch.where(out, self.penalty * distance, torch.zeros_like(value))

    def reference(self) -> list[float]:
        """Mean entropy of every step over the rollouts so far; NaN for a step that never was."""
        return [s / n if n else math.nan for s, n in zip(*self._totals(), strict=True)]

    def _totals(self) -> tuple[list[float], list[int]]:
        """Sums and numbers of the means with this rollout's among them."""
        means = [s / n if n else math.nan for s, n in self._now]
        if self.align == "left_pad" and means:
            means = [0.0] * (self.max_steps - len(means)) + means[-self.max_steps :]
        more = len(means) - len(self._sums)
        sums, counts = self._sums + [0.0] * more, self._counts + [0] * more
        for i, mean in enumerate(means):
            if not math.isnan(mean):
                sums[i], counts[i] = sums[i] + mean, counts[i] + 1
        return sums, counts

    def _remember(self, entropy: Tensor, step: Tensor, inside: Tensor, train_step: int | None) -> None:
        """Add rows to the entry of this rollout; the first rows of another one close the last entry."""
        if train_step is None or train_step != self._at:
            self._sums, self._counts = self._totals()
            self._now, self._at = [], train_step
        chosen, values = step[inside].cpu(), entropy[inside].double().cpu()
        count = torch.bincount(chosen)
        total = torch.zeros(len(count), dtype=torch.float64).index_add_(0, chosen, values)
        self._now += [(0.0, 0)] * (len(count) - len(self._now))
        for i, (s, n) in enumerate(zip(total.tolist(), count.tolist(), strict=True)):
            self._now[i] = self._now[i][0] + s, self._now[i][1] + n

    def state_dict(self) -> dict[str, Any]:
        """The history, and the entry of the last rollout, which is closed by the next."""
        return {"sums": self._sums, "counts": self._counts, "now": [list(e) for e in self._now], "at": self._at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._sums, self._counts = list(state["sums"]), list(state["counts"])
        self._now, self._at = [(float(s), int(n)) for s, n in state["now"]], state["at"]


def _of_step(value: Tensor, step: Tensor, inside: Tensor) -> Tensor:
    """Mean over the decisions of the same row and step, on each of them; 0 elsewhere."""
    if not bool(inside.any()):
        return zeroed(value, inside)
    width = int(step.max()) + 1
    place = torch.arange(len(step), device=step.device)[:, None] * width + step
    total = value.new_zeros(len(step) * width).index_add(0, place[inside], value[inside])
    count = torch.bincount(place[inside], minlength=len(total)).clamp_min(1)
    return zeroed((total / count)[place], inside)
