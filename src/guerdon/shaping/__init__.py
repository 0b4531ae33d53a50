"""Scores to scores: weights, prices and scales, applied before the advantage."""

from __future__ import annotations

from guerdon.shaping.entropy_budget import EntropyBudget
from guerdon.shaping.kl_reward import kl_reward
from guerdon.shaping.running_normalize import RunningNormalize
from guerdon.shaping.standardize import standardize
from guerdon.shaping.weighted_sum import weighted_sum

__all__ = ["EntropyBudget", "RunningNormalize", "kl_reward", "standardize", "weighted_sum"]
