"""Valid random values for every signal of the vocabulary, consistent with each other.

A :class:`World` draws a signal once; what is derived from another (lengths from the mask, step ends from step ids,
sample indices from group ids) is derived, so any set of signals drawn from one world fits together. Each signal has
its own stream, so a value does not depend on which others were asked for.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.conformance.draws import KINDS, SPECIAL
from guerdon.errors import MethodError
from guerdon.signals import AXES, SIGNALS, Signal, signal

_SPEC = re.compile(r"""(Float|Int|Integer|Bool|Num|Shaped|Real)\[\s*Tensor\s*,\s*["']([^"']*)["']\s*\]""")


@dataclass(frozen=True)
class Sizes:
    """Length of every axis; the defaults are all different, so a shape tells its axes.

    Example:
        >>> Sizes().of("batch"), Sizes().of("class")
        (9, 14)
    """

    batch: int = 9
    time: int = 7
    step: int = 3
    vocab: int = 29
    hidden: int = 11
    aspect: int = 2
    member: int = 4
    pair: int = 6
    item: int = 5
    klass: int = 14
    choice: int = 8
    answer: int = 10
    agent: int = 12
    action: int = 13
    group: int = 4

    def of(self, axis: str) -> int:
        """Length of the named axis."""
        return self._table()[axis]

    def axes_of(self, shape: tuple[int, ...]) -> tuple[str, ...] | None:
        """Axes of a shape under these sizes, None where a length belongs to no axis or to several."""
        names = []
        for length in shape:
            found = [axis for axis in AXES if axis != "group" and self.of(axis) == length]
            if len(found) != 1:
                return None
            names.append(found[0])
        return tuple(names)

    def _table(self) -> dict[str, int]:
        return {axis: vars(self)["klass" if axis == "class" else axis] for axis in AXES}


SMALL = Sizes(batch=3, time=2, step=1, vocab=5, hidden=2, aspect=2, member=2, pair=2, item=2, klass=3, choice=2,
              answer=2, agent=2, action=2, group=2)  # fmt: skip


def specs(annotation: str) -> list[tuple[str, tuple[str, ...]]]:
    """Tensor types written in an annotation: kind and axes of each, in order.

    Example:
        >>> specs('tuple[Float[Tensor, "batch time"], Bool[Tensor, " batch"]]')
        [('Float', ('batch', 'time')), ('Bool', ('batch',))]
    """
    return [(kind, tuple(axes.split())) for kind, axes in _SPEC.findall(annotation)]


def axes_for(name: str, annotation: str, *, turn: int = 0) -> tuple[str, ...]:
    """Axes to draw a signal with: annotated ones the vocabulary allows, in turn, else its first alternative.

    Raises:
        MethodError: the annotation names known axes that the vocabulary does not allow for the signal.
    """
    allowed = signal(name).axes
    written = [axes for _, axes in specs(annotation)]
    fitting = [axes for axes in written if axes in allowed]
    if fitting:
        return fitting[turn % len(fitting)]
    for axes in written:
        if axes and all(a in AXES for a in axes):
            raise MethodError(
                f"signal {name!r} has no such axes", where="annotation", seen=" ".join(axes), allowed=signal(name).shape
            )
    return allowed[0]


@dataclass
class World:
    """One consistent set of random signals, drawn on request.

    Args:
        sizes: length of each axis.
        rng: source of the world's seed; drawn from once.
        dtype: of floating signals.
        unscored: leave about a quarter of the rewards NaN.
        alone: let some groups have a single row.
    """

    sizes: Sizes
    rng: torch.Generator
    dtype: torch.dtype = torch.float64
    unscored: bool = False
    alone: bool = True
    _memo: dict[tuple[str, tuple[str, ...]], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seed = int(torch.randint(2**31 - 1, (1,), generator=self.rng))

    def value(self, name: str, axes: tuple[str, ...] | None = None, annotation: str = "") -> Any:
        """A signal's value; ``annotation`` decides between alternatives of axes and dtype.

        Example:
            >>> world = World(Sizes(batch=2, time=3), torch.Generator().manual_seed(0))
            >>> tuple(world.value("logp").shape), bool((world.value("logp") < 0).all())
            ((2, 3), True)
        """
        known = signal(name)
        chosen = axes if axes is not None else axes_for(name, annotation)
        key = (name, chosen)
        if key not in self._memo:
            self._memo[key] = self._draw(known, chosen)
        return _cast(self._memo[key], annotation, self.dtype)

    def _draw(self, known: Signal, axes: tuple[str, ...]) -> Any:
        shape = tuple(self.sizes.of(a) for a in axes)
        g = torch.Generator().manual_seed(self._seed ^ zlib.crc32(f"{known.name} {axes}".encode()))
        special = SPECIAL.get(known.name)
        if special is not None:
            return special(self, g, shape)
        if known.base != known.name and known.values == "logp":
            near = self.value(known.base, axes) + 0.3 * self.normal(g, shape)
            return near.clamp_max(-1e-3)
        return KINDS[known.values](self, g, shape)

    def normal(self, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        """Standard normal numbers in the world's dtype, the same in every dtype."""
        return torch.randn(shape, generator=g, dtype=torch.float64).to(self.dtype)

    def unit(self, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        """Numbers between 0.05 and 0.95 in the world's dtype."""
        return (0.05 + 0.9 * torch.rand(shape, generator=g, dtype=torch.float64)).to(self.dtype)


def _cast(value: Any, annotation: str, dtype: torch.dtype) -> Any:
    if not isinstance(value, Tensor):
        return value
    plain = annotation.split("|")[0].strip()
    if value.ndim == 0 and plain in ("float", "int", "bool"):
        return {"float": float, "int": int, "bool": bool}[plain](value)
    if plain.startswith(("Sequence[", "list[", "tuple[")):
        return value.tolist()
    kind = annotation.split("[")[0]
    if kind == "Float" and not value.is_floating_point():
        return value.to(dtype)
    if kind in ("Int", "Integer") and value.dtype != torch.long:
        return value.round().long() if value.is_floating_point() else value.long()
    if kind == "Bool" and value.dtype != torch.bool:
        return value > 0.5 if value.is_floating_point() else value > 0
    return value


_UNKNOWN = {s.values for s in SIGNALS.values()} - set(KINDS)
if _UNKNOWN:  # a new kind of values in the vocabulary must get its generator here
    raise MethodError("signals with no generator of values", where=__name__, seen=sorted(_UNKNOWN), allowed=[*KINDS])
