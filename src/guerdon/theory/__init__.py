"""Closed forms and solvers: a typed world or samples in, a frozen result out."""

from __future__ import annotations

from guerdon.theory.entropy_change import entropy_change
from guerdon.theory.reward_misalignment import Misalignment, reward_misalignment
from guerdon.theory.risk_measures import RiskMeasures, risk_measures

__all__ = ["Misalignment", "RiskMeasures", "entropy_change", "reward_misalignment", "risk_measures"]
