"""Results as comparable leaves: every tensor, list of numbers or list of texts, with its axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.conformance.case import Axes


@dataclass(frozen=True)
class Leaf:
    """One part of a result: where it sits, its value, and its axes where they are known."""

    path: str
    value: Any
    axes: Axes | None = None


def leaves(result: Any, path: str = "result") -> list[Leaf]:
    """Flatten a result; lists of numbers become tensors, other sequences are walked.

    Example:
        >>> [leaf.path for leaf in leaves((torch.zeros(2), {"kept": [True, False]}))]
        ['result[0]', "result[1]['kept']"]
    """
    if isinstance(result, Tensor):
        return [Leaf(path, result)]
    if isinstance(result, (bool, int, float)):
        return [Leaf(path, torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None))]
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        parts = [(f".{f.name}", getattr(result, f.name)) for f in dataclasses.fields(result)]
    elif isinstance(result, Mapping):
        parts = [(f"[{k!r}]", v) for k, v in result.items()]
    elif isinstance(result, (list, tuple)):
        if not result:
            return [Leaf(path, [])]  # nothing is a result too: a row without calls
        if result and all(isinstance(v, (bool, int, float)) for v in result) and isinstance(result, list):
            numbers = [float(v) if isinstance(v, float) else int(v) for v in result]
            return [Leaf(path, torch.tensor(numbers, dtype=torch.float64))]
        if result and all(isinstance(v, str) for v in result):
            return [Leaf(path, list(result))]
        if result and all(isinstance(v, list) and all(isinstance(x, str) for x in v) for v in result):
            return [Leaf(path, list(result))]  # texts of the steps of each row
        parts = [(f"[{i}]", v) for i, v in enumerate(result)]
    else:
        return [Leaf(path, result)]
    return [leaf for step, value in parts for leaf in leaves(value, path + step)]


def with_axes(found: Sequence[Leaf], axes: Sequence[Axes | None]) -> list[Leaf]:
    """Leaves with their axes, by position; extra leaves keep none."""
    padded = [*axes, *[None] * len(found)]
    return [dataclasses.replace(leaf, axes=a) for leaf, a in zip(found, padded, strict=False)]


def mismatch(a: Any, b: Any, *, valid: Tensor | None = None, rtol: float = 1e-7, atol: float = 1e-9) -> str:
    """Empty when equal within tolerance at valid positions, else the first place with both numbers.

    Example:
        >>> mismatch(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
        'at [1]: 2.0 against 2.5'
    """
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return "" if a == b else f"{a!r} against {b!r}"
    if a.shape != b.shape:
        return f"shape {tuple(a.shape)} against {tuple(b.shape)}"
    if not a.is_floating_point() and not b.is_floating_point():
        bad = a.cpu() != b.cpu()
    else:
        bad = ~torch.isclose(a.detach().double(), b.detach().double(), rtol=rtol, atol=atol, equal_nan=True)
    if valid is not None and valid.shape == bad.shape:
        bad = bad & valid
    if not bad.any():
        return ""
    at = tuple(int(i) for i in bad.nonzero()[0])
    place = f"at {list(at)}: " if at else ""
    return f"{place}{a[at].item()!r} against {b[at].item()!r}"
