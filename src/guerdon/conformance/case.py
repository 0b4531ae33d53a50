"""One input of a property: signals with their axes, the edits a property makes to them, and how they are shown."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import MethodError

Axes = tuple[str, ...]
_ROW_POINTERS = ("opponent_id", "variant_of")
_DERIVED_FROM_TIME = ("step_end", "step_id", "think_end")


class PropertyError(MethodError):
    """A method does not have a property it must have; ``case`` is the smallest input that shows it."""

    case: Case | None = None


class NotApplicable(Exception):
    """A property says nothing about this method; the text is the reason."""


@dataclass(frozen=True)
class Case:
    """Named signals and their axes; ``seed`` starts the generator given as ``rng``."""

    signals: Mapping[str, Any]
    axes: Mapping[str, Axes]
    seed: int = 0

    def inputs(self) -> dict[str, Any]:
        """Signals for one call, with a fresh generator, so that two calls see the same numbers."""
        out = dict(self.signals)
        if "rng" in out:
            out["rng"] = torch.Generator().manual_seed(self.seed)
        return out

    def length(self, axis: str) -> int:
        """Length of an axis; 0 when no signal has it."""
        for name, axes in self.axes.items():
            if axis in axes:
                return size(self.signals[name], axes.index(axis))
        return 0

    def replace(self, **signals: Any) -> Case:
        """The same case with some signals changed."""
        return dataclasses.replace(self, signals={**self.signals, **signals})

    def to(self, dtype: torch.dtype) -> Case:
        """The same numbers in another floating dtype."""
        return self.replace(**{n: v.to(dtype) for n, v in self.floats().items()})

    def floats(self) -> dict[str, Tensor]:
        """Signals that are floating tensors."""
        return {n: v for n, v in self.signals.items() if isinstance(v, Tensor) and v.is_floating_point()}

    def select(self, axis: str, index: Sequence[int]) -> Case:
        """Keep these positions of an axis, in this order; row numbers inside signals follow their rows."""
        new_of = {old: new for new, old in reversed(list(enumerate(index)))}
        changed = {}
        for name, axes in self.axes.items():
            if axis not in axes:
                continue
            value = pick(self.signals[name], axes.index(axis), index)
            if axis == "batch" and name in _ROW_POINTERS:
                value = torch.tensor([new_of.get(int(v), i) for i, v in enumerate(value)], dtype=torch.long)
            changed[name] = value
        return self.replace(**changed)

    def valid(self, axes: Axes, name: str = "") -> Tensor | None:
        """Positions that count in a value with these axes, None when no mask says anything about them."""
        found = None
        for mask_name, mask_axes in self._masks(axes, name):
            shape = [self.length(a) if a in mask_axes else 1 for a in axes]
            # masks list their axes in the order values do, so a view is enough
            mask = self.signals[mask_name].reshape(shape).expand([self.length(a) for a in axes])
            found = mask.clone() if found is None else found & mask
        return found

    def _masks(self, axes: Axes, name: str) -> list[tuple[str, Axes]]:
        wanted: list[tuple[str, Axes]] = []
        if "batch" in axes and "time" in axes:
            wanted.append(("mask", ("batch", "time")))
        if "batch" in axes and "step" in axes:
            wanted.append(("step_mask", ("batch", "step")))
        if "pair" in axes:
            wanted.append(("pair_mask", ("pair",)))
        if "pair" in axes and "time" in axes:
            side = "rejected_mask" if "rejected" in name else "chosen_mask"
            wanted.append((side, ("pair", "time")))
        return [(n, a) for n, a in wanted if n in self.signals]

    def show(self, only: Sequence[str] | None = None) -> str:
        """Lines of Python that rebuild the signals."""
        names = [n for n in self.signals if only is None or n in only]
        return "\n".join(f"{n} = {literal(self.signals[n], self.seed)}" for n in names)

    def data(self, only: Sequence[str] | None = None) -> dict[str, Any]:
        """The signals as plain data."""
        return {n: plain(v, self.seed) for n, v in self.signals.items() if only is None or n in only}

    def smaller(self) -> list[Case]:
        """Cases with one thing less, the most drastic first: rows, columns, then digits."""
        out = []
        for axis in ("batch", "pair", "time", "step", "aspect", "member", "item", "choice", "hidden", "answer"):
            count = self.length(axis)
            if axis == "time" and any(n in self.signals for n in _DERIVED_FROM_TIME):
                continue
            if axis in ("member", "step") and {"preference_matrix", "step_id"} & set(self.signals):
                continue
            if count > 3:
                out.append(_consistent(self.select(axis, range(count // 2))))
                out.append(_consistent(self.select(axis, range(count // 2, count))))
            if count > 1:
                kept = [[i for i in range(count) if i != drop] for drop in range(count)]
                out.extend(_consistent(self.select(axis, k)) for k in kept)
        for name, value in self.floats().items():
            for digits in (0, 1):
                rounded = torch.round(value, decimals=digits) + 0.0  # no negative zeros
                if not same(rounded, value):
                    out.append(self.replace(**{name: rounded}))
        return out


def _consistent(case: Case) -> Case:
    """Lengths recomputed after columns went away."""
    changed = {}
    for length, mask in (("length", "mask"), ("chosen_length", "chosen_mask"), ("rejected_length", "rejected_mask")):
        if length in case.signals and mask in case.signals:
            changed[length] = case.signals[mask].long().sum(1)
    return case.replace(**changed)


def size(value: Any, depth: int) -> int:
    """Length of a tensor or nested list at a depth."""
    if isinstance(value, Tensor):
        return value.shape[depth]
    return len(value) if depth == 0 else size(value[0], depth - 1)


def pick(value: Any, depth: int, index: Sequence[int]) -> Any:
    """Positions of a tensor or nested list at a depth."""
    if isinstance(value, Tensor):
        return value.index_select(depth, torch.tensor(list(index), dtype=torch.long))
    if depth == 0:
        return [value[i] for i in index]
    return [pick(v, depth - 1, index) for v in value]


def same(a: Any, b: Any) -> bool:
    """Bit-equal, NaN equal to NaN, through nested containers."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return (
            isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype == b.dtype and a.shape == b.shape
            and bool(torch.all((a == b) | ((a != a) & (b != b))))
        )  # fmt: skip
    if isinstance(a, torch.Generator):
        return True
    if dataclasses.is_dataclass(a) and not isinstance(a, type):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return a == b


def duplicate(value: Any) -> Any:
    """A copy that shares nothing with the original; generators stay, they are replaced per call."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, torch.Generator):
        return value
    if isinstance(value, dict):
        return {k: duplicate(v) for k, v in value.items()}
    return copy.deepcopy(value)


def literal(value: Any, seed: int = 0) -> str:
    """Python text of a value, tensors as ``torch.tensor(...)``."""
    if isinstance(value, Tensor):
        dtype = "" if value.dtype in (torch.bool, torch.long, torch.float32) else f", dtype={value.dtype}"
        text = repr(_numbers(value.detach())).replace("nan", 'float("nan")').replace("inf", 'float("inf")')
        return f"torch.tensor({text}{dtype})"
    if isinstance(value, torch.Generator):
        return f"torch.Generator().manual_seed({seed})"
    return repr(value)


def _numbers(value: Tensor) -> Any:
    """Shortest numbers: a float that has few digits in its own precision is shown with few."""
    items = value.tolist()
    if not value.is_floating_point() or value.dtype == torch.float64:
        return items
    return _walk(items, lambda v: float(f"{v:.9g}"))


def _walk(value: Any, change: Any) -> Any:
    return [_walk(v, change) for v in value] if isinstance(value, list) else change(value)


def plain(value: Any, seed: int = 0) -> Any:
    """Plain data for JSON; non-finite numbers as text."""
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return literal(value, seed)
