"""Closed forms and solvers: a typed world or samples in, a frozen result out."""

from __future__ import annotations

from guerdon.theory.entropy_change import entropy_change
from guerdon.theory.regularized_optimum import RegularizedOptimum, regularized_optimum
from guerdon.theory.reward_misalignment import Misalignment, reward_misalignment
from guerdon.theory.risk_measures import RiskMeasures, risk_measures
from guerdon.theory.worlds import FiniteOutcomes

__all__ = [
    "FiniteOutcomes",
    "Misalignment",
    "RegularizedOptimum",
    "RiskMeasures",
    "entropy_change",
    "regularized_optimum",
    "reward_misalignment",
    "risk_measures",
]
