"""The one reducer: every aggregation is a set of fixed weights, so a loss never depends on the micro-batch split.

``loss = sum(weights * token_loss)``, with weights from the mask of the whole optimiser batch.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.ops.masked import zeroed

Aggregate = Literal["token_mean", "seq_mean_token_sum", "seq_mean_token_mean", "fixed_length", "row_sum", "sample_mean"]
AGGREGATES: tuple[str, ...] = get_args(Aggregate)


def aggregate_weights(
    mask: Bool[Tensor, "batch time"], mode: Aggregate = "token_mean", *, length: float | None = None,
    eps: float = 0.0, rows: Literal["scored", "all"] = "scored",
) -> Float[Tensor, "batch time"]:  # fmt: skip
    r"""Weight of every decision in the loss; rows are trajectories, :math:`L_i` their valid decisions.

    ``token_mean`` :math:`m / \sum m`; ``seq_mean_token_sum`` :math:`m / B`; ``seq_mean_token_mean``
    :math:`m / (L_i B)`; ``fixed_length`` :math:`m / (C B)` with the constant :math:`C` (``length``, default the width
    of the mask); ``row_sum`` :math:`m / L_i`; ``sample_mean`` is ``seq_mean_token_mean`` over scored items.

    Args:
        mask: valid decisions of the whole optimiser batch.
        mode: see above.
        length: the constant of ``fixed_length``.
        eps: added to :math:`L_i` (verl uses 1e-8).
        rows: :math:`B` counts the rows that have any decision, or all of them.

    Returns:
        Weights, 0 outside the mask; all 0 for an empty mask.

    Example:
        >>> m = torch.tensor([[True, True], [True, False]])
        >>> aggregate_weights(m, "seq_mean_token_mean").tolist()
        [[0.25, 0.25], [0.5, 0.0]]
    """
    m = mask.to(torch.get_default_dtype() if not mask.is_floating_point() else mask.dtype)
    size = m.sum(1, keepdim=True)
    count = float(len(m)) if rows == "all" else float((size > 0).sum())
    per_row = m / (size + eps).clamp_min(eps or 1.0)
    if mode == "token_mean":
        return m / m.sum().clamp_min(1.0)
    if mode == "seq_mean_token_sum":
        return m / max(count, 1.0)
    if mode in ("seq_mean_token_mean", "sample_mean"):
        return per_row / max(count, 1.0)
    if mode == "fixed_length":
        return m / (length or m.shape[1]) / max(count, 1.0)
    if mode == "row_sum":
        return per_row
    raise RecipeError("unknown aggregate", seen=mode, allowed=AGGREGATES)


def aggregate(
    token_loss: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], mode: Aggregate = "token_mean", *,
    length: float | None = None, eps: float = 0.0, rows: Literal["scored", "all"] = "scored",
) -> Float[Tensor, ""]:  # fmt: skip
    """Reduce a per-decision loss; see :func:`aggregate_weights`. Values outside the mask never matter."""
    weights = aggregate_weights(mask, mode, length=length, eps=eps, rows=rows).to(token_loss.dtype)
    return (zeroed(token_loss, mask) * weights).sum()
