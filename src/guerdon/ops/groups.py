"""Statistics over the samples of one prompt.

Rows whose value is NaN were not scored: they are left out of every statistic, and what is computed for them is NaN
until the caller decides (advantages turn it into 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Groups:
    """Rows sorted into groups: ``index`` is the group of each row, ``count`` the scored rows per group."""

    index: Tensor
    size: int
    scored: Tensor
    count: Tensor

    def sum(self, x: Tensor) -> Tensor:
        """Sum over the scored rows of each group, shape ``[groups]``."""
        kept = torch.where(self.scored, x, torch.zeros_like(x))
        return torch.zeros(self.size, dtype=x.dtype, device=x.device).index_add_(0, self.index, kept)

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the scored rows of each group, NaN for a group without any."""
        mean = self.sum(x) / self.count.to(x.dtype)
        if not x.is_floating_point():
            return mean
        # a rounded sum of equal values can leave their range: their spread would be rounding instead of 0, and an
        # advantage divided by it of full size
        return mean.clamp(self.extreme(x, largest=False), self.extreme(x))

    def std(self, x: Tensor, *, ddof: int = 1) -> Tensor:
        """Standard deviation per group; NaN where ``count <= ddof``."""
        centred = x - self.spread(self.mean(x))
        free = (self.count - ddof).clamp_min(0).to(x.dtype)
        return (self.sum(centred * centred) / free).sqrt()

    def extreme(self, x: Tensor, *, largest: bool = True) -> Tensor:
        """Largest (or smallest) scored value of each group."""
        fill = float("-inf") if largest else float("inf")
        kept = torch.where(self.scored, x, torch.full_like(x, fill))
        out = torch.full((self.size,), fill, dtype=x.dtype, device=x.device)
        return out.scatter_reduce_(0, self.index, kept, "amax" if largest else "amin")

    def spread(self, per_group: Tensor) -> Tensor:
        """A value per group, repeated on its rows."""
        return per_group[self.index]


def groups(group_id: Tensor, value: Tensor) -> Groups:
    """Group rows by ``group_id``; rows with a NaN ``value`` are not scored.

    Example:
        >>> g = groups(torch.tensor([7, 7, 3]), torch.tensor([1.0, 3.0, float("nan")]))
        >>> g.count.tolist(), g.mean(torch.tensor([1.0, 3.0, 0.0])).tolist()
        ([0, 2], [nan, 2.0])
    """
    _, index = torch.unique(group_id, return_inverse=True)
    size = int(index.max()) + 1 if index.numel() else 0
    scored = ~torch.isnan(value)
    count = torch.zeros(size, dtype=torch.long, device=index.device).index_add_(0, index, scored.long())
    return Groups(index, size, scored, count)


def broadcast(row: Tensor, mask: Tensor) -> Tensor:
    """A value per row on every valid decision of the row, 0 elsewhere; unscored rows (NaN) become 0."""
    clean = torch.where(torch.isnan(row), torch.zeros_like(row), row)
    return torch.where(mask.bool(), clean[:, None], torch.zeros((), dtype=row.dtype, device=row.device))
