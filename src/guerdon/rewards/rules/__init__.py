"""Rewards computed from text, length, tools or logs by a rule."""

from __future__ import annotations

from guerdon.rewards.rules.length_penalty import length_penalty

__all__ = ["length_penalty"]
