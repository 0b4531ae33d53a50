"""Closed forms and solvers: a typed world or samples in, a frozen result out."""

from __future__ import annotations

from guerdon.theory.risk_measures import RiskMeasures, risk_measures

__all__ = ["RiskMeasures", "risk_measures"]
