"""Operations over the vocabulary axis that never hold the whole ``[tokens, vocab]`` matrix."""

from guerdon.ops.kernels.stats import Stat, stat_key
from guerdon.ops.kernels.vocab_kl import vocab_kl
from guerdon.ops.kernels.vocab_stats import from_logits, vocab_stats

__all__ = ["Stat", "from_logits", "stat_key", "vocab_kl", "vocab_stats"]
