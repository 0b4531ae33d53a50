"""Audits: what signals and series of a run say about it, as findings with intervals; nothing here calls a model."""

from guerdon.audits.clip_bias import clip_bias
from guerdon.audits.entropy_ceiling import entropy_ceiling
from guerdon.audits.entropy_flow import entropy_flow

__all__ = ["clip_bias", "entropy_ceiling", "entropy_flow"]
