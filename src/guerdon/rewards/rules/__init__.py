"""Rewards computed from text, length, tools or logs by a rule."""

from __future__ import annotations

from guerdon.rewards.rules.length_penalty import length_penalty
from guerdon.rewards.rules.length_window import length_window
from guerdon.rewards.rules.random_reward import random_reward
from guerdon.rewards.rules.tag_grammar import tag_grammar

__all__ = ["length_penalty", "length_window", "random_reward", "tag_grammar"]
