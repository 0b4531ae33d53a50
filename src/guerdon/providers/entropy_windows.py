"""Tokens that open a stretch of high entropy: where a chain of reasoning decides something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.control import ema
from guerdon.ops.masked import masked_quantile

# words after which a chain often turns; the authors' list of about 200 is not reprinted here
TURNS = (
    "actually", "again", "alternatively", "although", "assume", "because", "but", "check", "consider", "hence",
    "however", "if", "instead", "maybe", "notice", "otherwise", "perhaps", "rather", "recall", "recheck", "reconsider",
    "similarly", "since", "so", "still", "suppose", "then", "therefore", "though", "thus", "unless", "verify", "wait",
    "whereas", "while", "yet",
)  # fmt: skip


@method(
    paper=Paper(
        "arXiv:2510.08457", "ARES: Multimodal Adaptive Reasoning via Difficulty-Aware Token-Level Entropy Shaping",
        "entropy/ares",
    ),
    scope="rollout_batch",
    writes=("entropy_windows",),
    tags=("entropy control",),
    presets=(Preset("all_windows", params={"triggers": None}, note="every token may open a window"),),
    golden="ares",
    default_source="code",
    sources={"triggers": "ours", "threshold_init": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class EntropyWindows:
    r"""Count the trigger tokens that are followed by a window of high entropy.

    .. math:: W_t = \frac1w \sum_{k=1}^w H_{t+k},\qquad N = \#\{t : x_t \in V,\ W_t \ge \tau\},\qquad
              \tau \leftarrow \mathrm{EMA}\big(\mathrm{median}_i\, Q_p(W_i)\big)

    Args:
        old_entropy: entropy of the policy that sampled, nats per decision.
        token_text: decoded decisions; compared in lower case without the spaces around them.
        mask: the policy's own decisions; windows run over these alone.
        window: decisions :math:`w` that follow and are averaged.
        percentile: of the windows of a row, 0 to 100; the median over the rows is the threshold of the batch.
        decay: weight of the past in the threshold, in [0, 1).
        triggers: words that may open a window; None: every decision may.
        threshold_init: threshold before the first batch, nats; None: the first batch's own.

    Returns:
        Per row: triggers at or above the threshold, triggers below it, and the summed excess of the former in nats.

    Raises:
        RecipeError: a window below 1, or a percentile or decay out of range.

    Example:
        >>> count = EntropyWindows(window=2, triggers=("wait",), threshold_init=0.5)
        >>> h, m = torch.tensor([[0.1, 0.9, 0.7, 0.0, 0.1]]), torch.ones(1, 5, dtype=torch.bool)
        >>> [round(v, 2) for v in count(h, [["Wait", "a", "b", "c", "d"]], m)[0].tolist()]
        [1.0, 0.0, 0.3]

    Source: the authors' released reward function and rollout worker.
    Differs: the release fills the last w positions with the mean of the others and leaves the tail of the vocabulary
        out before it takes the percentile; here the percentile is over the real windows of exact entropies, and rows
        of at most w decisions have none. It looks at the most likely token of a position, here at the one taken. The
        published branching of the rollout is in neither.
    """

    window: int = 4
    percentile: float = 95.0
    decay: float = 0.99
    triggers: tuple[str, ...] | None = TURNS
    threshold_init: float | None = None
    threshold: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.window < 1 or not 0.0 <= self.percentile <= 100.0 or not 0.0 <= self.decay < 1.0:
            raise RecipeError(
                "a window of at least 1, a percentile of 0 to 100, and a decay in [0, 1)", where="entropy_windows",
                seen=(self.window, self.percentile, self.decay),
            )  # fmt: skip
        self.threshold = self.threshold_init

    def __call__(
        self,
        old_entropy: Float[Tensor, "batch time"],
        token_text: Sequence[Sequence[str]],
        mask: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch aspect"]:
        """Count, invalid count and excess of every row; the threshold moves first."""
        ahead, known = window_means(old_entropy, mask, self.window)
        peaks = [masked_quantile(ahead[i], known[i], self.percentile / 100) for i in range(len(known))]
        seen = torch.stack(peaks)[known.any(1)] if len(peaks) else old_entropy.new_zeros(0)
        if len(seen):
            self.threshold = ema(self.threshold, float(seen.double().quantile(0.5)), self.decay)
        return self.count(ahead, known & self._openers(token_text, mask))

    def count(self, ahead: Tensor, opens: Tensor) -> Tensor:
        """Count, invalid count and excess of the windows ``ahead`` of the positions ``opens``."""
        threshold = -torch.inf if self.threshold is None else self.threshold
        valid = opens & (ahead >= threshold)
        excess = torch.where(valid, ahead - threshold, torch.zeros_like(ahead)).sum(1)
        counts = torch.stack([valid.sum(1), (opens & ~valid).sum(1)], 1).to(ahead.dtype)
        return torch.cat([counts, excess[:, None]], 1)

    def _openers(self, token_text: Sequence[Sequence[str]], mask: Tensor) -> Tensor:
        if self.triggers is None:
            return mask.bool()
        words = frozenset(self.triggers)
        found = [[text.strip().lower() in words for text in row] for row in token_text]
        return torch.tensor(found, dtype=torch.bool, device=mask.device).reshape(mask.shape) & mask

    def state_dict(self) -> dict[str, Any]:
        """The threshold."""
        return {"threshold": self.threshold}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.threshold = state["threshold"]


def window_means(value: Tensor, mask: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Mean of the ``window`` valid values after every valid position, and where there are that many.

    Example:
        >>> x, m = torch.tensor([[1.0, 9.0, 2.0, 4.0]]), torch.tensor([[True, False, True, True]])
        >>> window_means(x, m, 2)
        (tensor([[3., 0., 0., 0.]]), tensor([[ True, False, False, False]]))
    """
    out, known = torch.zeros_like(value), torch.zeros_like(mask, dtype=torch.bool)
    for i, row in enumerate(mask.bool()):
        places = row.nonzero()[:, 0]
        if len(places) > window:
            own = value[i, places]
            # summed window by window: a difference of running sums would carry the rounding of the whole row
            out[i, places[:-window]] = own[1:].unfold(0, window, 1).mean(1)
            known[i, places[:-window]] = True
    return out, known


def listed_entropy(logp: Tensor) -> Tensor:
    r"""Entropy when only the likeliest log-probs are known, the rest of the mass counted as one outcome.

    .. math:: H = -\sum_k p_k \ln p_k - q \ln q,\qquad q = \max(0, 1 - \textstyle\sum_k p_k)

    Args:
        logp: listed log-probs in the last axis, nats; minus infinity where the list is shorter.

    Example:
        >>> round(listed_entropy(torch.tensor([0.5]).log()).item(), 6)  # ln 2
        0.693147
    """
    prob = logp.exp()
    rest = (1.0 - prob.sum(-1)).clamp_min(0.0)
    return -torch.special.xlogy(prob, prob).sum(-1) - torch.special.xlogy(rest, rest)
