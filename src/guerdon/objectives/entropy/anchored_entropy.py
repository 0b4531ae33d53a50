"""A penalty on leaving the entropy that the policy had at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import masked_mean, row_quantile, zeroed


@method(
    paper=Paper("arXiv:2509.25133", "Rethinking Entropy Regularization in Large Reasoning Models", "entropy/siren"),
    role="penalty",
    scope="update_batch",
    tags=("entropy control",),
    golden="siren",
    settings={"nucleus_entropy": {"top_p": "top_p", "inclusive": "inclusive", "top_k": "top_k"}},
    default_source="code",
    sources={"coef": "paper", "empty_rows": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class AnchoredEntropy:
    r"""Hold the entropy of the plausible tokens, where the policy is least certain, at its first value.

    .. math:: \ell = c\,(\bar H - H_0)^2,\qquad
              \bar H = \mathrm{mean}_i \frac{\sum_t M_{i,t} H_{i,t}}{\sum_t M_{i,t}},\qquad
              M_{i,t} = [H_{i,t} > Q_\kappa(H_i)]

    :math:`H` is the entropy of the renormalised nucleus, :math:`Q_\kappa(H_i)` the quantile over the decisions of one
    row, :math:`H_0` the :math:`\bar H` of the first batch. Both sides cost: entropy above the anchor is pulled down.

    Args:
        nucleus_entropy: entropy of the renormalised nucleus at each decision, nats, with gradient.
        mask: the policy's own decisions; quantiles and means are over all of the optimiser batch.
        coef: weight :math:`c`.
        quantile: :math:`\kappa` in [0, 1]: 0.8 keeps the fifth of a row's decisions with the most entropy, 0 all.
        anchor: :math:`H_0` in nats; None takes it from the first batch.
        top_p: mass of the nucleus, in (0, 1].
        inclusive: whether the nucleus holds the token at which the mass reaches ``top_p``; the release leaves it out,
            so that a token with more than ``top_p`` alone has an empty nucleus and entropy 0.
        top_k: the nucleus is looked for among so many tokens, None for all.
        empty_rows: a row of constant entropy has no decision above its quantile; ``skip`` leaves it out of the mean,
            ``zero`` counts it as 0, as released.

    Returns:
        The penalty, a scalar; 0 without gradient where no row has a decision above its quantile.

    Raises:
        RecipeError: ``quantile`` is not in [0, 1].

    Example:
        >>> hold, m = AnchoredEntropy(anchor=0.5), torch.ones(1, 5, dtype=torch.bool)
        >>> h = torch.tensor([[0.1, 0.8, 0.3, 0.5, 0.7]])
        >>> round(hold(h, m).item(), 6)  # only .8 lies above the quantile .72: .005 (.8 - .5)^2
        0.00045

    Source: the released actor and script of the authors; their loss around it is ``dr_grpo`` with a clip of 0.28.
    Differs: the peak mask reads the response mask; rows without a peak are left out of the mean by default; the anchor
        is that of the first batch that has any peak.
    """

    coef: float = 5e-3
    quantile: float = 0.8
    anchor: float | None = None
    top_p: float = 0.8
    inclusive: bool = False
    top_k: int | None = 10_000
    empty_rows: Literal["skip", "zero"] = "skip"
    _first: float | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.quantile <= 1.0:
            raise RecipeError("a quantile", where="anchored_entropy.quantile", seen=self.quantile, allowed="[0, 1]")

    def __call__(
        self, nucleus_entropy: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, ""]:
        """The penalty of an optimiser batch; the first one sets the anchor."""
        mean = self.mean(nucleus_entropy, mask)
        if mean is None:
            return zeroed(nucleus_entropy, mask).sum() * 0.0
        if self._first is None:
            self._first = float(mean.detach())
        return self.coef * (mean - (self._first if self.anchor is None else self.anchor)) ** 2

    def peaks(self, entropy: Tensor, mask: Tensor) -> Tensor:
        """Decisions above the quantile of their row."""
        if self.quantile == 0.0:
            return mask.bool()
        return mask & (entropy.detach() > row_quantile(entropy.detach(), mask, self.quantile)[:, None])

    def mean(self, entropy: Tensor, mask: Tensor) -> Tensor | None:
        """Mean over the rows of the mean entropy at their peaks, None where no row has one."""
        peak = self.peaks(entropy, mask)
        found = peak.any(1)
        if not bool(found.any()):
            return None
        rows = masked_mean(entropy, peak, dim=1)
        return masked_mean(rows, found if self.empty_rows == "skip" else torch.ones_like(found))

    def state_dict(self) -> dict[str, Any]:
        """The anchor, None before the first batch."""
        return {"anchor": self._first}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._first = None if state["anchor"] is None else float(state["anchor"])
