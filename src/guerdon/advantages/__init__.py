"""Returns to per-decision advantages: estimators, and transforms that take an advantage in."""

from __future__ import annotations

from guerdon.advantages.conditional import conditional
from guerdon.advantages.effective_rank_bonus import EffectiveRankBonus
from guerdon.advantages.empg import empg
from guerdon.advantages.gae import gae
from guerdon.advantages.gaussian_rank import gaussian_rank
from guerdon.advantages.gdpo import gdpo
from guerdon.advantages.gpg import gpg
from guerdon.advantages.grpo import grpo
from guerdon.advantages.identity import identity
from guerdon.advantages.opo import opo
from guerdon.advantages.optimal_token_baseline import optimal_token_baseline
from guerdon.advantages.pass_at_k import pass_at_k
from guerdon.advantages.perplexity_weight import perplexity_weight
from guerdon.advantages.position_bonus import position_bonus
from guerdon.advantages.prompt_level import prompt_level
from guerdon.advantages.replay_baseline import ReplayBaseline
from guerdon.advantages.reward_to_go import reward_to_go
from guerdon.advantages.rloo import rloo
from guerdon.advantages.source_constant import source_constant
from guerdon.advantages.tail_risk import TailRisk
from guerdon.advantages.tempered_reinforce import tempered_reinforce
from guerdon.advantages.value_baseline import value_baseline
from guerdon.advantages.whiten import whiten

__all__ = [
    "EffectiveRankBonus",
    "ReplayBaseline",
    "TailRisk",
    "conditional",
    "empg",
    "gae",
    "gaussian_rank",
    "gdpo",
    "gpg",
    "grpo",
    "identity",
    "opo",
    "optimal_token_baseline",
    "pass_at_k",
    "perplexity_weight",
    "position_bonus",
    "prompt_level",
    "reward_to_go",
    "rloo",
    "source_constant",
    "tempered_reinforce",
    "value_baseline",
    "whiten",
]
