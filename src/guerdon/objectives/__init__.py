"""Log-probs and advantages to per-decision losses; ``aggregate`` reduces them."""

from guerdon.objectives.aggregate import AGGREGATES, aggregate, aggregate_weights
from guerdon.objectives.entropy import (
    AnchoredEntropy,
    EntropyHistoryBand,
    clip_cov,
    entropy_band,
    entropy_bonus,
    entropy_thermostat,
    high_entropy_mask,
    kl_cov,
)
from guerdon.objectives.policy import (
    AdaptiveCoefficient,
    KlGate,
    cispo,
    clip,
    consistency_weight,
    gmpo,
    kl_penalty,
    kl_relief,
    reinforce,
    sapo,
    value_loss,
    vespo,
)

__all__ = [
    "AGGREGATES", "AdaptiveCoefficient", "AnchoredEntropy", "EntropyHistoryBand", "KlGate", "aggregate",
    "aggregate_weights", "cispo", "clip", "clip_cov",
    "consistency_weight", "entropy_band", "entropy_bonus", "entropy_thermostat", "gmpo", "high_entropy_mask", "kl_cov",
    "kl_penalty", "kl_relief",
    "reinforce", "sapo", "value_loss", "vespo",
]  # fmt: skip
