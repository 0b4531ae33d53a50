"""The one reducer: every aggregation is a set of fixed weights, so a loss never depends on the micro-batch split.

``loss = sum(weights * token_loss)``, with weights from the mask of the whole optimiser batch.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.ops.masked import zeroed

Aggregate = Literal[
    "token_mean", "seq_mean_token_sum", "seq_mean_token_mean", "fixed_length", "row_sum", "sample_mean", "class_mean"
]
Rows = Literal["scored", "all", "none"]
AGGREGATES: tuple[str, ...] = get_args(Aggregate)


def aggregate_weights(
    mask: Bool[Tensor, "batch *time"], mode: Aggregate = "token_mean", *, length: float | None = None,
    eps: float = 0.0, rows: Rows = "scored", total: float | None = None, shards: float = 1.0,
    class_id: Int[Tensor, " batch"] | None = None, dtype: torch.dtype | None = None,
) -> Float[Tensor, "batch *time"]:  # fmt: skip
    r"""Weight of every decision in the loss; rows are trajectories, :math:`L_i` their valid decisions.

    ``token_mean`` :math:`m / \sum m`; ``seq_mean_token_sum`` :math:`m / B`; ``seq_mean_token_mean``
    :math:`m / (L_i B)`; ``fixed_length`` :math:`m / (C B)` with the constant :math:`C` (``length``, default the width
    of the mask); ``row_sum`` :math:`m / L_i`; ``sample_mean`` is ``seq_mean_token_mean`` over scored items;
    ``class_mean`` :math:`m / (L_i B_c K)` with :math:`B_c` rows in the row's class and :math:`K` classes that have any.

    Args:
        mask: valid decisions of the whole optimiser batch; one value per row for losses of shape ``[batch]``.
        mode: see above.
        length: the constant of ``fixed_length``.
        eps: added to :math:`L_i` (verl uses 1e-8).
        rows: :math:`B` counts the rows that have any decision, all of them, or is 1 (``none``: verl's
            ``seq-mean-token-sum-norm`` is ``fixed_length`` with it; TRL's ``dr_grpo`` is ``fixed_length`` with
            ``all``).
        total: decisions (``token_mean``) or rows (the other means) of the optimiser batch, where the mask is only a
            part of it; replaces the count of the mask.
        shards: factor on all weights, the number of data-parallel workers whose gradients will be averaged.
        class_id: class of every row for ``class_mean``; rows with a negative class are left out.
        dtype: of the weights, default that of the mask if floating, else torch's default.

    Returns:
        Weights, 0 outside the mask; all 0 for an empty mask.

    Raises:
        RecipeError: an unknown mode, ``class_mean`` without ``class_id``, or with ``total``.

    Example:
        >>> m = torch.tensor([[True, True], [True, False]])
        >>> aggregate_weights(m, "seq_mean_token_mean").tolist()
        [[0.25, 0.25], [0.5, 0.0]]
        >>> aggregate_weights(m, "token_mean", total=10, shards=2).tolist()
        [[0.20000000298023224, 0.20000000298023224], [0.20000000298023224, 0.0]]
    """
    if mode not in AGGREGATES:
        raise RecipeError("unknown aggregate", seen=mode, allowed=AGGREGATES)
    wanted = dtype or (mask.dtype if mask.is_floating_point() else torch.get_default_dtype())
    kind = torch.promote_types(wanted, torch.float32)  # half precision cannot count beyond a few hundred
    m = mask.to(kind).reshape(len(mask), -1)
    size = m.sum(1, keepdim=True)
    per_row = m / (size + eps).clamp_min(eps or 1.0)
    count = _rows(size, rows) if total is None else max(float(total), 1.0)
    if mode == "token_mean":
        weights = m / (m.sum().clamp_min(1.0) if total is None else count)
    elif mode == "seq_mean_token_sum":
        weights = m / count
    elif mode == "fixed_length":
        weights = m / float(length or max(m.shape[1], 1)) / count
    elif mode == "row_sum":
        weights = per_row
    elif mode == "class_mean":
        weights = per_row * _class_weights(size > 0, class_id, total, kind)
    else:
        weights = per_row / count
    return (weights * shards).to(wanted).reshape(mask.shape)


def aggregate(
    token_loss: Float[Tensor, "batch *time"], mask: Bool[Tensor, "batch *time"], mode: Aggregate = "token_mean", *,
    length: float | None = None, eps: float = 0.0, rows: Rows = "scored", total: float | None = None,
    shards: float = 1.0, class_id: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:  # fmt: skip
    """Reduce a loss per decision (or per row); see :func:`aggregate_weights`.

    Values outside the mask never matter, not even NaN.

    Example:
        >>> loss = torch.tensor([[1.0, 3.0], [6.0, float("nan")]])
        >>> m = torch.tensor([[True, True], [True, False]])
        >>> round(aggregate(loss, m).item(), 4), aggregate(loss, m, "seq_mean_token_mean").item()
        (3.3333, 4.0)
    """
    weights = aggregate_weights(
        mask, mode, length=length, eps=eps, rows=rows, total=total, shards=shards, class_id=class_id,
        dtype=token_loss.dtype,
    )  # fmt: skip
    return (zeroed(token_loss, mask) * weights).sum()


def _rows(size: Tensor, rows: Rows) -> float:
    counts = {"scored": float((size > 0).sum()), "all": float(len(size)), "none": 1.0}
    if rows not in counts:
        raise RecipeError("unknown way to count rows", seen=rows, allowed=list(counts))
    return max(counts[rows], 1.0)


def _class_weights(present: Tensor, class_id: Tensor | None, total: float | None, kind: torch.dtype) -> Tensor:
    if class_id is None:
        raise RecipeError("class_mean needs the class of every row", fix="bind class_id, for example to domain")
    if total is not None:
        raise RecipeError("class_mean has no total: it needs the mask of the whole batch", seen=total)
    used = present[:, 0] & (class_id >= 0)
    _, index, count = torch.unique(class_id[used], return_inverse=True, return_counts=True)
    out = torch.zeros(len(class_id), 1, dtype=kind, device=present.device)
    if used.any():
        out[used] = (1.0 / (count[index].to(kind) * len(count)))[:, None]
    return out
