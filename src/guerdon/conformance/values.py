"""Valid random values for every signal of the vocabulary, consistent with each other.

A :class:`World` draws a signal once; what is derived from another (lengths from the mask, step ends from step ids,
sample indices from group ids) is derived, so any set of signals drawn from one world fits together. Each signal has
its own stream, so a value does not depend on which others were asked for.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import MethodError
from guerdon.records.model import Status, Task, ToolCall, Turn
from guerdon.signals import AXES, SIGNALS, Signal, signal

_SPEC = re.compile(r"""(Float|Int|Integer|Bool|Num|Shaped|Real)\[\s*Tensor\s*,\s*["']([^"']*)["']\s*\]""")
_WORDS = ("so", "add", "then", "7", "the", "sum", "is", "wait", "check", "12", "because", "left", "x", "2")


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
        special = _SPECIAL.get(known.name)
        if special is not None:
            return special(self, g, shape)
        if known.base != known.name and known.values == "logp":
            near = self.value(known.base, axes) + 0.3 * self._normal(g, shape)
            return near.clamp_max(-1e-3)
        return _KINDS[known.values](self, g, shape)

    def _normal(self, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64).to(self.dtype)

    def _unit(self, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
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


def _ragged(g: torch.Generator, rows: int, width: int) -> Tensor:
    """Lengths from 0 to the width; the first row is full, and with four rows or more one is empty."""
    lengths = torch.randint(1, width + 1, (rows,), generator=g)
    lengths[0] = width
    if rows >= 4:
        lengths[int(torch.randint(1, rows, (1,), generator=g))] = 0
    return torch.arange(width)[None, :] < lengths[:, None]


def _mask(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    rows, width = shape[0], shape[-1]
    if len(shape) == 1:
        keep = torch.rand(shape, generator=g) < 0.8
        keep[0] = True
        return keep
    mask = _ragged(g, rows, width)
    if width > 3:
        # words of a tool or a user inside the row are no decisions of the policy
        hole = torch.rand(rows, generator=g) < 0.3
        mask[hole, 1] = False
    return mask


def _group(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    rows = shape[0]
    cycle = (2, 3, 1, 4) if w.alone else (2, 3, 4)
    count = [min(cycle[i % len(cycle)], w.sizes.group) for i in range(rows)]
    ids = torch.cat([torch.full((n,), 10 * i + 3) for i, n in enumerate(count)])[:rows]
    if not w.alone and rows > 1 and int((ids == ids[-1]).sum()) == 1:
        ids[-1] = ids[-2]
    return ids[torch.randperm(rows, generator=g)]


def _sample_index(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids = w.value("group_id").tolist()
    return torch.tensor([ids[:i].count(v) for i, v in enumerate(ids)])


def _step_id(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """Contiguous, equal-sized steps over the valid decisions of each row, -1 elsewhere."""
    mask = w.value("mask")
    order = mask.long().cumsum(1) - 1
    per_step = -(-mask.shape[1] // w.sizes.step)
    return torch.where(mask, order // per_step, torch.full_like(order, -1))


def _step_mask(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids = w.value("step_id")
    return (ids[:, :, None] == torch.arange(w.sizes.step)).any(1)


def _step_end(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids = w.value("step_id")
    at = torch.arange(ids.shape[1])[None, :, None] * (ids[:, :, None] == torch.arange(w.sizes.step))
    return at.amax(1)


def _turn_of_step(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.randint(2, shape, generator=g).cumsum(1)


def _last(w: World, g: torch.Generator, shape: tuple[int, ...], share: float) -> Tensor:
    mask = w.value("mask")
    last = mask & (mask.long().flip(1).cumsum(1).flip(1) == 1)
    return last & (torch.rand((shape[0], 1), generator=g) < share)


def _terminated(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return _last(w, g, shape, 0.7)


def _truncated(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return _last(w, g, shape, 1.0) & ~w.value("terminated")


def _think_end(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    length = w.value("length")
    return (torch.rand(shape, generator=g) * (length + 1)).long() - 1


def _partner(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids = w.value("group_id").tolist()
    first = {v: ids.index(v) for v in ids}
    return torch.tensor([first[v] for v in ids])


def _twin(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids = w.value("group_id")
    known = torch.unique(ids)
    twin = {int(a): int(b) for a, b in zip(known, known.roll(1), strict=True)}
    return torch.tensor([twin[int(i)] if twin[int(i)] != int(i) else -1 for i in ids])


def _reward(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    value = w._normal(g, shape)
    if w.unscored:
        value[torch.rand(shape, generator=g) < 0.25] = float("nan")
    return value


def _pass_rate(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids, right = w.value("group_id"), w.value("is_correct").to(w.dtype)
    same = (ids[:, None] == ids[None, :]).to(w.dtype)
    return (same @ right) / same.sum(1)


def _preference_matrix(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """NaN on itself and where the group has no such member, as the vocabulary says."""
    value = w._unit(g, shape)
    ids, own = w.value("group_id"), w.value("sample_index")
    size = (ids[:, None] == ids[None, :]).sum(1)
    column = torch.arange(shape[1])[None, :]
    return value.masked_fill((column == own[:, None]) | (column >= size[:, None]), float("nan"))


def _advantage(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.where(w.value("mask"), w._normal(g, shape), torch.zeros((), dtype=w.dtype))


def _padded_ids(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    value = torch.randint(w.sizes.vocab, shape, generator=g)
    length = torch.randint(1, shape[-1] + 1, (*shape[:-1], 1), generator=g)
    return value.masked_fill(torch.arange(shape[-1]) >= length, -1)


def _status(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    value = (torch.rand(shape, generator=g) < 0.25).long() * int(Status.FAILED)
    if w.unscored and len(shape) == 1:
        value = torch.where(torch.isnan(w.value("reward")), int(Status.UNSCORED), value)
    return value


def _sentence(g: torch.Generator, count: int) -> str:
    return " ".join(_WORDS[int(i)] for i in torch.randint(len(_WORDS), (count,), generator=g))


def _nested(shape: tuple[int, ...], make: Callable[[], Any]) -> Any:
    return make() if not shape else [_nested(shape[1:], make) for _ in range(shape[0])]


def _text(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Any:
    return _nested(shape, lambda: _sentence(g, 3 if len(shape) == 1 else 1))


def _gold(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[str]:
    return [str(int(i)) for i in torch.randint(2, 60, shape, generator=g)]


def _answer(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[str]:
    right = torch.rand(shape, generator=g) < 0.5
    return [gold if bool(ok) else str(int(gold) + 1) for gold, ok in zip(w.value("gold"), right, strict=True)]


def _completion(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[str]:
    frames = ("<think>{t}</think><answer>{a}</answer>", "{t} so \\boxed{{{a}}}", "{t}. The answer is {a}.", "{t}")
    picks = torch.randint(len(frames), shape, generator=g).tolist()
    return [frames[p].format(t=_sentence(g, 4), a=a) for p, a in zip(picks, w.value("answer"), strict=True)]


def _choice_of(*words: str) -> Callable[[World, torch.Generator, tuple[int, ...]], list[str]]:
    return lambda w, g, shape: [words[int(i)] for i in torch.randint(len(words), shape, generator=g)]


def _task(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[Task]:
    rows = zip(w.value("prompt"), w.value("gold"), strict=True)
    return [Task(id=f"t{i}", prompt=p, gold=a, domain="sums") for i, (p, a) in enumerate(rows)]


def _calls(g: torch.Generator) -> tuple[ToolCall, ...]:
    count = int(torch.randint(3, (1,), generator=g))
    picks = torch.randint(2, (count,), generator=g).tolist()
    return tuple(ToolCall("search", {"query": _sentence(g, 2)}, turn=1, output="found", ok=bool(p)) for p in picks)


def _turns(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[tuple[Turn, ...]]:
    lengths = w.value("mask").long().sum(1).tolist()
    return [
        (Turn("user", p), Turn("assistant", c, 0, n))
        for p, c, n in zip(w.value("prompt"), w.value("completion"), lengths, strict=True)
    ]


def _record(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Any:
    def info() -> dict[str, Any]:
        measured = float(torch.rand((), generator=g))
        return {"measured": measured, "limit": 0.5, "violation": measured > 0.5, "hard_violation": measured > 0.9}

    return _nested(shape, info)


def _history(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return w._normal(g, shape).cumsum(0)


def _label(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.randint(2, shape, generator=g).to(w.dtype)


def _scaled(factor: float) -> Callable[[World, torch.Generator, tuple[int, ...]], Tensor]:
    return lambda w, g, shape: factor * w._normal(g, shape)


def _integers(low: int, high: int) -> Callable[[World, torch.Generator, tuple[int, ...]], Tensor]:
    return lambda w, g, shape: torch.randint(low, high, shape, generator=g)


_KINDS: dict[str, Callable[[World, torch.Generator, tuple[int, ...]], Any]] = {
    "normal": lambda w, g, shape: w._normal(g, shape),
    "index": _integers(0, 4),
    "bool": lambda w, g, shape: torch.rand(shape, generator=g) < 0.5,
    "text": _text,
    "record": _record,
    "enum": _integers(0, 4),
    "rng": lambda w, g, shape: g,
    "group": _group,
    "token": lambda w, g, shape: torch.randint(w.sizes.vocab, shape, generator=g),
    "mask": _mask,
    "length": lambda w, g, shape: w.value("mask").long().sum(1),
    "sample_index": _sample_index,
    "step_id": _step_id,
    "step_end": _step_end,
    "unit": lambda w, g, shape: w._unit(g, shape),
    "positive": lambda w, g, shape: 0.1 + 2.0 * w._unit(g, shape),
    "negative": lambda w, g, shape: -0.1 - w._unit(g, shape),
    "count": _integers(1, 20),
    "status": _status,
    "class": _integers(0, 3),
    "logp": lambda w, g, shape: -0.05 - w._normal(g, shape).abs(),
    "simplex": lambda w, g, shape: 0.8 * w._normal(g, shape).softmax(-1),
}
_SPECIAL: dict[str, Callable[[World, torch.Generator, tuple[int, ...]], Any]] = {
    "step_mask": _step_mask, "turn_of_step": _turn_of_step, "terminated": _terminated, "truncated": _truncated,
    "think_end": _think_end, "opponent_id": _partner, "variant_of": _partner, "twin_id": _twin, "reward": _reward,
    "pass_rate": _pass_rate, "preference_matrix": _preference_matrix, "advantage": _advantage,
    "reference_tokens": _padded_ids, "answer_id": _integers(-1, 3), "judge_label": _integers(-1, 3),
    "gold": _gold, "answer": _answer, "completion": _completion, "task": _task, "turns": _turns,
    "source": _choice_of("base", "hot", "replay", "demo"), "variant": _choice_of("key", "padding", "swapped"),
    "tool_calls": lambda w, g, shape: [_calls(g) for _ in range(shape[0])],
    "pair_index": lambda w, g, shape: torch.arange(shape[0]),
    "chosen_length": lambda w, g, shape: w.value("chosen_mask").long().sum(1),
    "rejected_length": lambda w, g, shape: w.value("rejected_mask").long().sum(1),
    "episode_id": lambda w, g, shape: (torch.rand(shape, generator=g) < 0.2).long().cumsum(1),
    "action": lambda w, g, shape: (torch.randint(w.sizes.action, shape, generator=g) if len(shape) == 2
                                   else w._normal(g, shape)),
    "action_prob": lambda w, g, shape: w._normal(g, shape).softmax(-1),
    "env_score": lambda w, g, shape: w._unit(g, shape).cumsum(1),
    "entropy_windows": lambda w, g, shape: torch.randint(1, 9, shape, generator=g).to(w.dtype),
    "log_ratio": _scaled(0.3), "last": _scaled(1.0), "history": _history, "label": _label,
    "plan_mask": lambda w, g, shape: torch.rand(shape, generator=g) < 0.5,
    "class_count": _integers(1, 50),
}  # fmt: skip

_UNKNOWN = {s.values for s in SIGNALS.values()} - set(_KINDS)
if _UNKNOWN:  # a new kind of values in the vocabulary must get its generator here
    raise MethodError("signals with no generator of values", where=__name__, seen=sorted(_UNKNOWN), allowed=[*_KINDS])
