"""The provider of everything that is read from the vocabulary axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.kernels import vocab_stats


@method(
    paper=(
        Paper("arXiv:1805.02867", "Online normalizer calculation for softmax", "advantage/baselines"),
        Paper("arXiv:2509.25133", "Rethinking Entropy Regularization in Large Reasoning Models", "entropy/siren"),
    ),
    kind="head",
    name="vocab_stats",
    writes=(
        "logp", "entropy", "collision", "collision_logp", "nucleus_entropy", "tempered_logp", "taken_logit",
        "log_partition",
    ),
    sources={"chunk": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class VocabStats:
    r"""Log-prob, entropy and the other statistics of every decision, from hidden states and the output matrix.

    .. math:: u = W h + b,\quad p = \mathrm{softmax}(u / T)

    Called by the engine with what no method sees (the output matrix); see
    :func:`guerdon.ops.kernels.vocab_stats` for the formulas.

    Args:
        chunk: tokens per chunk; None chooses, and takes the plain path where it is cheap.

    Returns:
        The wanted signals by key, in the shape of the targets.

    Raises:
        RecipeError: a key or a setting is wrong.
        DataError: shapes differ, or a target is not in the vocabulary.

    Example:
        >>> import torch
        >>> head = VocabStats()
        >>> out = head(torch.zeros(1, 2), torch.eye(2), torch.tensor([0]), want=("entropy",))
        >>> round(out["entropy"].item(), 4)
        0.6931

    Source: Milakov and Gimelshein 2018, alg. 3, for the running sums; the nucleus as released with SIREN.
    Differs: every statistic of one step shares the pass and its backward.
    """

    chunk: int | None = None

    def __call__(
        self, hidden: Tensor, weight: Tensor, targets: Tensor, *, want: Sequence[str] = ("logp",),
        bias: Tensor | None = None, temperature: float = 1.0, softcap: float | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The wanted statistics by key."""
        return vocab_stats(
            hidden, weight, targets, want=want, bias=bias, temperature=temperature, softcap=softcap, chunk=self.chunk
        )
