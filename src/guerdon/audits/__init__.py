"""Audits: what signals and series of a run say about it, as findings with intervals; nothing here calls a model."""

from guerdon.audits.answer_entropy import answer_entropy
from guerdon.audits.clip_bias import clip_bias
from guerdon.audits.entropy_ceiling import entropy_ceiling
from guerdon.audits.entropy_flow import entropy_flow
from guerdon.audits.hidden_rank_trend import hidden_rank_trend
from guerdon.audits.pass_at_k_curve import pass_at_k_curve
from guerdon.audits.reference_perplexity import reference_perplexity
from guerdon.audits.support import support
from guerdon.audits.training_phase import training_phase
from guerdon.audits.update_profile import update_profile

__all__ = [
    "answer_entropy",
    "clip_bias",
    "entropy_ceiling",
    "entropy_flow",
    "hidden_rank_trend",
    "pass_at_k_curve",
    "reference_perplexity",
    "support",
    "training_phase",
    "update_profile",
]
