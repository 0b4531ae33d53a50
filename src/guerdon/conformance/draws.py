"""How each kind of signal is drawn, and what single signals need beyond their kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from guerdon.records.model import Status, Task, ToolCall, Turn

if TYPE_CHECKING:
    from guerdon.conformance.values import World

_WORDS = ("so", "add", "then", "7", "the", "sum", "is", "wait", "check", "12", "because", "left", "x", "2")


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
    value = w.normal(g, shape)
    if w.unscored:
        value[torch.rand(shape, generator=g) < 0.25] = float("nan")
    return value


def _pass_rate(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    ids, right = w.value("group_id"), w.value("is_correct").to(w.dtype)
    same = (ids[:, None] == ids[None, :]).to(w.dtype)
    return (same @ right) / same.sum(1)


def _preference_matrix(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """NaN on itself and where the group has no such member, as the vocabulary says."""
    value = w.unit(g, shape)
    ids, own = w.value("group_id"), w.value("sample_index")
    size = (ids[:, None] == ids[None, :]).sum(1)
    column = torch.arange(shape[1])[None, :]
    return value.masked_fill((column == own[:, None]) | (column >= size[:, None]), float("nan"))


def _advantage(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.where(w.value("mask"), w.normal(g, shape), torch.zeros((), dtype=w.dtype))


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


# so that a method that reads a field of the task is checked with one
_FIELDS: dict[str, Any] = {
    "unsolved": {"search": ["found"]}, "constraints": [{"name": "words", "max": 6}], "schema": {"type": "integer"},
    "keywords": ["sum", "so"], "phrase": "the sum", "words": 4, "keypoints": [[["sum", "check"]], [["so"], ["then"]]],
    "tests": {"entry": "f", "file": "assert f(2) == 4",
              "cases": [{"args": [2], "expected": 4, "stdin": "2", "stdout": "4"}]},
    "checks": [{"name": "words", "max": 6, "weight": 0.5}, {"name": "words", "min": 4, "weight": 0.5}],
}  # fmt: skip


def _task(w: World, g: torch.Generator, shape: tuple[int, ...]) -> list[Task]:
    rows = zip(w.value("prompt"), w.value("gold"), strict=True)
    return [Task(id=f"t{i}", prompt=p, gold=a, domain="sums", fields=dict(_FIELDS)) for i, (p, a) in enumerate(rows)]


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
    return w.normal(g, shape).cumsum(0)


def _label(w: World, g: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.randint(2, shape, generator=g).to(w.dtype)


def _scaled(factor: float) -> Callable[[World, torch.Generator, tuple[int, ...]], Tensor]:
    return lambda w, g, shape: factor * w.normal(g, shape)


def _integers(low: int, high: int) -> Callable[[World, torch.Generator, tuple[int, ...]], Tensor]:
    return lambda w, g, shape: torch.randint(low, high, shape, generator=g)


KINDS: dict[str, Callable[[World, torch.Generator, tuple[int, ...]], Any]] = {
    "normal": lambda w, g, shape: w.normal(g, shape),
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
    "unit": lambda w, g, shape: w.unit(g, shape),
    "positive": lambda w, g, shape: 0.1 + 2.0 * w.unit(g, shape),
    "negative": lambda w, g, shape: -0.1 - w.unit(g, shape),
    "count": _integers(1, 20),
    "status": _status,
    "class": _integers(0, 3),
    "logp": lambda w, g, shape: -0.05 - w.normal(g, shape).abs(),
    "simplex": lambda w, g, shape: 0.8 * w.normal(g, shape).softmax(-1),
}
SPECIAL: dict[str, Callable[[World, torch.Generator, tuple[int, ...]], Any]] = {
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
                                   else w.normal(g, shape)),
    "action_prob": lambda w, g, shape: w.normal(g, shape).softmax(-1),
    "env_score": lambda w, g, shape: w.unit(g, shape).cumsum(1),
    "entropy_windows": lambda w, g, shape: torch.randint(1, 9, shape, generator=g).to(w.dtype),
    "log_ratio": _scaled(0.3), "last": _scaled(1.0), "history": _history, "label": _label,
    "plan_mask": lambda w, g, shape: torch.rand(shape, generator=g) < 0.5,
    "class_count": _integers(1, 50),
    "hidden_rank": lambda w, g, shape: w.normal(g, (shape[0], 3)),  # rank, velocity and acceleration
}  # fmt: skip
