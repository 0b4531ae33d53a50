"""Rewards computed against reference texts, embeddings or demonstrations."""

from __future__ import annotations

from guerdon.rewards.reference.keyword_chain import keyword_chain
from guerdon.rewards.reference.rouge_l import rouge_l

__all__ = ["keyword_chain", "rouge_l"]
