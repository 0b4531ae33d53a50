"""Rewards computed from text, length, tools or logs by a rule."""

from __future__ import annotations

from guerdon.rewards.rules.length_cosine import length_cosine
from guerdon.rewards.rules.length_penalty import length_penalty
from guerdon.rewards.rules.length_window import length_window
from guerdon.rewards.rules.marker_excess import marker_excess
from guerdon.rewards.rules.random_reward import random_reward
from guerdon.rewards.rules.repetition import repetition
from guerdon.rewards.rules.surface_metric import surface_metric
from guerdon.rewards.rules.tag_grammar import tag_grammar
from guerdon.rewards.rules.weighted_checks import weighted_checks
from guerdon.rewards.rules.word_target import word_target

__all__ = [
    "length_cosine", "length_penalty", "length_window", "marker_excess", "random_reward", "repetition",
    "surface_metric", "tag_grammar", "weighted_checks", "word_target",
]  # fmt: skip
