"""Masked reductions: the one place where the empty case is decided.

Values outside the mask never matter, not even when they are NaN; NaN inside the mask is not hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guerdon.errors import NumericsError, RecipeError


def zeroed(x: Tensor, mask: Tensor) -> Tensor:
    """``x`` with exact zeros outside the mask, also where ``x`` is NaN or infinite there."""
    return torch.where(mask.bool(), x, torch.zeros((), dtype=x.dtype, device=x.device))


def masked_sum(x: Tensor, mask: Tensor, dim: int | None = None) -> Tensor:
    """Sum over the mask; 0 where the mask is empty."""
    kept = zeroed(x, mask)
    return kept.sum() if dim is None else kept.sum(dim)


def masked_mean(x: Tensor, mask: Tensor, dim: int | None = None, eps: float = 0.0) -> Tensor:
    r"""Mean over the mask, :math:`\sum x m / (\sum m + \epsilon)`; 0 where the mask is empty.

    Example:
        >>> x = torch.tensor([1.0, 3.0, float("nan")])
        >>> masked_mean(x, torch.tensor([True, True, False])).item()
        2.0
    """
    total = masked_sum(x, mask, dim)
    count = (mask.sum() if dim is None else mask.sum(dim)).to(total.dtype)
    return torch.where(count > 0, total / (count + eps).clamp_min(eps or 1.0), torch.zeros_like(total))


def masked_var(x: Tensor, mask: Tensor, *, unbiased: bool = True, eps: float = 0.0) -> Tensor:
    r"""Variance over the mask, with Bessel's correction :math:`N/(N-1)` when ``unbiased``.

    Raises:
        NumericsError: fewer than two masked values and ``unbiased``.
    """
    count = int(mask.sum())
    if unbiased and count < 2:
        raise NumericsError(
            "a sample variance needs at least two values", seen=f"{count} in the mask",
            fix="use a larger batch, or switch whitening off",
        )  # fmt: skip
    centred = x - masked_mean(x, mask, eps=eps)
    variance = masked_mean(centred * centred, mask, eps=eps)
    return variance * count / (count - 1) if unbiased else variance


def masked_whiten(x: Tensor, mask: Tensor, *, eps: float = 1e-8) -> Tensor:
    r"""Standardise by statistics of the mask: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}`.

    Values outside the mask are shifted and scaled too; the caller decides whether to zero them.
    """
    mean = masked_mean(x, mask, eps=eps)
    return (x - mean) * torch.rsqrt(masked_var(x, mask, eps=eps) + eps)


def masked_quantile(x: Tensor, mask: Tensor, q: float) -> Tensor:
    """Quantile over the mask with linear interpolation; NaN where the mask is empty.

    Sorts instead of calling ``torch.quantile``, which refuses more than 16 million values.

    Raises:
        RecipeError: ``q`` is not in [0, 1].

    Example:
        >>> x = torch.tensor([1.0, 2.0, 4.0, 99.0])
        >>> masked_quantile(x, torch.tensor([True, True, True, False]), 0.75).item()
        3.0
    """
    if not 0.0 <= q <= 1.0:
        raise RecipeError("a quantile must lie in [0, 1]", seen=q)
    kept = x[mask.bool()].sort().values
    if not len(kept):
        return torch.full((), float("nan"), dtype=x.dtype, device=x.device)
    place = q * (len(kept) - 1)
    below = int(place)
    above = min(below + 1, len(kept) - 1)
    return torch.lerp(kept[below], kept[above], place - below)


def row_quantile(x: Tensor, mask: Tensor, q: float) -> Tensor:
    """Quantile over the mask of every row with linear interpolation; NaN for a row without any.

    Raises:
        RecipeError: ``q`` is not in [0, 1].

    Example:
        >>> x, m = torch.tensor([[1.0, 2.0, 4.0, 99.0]]), torch.tensor([[True, True, True, False]])
        >>> row_quantile(x, m, 0.75).tolist()
        [3.0]
    """
    if not 0.0 <= q <= 1.0:
        raise RecipeError("a quantile must lie in [0, 1]", seen=q)
    count = mask.sum(1)
    if not x.shape[1]:
        return torch.full_like(count, float("nan"), dtype=x.dtype)
    kept = torch.where(mask.bool(), x, torch.full_like(x, float("inf"))).sort(1).values
    place = q * (count - 1).clamp_min(0).to(torch.float64)
    below = place.floor().long()
    low, high = (kept.gather(1, i[:, None])[:, 0] for i in (below, torch.minimum(below + 1, (count - 1).clamp_min(0))))
    found = torch.lerp(low, high, (place - below).to(x.dtype))
    return torch.where(count > 0, found, torch.full_like(found, float("nan")))
