"""Policy losses, KL and value terms, and the coefficients that steer them."""

from guerdon.objectives.policy.adaptive_coefficient import AdaptiveCoefficient
from guerdon.objectives.policy.cispo import cispo
from guerdon.objectives.policy.clip import clip
from guerdon.objectives.policy.consistency_weight import consistency_weight
from guerdon.objectives.policy.gmpo import gmpo
from guerdon.objectives.policy.kl_gate import KlGate
from guerdon.objectives.policy.kl_penalty import kl_penalty
from guerdon.objectives.policy.kl_relief import kl_relief
from guerdon.objectives.policy.reinforce import reinforce
from guerdon.objectives.policy.sapo import sapo
from guerdon.objectives.policy.value_loss import value_loss
from guerdon.objectives.policy.vespo import vespo

__all__ = [
    "AdaptiveCoefficient", "KlGate", "cispo", "clip", "consistency_weight", "gmpo", "kl_penalty", "kl_relief",
    "reinforce", "sapo", "value_loss", "vespo",
]  # fmt: skip
