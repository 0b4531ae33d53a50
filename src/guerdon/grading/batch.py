"""A batch of rows through every reward: values from their cells, a frame per reward, one graded row per row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from guerdon.component import Component
from guerdon.errors import DataError, MethodError, NumericsError
from guerdon.frame import Frame
from guerdon.grading.cells import collate
from guerdon.grading.request import Part
from guerdon.records import Status, Task
from guerdon.runtime.seeds import generator
from guerdon.scoring import Reward, Scores, score_rows
from guerdon.shaping.weighted_sum import weighted_sum


@dataclass(frozen=True)
class Item:
    """One row as read: its number from 1, its place, and the row or what is wrong with it."""

    number: int
    place: str
    row: Mapping[str, Any] | DataError


@dataclass(frozen=True)
class Graded:
    """One row with its score. ``error`` is set for a row that could not be read; it is unscored as well.

    ``aspects``, ``states`` and ``reasons`` hold the value, status and reason of every single reward.
    """

    id: str
    place: str
    score: float
    status: Status
    reason: str
    aspects: Mapping[str, float] = field(default_factory=dict)
    states: Mapping[str, Status] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    error: DataError | None = None


@dataclass(frozen=True)
class Plan:
    """One reward with the column of every signal it reads from the row."""

    part: Part
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One row whose cells fit: by signal and column."""

    item: Item
    id: str
    cells: Mapping[tuple[str, str], Any]
    group: str


def grade_rows(plans: Sequence[Plan], rows: Sequence[Row]) -> list[Graded]:
    """One graded row per row, in order, from every reward and their weighted sum."""
    if not rows:
        return []
    columns: list[Scores] = []
    weights: list[float] = []
    carried: dict[str, Any] = {}
    for plan in plans:
        found = _scores(plan, rows, carried)
        columns.append(found)
        weights += [plan.part.weight] * len(found.names)
    names = [n for c in columns for n in c.names]
    table = _decimal(torch.cat([c.values for c in columns], 1))
    states = torch.cat([c.status for c in columns], 1)
    reasons = [r for c in columns for r in c.reasons]
    values = torch.tensor(table, dtype=torch.float64)
    total = weighted_sum(values, states, weights=tuple(weights)).tolist()
    return [
        _graded(row, names, table[i], states[i], [r[i] for r in reasons], total[i], weights)
        for i, row in enumerate(rows)
    ]


def _decimal(values: Tensor) -> list[list[float]]:
    """Numbers as their shortest decimals: 0.1 in single precision is 0.1, not 0.10000000149."""
    return [[float(str(v)) for v in row] for row in values.numpy()]


def _scores(plan: Plan, rows: Sequence[Row], carried: dict[str, Any]) -> Scores:
    component = plan.part.component
    try:
        frame = _frame(plan, rows, carried)
        scores, _ = score_rows([Reward(component, plan.part.weight, None)], frame)
    except (MethodError, NumericsError, DataError) as error:
        if component.method.stateful or carried.keys() & {i.name for i in component.card.inputs}:
            raise
        return _apart(plan, rows, error)
    for name in component.card.writes:
        carried[name] = frame.get(name)
    if component.card.stage == "verifier" and "is_correct" not in carried:
        carried["is_correct"] = frame.get("is_correct")
    return scores


def _apart(plan: Plan, rows: Sequence[Row], error: Exception) -> Scores:
    """A batch that a reward cannot take is cut until the rows at fault are alone: those are unscored."""
    if len(rows) == 1 or plan.part.component.card.scope != "row":
        reason = str(error).partition("\n")[0]
        unscored = torch.full((len(rows), 1), int(Status.UNSCORED))
        return Scores([plan.part.label], torch.full((len(rows), 1), math.nan), unscored, [[reason] * len(rows)])
    half = len(rows) // 2
    halves = [_scores(plan, part, {}) for part in (rows[:half], rows[half:])]
    label = plan.part.label
    names = list(dict.fromkeys(n for h in halves for n in h.names if n != label)) or [label]
    return _stacked([_named(h, names, label) for h in halves], names)


def _frame(plan: Plan, rows: Sequence[Row], carried: Mapping[str, Any]) -> Frame:
    component = plan.part.component
    values: dict[str, Any] = {n: v for n, v in carried.items() if n not in plan.sources}
    for name, path in plan.sources.items():
        values[name] = collate(name, [r.cells[name, path] for r in rows])
    ragged = [n for n, v in values.items() if isinstance(v, Tensor) and v.ndim == 2 and n != "mask"]
    if "mask" not in values and ragged:
        sizes = torch.tensor([len(r.cells[ragged[0], plan.sources[ragged[0]]]) for r in rows])
        values["mask"] = torch.arange(int(sizes.max())) < sizes[:, None]
    groups = {g: i for i, g in enumerate(dict.fromkeys(r.group for r in rows))}
    values["group_id"] = torch.tensor([groups[r.group] for r in rows])
    wanted = _wanted(component, plan.part.providers)
    if "task" in wanted:
        values["task"] = [_task(r, values.get("task", [None] * len(rows))[i], plan) for i, r in enumerate(rows)]
    if "rng" in wanted:
        values["rng"] = generator(0, "score", plan.part.label, rows[0].item.number)
    return Frame(values, plan.part.providers)


def _wanted(component: Component, providers: Mapping[str, Component]) -> set[str]:
    names = {i.name for i in component.card.inputs}
    return names | {i.name for n in names if n in providers for i in providers[n].card.inputs}


def _task(row: Row, given: Any, plan: Plan) -> Task:
    """The task of a row: the record itself, or one whose fields are the row, or the object a column holds."""
    whole: Mapping[str, Any] = row.item.row  # type: ignore[assignment]
    own = whole.get("task")
    if isinstance(given, Task) or (given is None and isinstance(own, Task)):
        return given or own  # type: ignore[return-value]
    prompt, gold = (row.cells.get((n, plan.sources.get(n, ""))) for n in ("prompt", "gold"))
    return Task(row.id, prompt or "", gold, domain=str(whole.get("domain") or ""), fields=given or whole)


def _graded(
    row: Row, names: Sequence[str], values: Sequence[float], states: Tensor, reasons: Sequence[str], total: float,
    weights: Sequence[float],
) -> Graded:  # fmt: skip
    status = {n: Status(s) for n, s in zip(names, states.tolist(), strict=True)}
    counted = [n for n, w in zip(names, weights, strict=True) if w] or list(names)
    if math.isnan(total):
        overall = Status.UNSCORED
    else:
        overall = Status.FAILED if any(status[n] is Status.FAILED for n in counted) else Status.SCORED
    said = {n: r for n, r in zip(names, reasons, strict=True) if r}
    why = [f"{n}: {r}" if len(names) > 1 else r for n, r in said.items()]
    aspects = dict(zip(names, values, strict=True))
    return Graded(row.id, row.item.place, total, overall, "; ".join(why), aspects, status, said)


def _named(scores: Scores, names: Sequence[str], label: str) -> Scores:
    """Scores under all the names; a row whose reward raised has no named values, so its one reason stands for each."""
    if scores.names == list(names):
        return scores
    if len(scores.names) == 1 and scores.names[0] == label:
        n = len(names)
        return Scores(list(names), scores.values.repeat(1, n), scores.status.repeat(1, n), scores.reasons * n)
    raise MethodError("a reward returns the same named values for every row", where=label, seen=scores.names,
                      allowed=list(names))  # fmt: skip


def _stacked(halves: Sequence[Scores], names: Sequence[str]) -> Scores:
    first, second = halves
    return replace(
        first, names=list(names), values=torch.cat([first.values, second.values]),
        status=torch.cat([first.status, second.status]),
        reasons=[a + b for a, b in zip(first.reasons, second.reasons, strict=True)],
    )  # fmt: skip
