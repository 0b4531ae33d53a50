"""Entropy terms, masks and thermostats."""

from guerdon.objectives.entropy.clip_cov import clip_cov
from guerdon.objectives.entropy.entropy_band import entropy_band
from guerdon.objectives.entropy.entropy_bonus import entropy_bonus
from guerdon.objectives.entropy.high_entropy_mask import high_entropy_mask
from guerdon.objectives.entropy.kl_cov import kl_cov

__all__ = ["clip_cov", "entropy_band", "entropy_bonus", "high_entropy_mask", "kl_cov"]
