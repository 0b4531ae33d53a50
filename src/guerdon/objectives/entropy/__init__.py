"""Entropy terms, masks and thermostats."""

from guerdon.objectives.entropy.anchored_entropy import AnchoredEntropy
from guerdon.objectives.entropy.clip_cov import clip_cov
from guerdon.objectives.entropy.discriminator_clip import discriminator_clip
from guerdon.objectives.entropy.entropy_band import entropy_band
from guerdon.objectives.entropy.entropy_bonus import entropy_bonus
from guerdon.objectives.entropy.entropy_change_weight import entropy_change_weight
from guerdon.objectives.entropy.entropy_history_band import EntropyHistoryBand
from guerdon.objectives.entropy.entropy_thermostat import entropy_thermostat
from guerdon.objectives.entropy.high_entropy_mask import high_entropy_mask
from guerdon.objectives.entropy.kl_cov import kl_cov

__all__ = [
    "AnchoredEntropy",
    "EntropyHistoryBand",
    "clip_cov",
    "discriminator_clip",
    "entropy_band",
    "entropy_bonus",
    "entropy_change_weight",
    "entropy_thermostat",
    "high_entropy_mask",
    "kl_cov",
]
