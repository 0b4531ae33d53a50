"""Small worlds that solvers take: plain, frozen, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError


@dataclass(frozen=True, eq=False)
class FiniteOutcomes:
    """The answers to one prompt: what each is worth, and how likely the base policy gives it.

    Args:
        reward: one number per outcome, any unit, finite.
        base: probabilities, 0 or more, adding up to 1 within 1e-6; an outcome may have probability 0.

    Raises:
        DataError: lengths differ, a reward is not finite, or the probabilities are none.
    """

    reward: Float[Tensor, " item"]
    base: Float[Tensor, " item"]

    def __post_init__(self) -> None:
        if self.reward.shape != self.base.shape or self.reward.ndim != 1 or not len(self.reward):
            raise DataError("one reward and one probability per outcome", where="FiniteOutcomes",
                            seen=(tuple(self.reward.shape), tuple(self.base.shape)))  # fmt: skip
        if not bool(torch.isfinite(self.reward).all()):
            raise DataError("rewards of outcomes are finite", where="FiniteOutcomes.reward", seen=self.reward.tolist())
        total = float(self.base.sum())
        if not bool((self.base >= 0).all()) or not abs(total - 1.0) <= 1e-6:
            raise DataError("probabilities are 0 or more and add up to 1", where="FiniteOutcomes.base",
                            seen=self.base.tolist(), allowed="sum 1")  # fmt: skip
