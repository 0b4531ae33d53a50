"""What the rewards of a recipe return, as one table: a column per component, a status and a reason per value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import registry
from guerdon.component import Component, build
from guerdon.errors import GuerdonError, MethodError, NumericsError
from guerdon.frame import Frame
from guerdon.records import Status, Verdict
from guerdon.schedule import Schedule, value_at


@dataclass(frozen=True)
class Reward:
    """One reward component with its weight and the tasks it applies to."""

    component: Component
    weight: float | Schedule
    when: Mapping[str, Any] | None


@dataclass
class Scores:
    """What the rewards said: one column per component, or per named value of a component."""

    names: list[str]
    values: Tensor
    status: Tensor
    reasons: list[list[str]]


@dataclass(frozen=True)
class _Column:
    name: str
    value: Tensor
    status: Tensor
    reasons: list[str]


def provider_table(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Component]:
    """Every provider by the signal it writes, with hyper-parameters by the provider's name.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.
    """
    table: dict[str, Component] = {}
    names = [c["name"] for c in registry.index().values() if c["stage"] == "provider" and c["kind"] != "head"]
    for name in names:
        component = build(registry.resolve(name), params.get(name, {}), where=f"providers.{name}")
        for written in component.card.writes:
            table.setdefault(written, component)
    for name in params:
        registry.resolve(name, stage="provider", where=f"providers.{name}")
    return table


def score_rows(rewards: Sequence[Reward], frame: Frame) -> tuple[Scores, tuple[float, ...]]:
    """Run every reward on a frame; the scores, and the weight of every column at the frame's step.

    Puts ``aspects``, ``status``, ``reward`` (the first column) and ``is_correct`` (the first verifier gives 1), and
    whatever a reward writes.

    Raises:
        MethodError: a reward returns something else than a value per row.
        NumericsError: a value is infinite, or NaN without being unscored.
    """
    columns: list[_Column] = []
    weights: list[float] = []
    judge: int | None = None
    known = frame.get("group_id", optional=True)
    for reward in rewards:
        component = reward.component
        result = _called(component, frame)
        if component.card.writes:
            result, *extra = result
            for name, value in zip(component.card.writes, extra, strict=True):
                frame.put(name, value)
        judges = judge is None and component.card.stage == "verifier"
        if judges:
            judge = len(columns)
        weight = float(value_at(reward.weight, step=frame.step, total=frame.total))  # type: ignore[arg-type]
        for column in _columns(component, result):
            rows = len(known) if known is not None else len((columns or [column])[0].value)
            if column.value.shape != (rows,):
                raise MethodError(
                    "a reward returns one value per row", where=column.name,
                    seen=f"shape {list(column.value.shape)}", allowed=f"[{rows}]",
                )  # fmt: skip
            columns.append(_where_it_applies(column, reward.when, frame))
            weights.append(weight)
        if judges:
            frame.put("is_correct", columns[-1].value >= 1.0)  # for the rewards that are listed after it
    device = known.device if isinstance(known, Tensor) else columns[0].value.device
    scores = Scores(
        [c.name for c in columns], torch.stack([c.value.to(device) for c in columns], 1),
        torch.stack([c.status.to(device) for c in columns], 1), [c.reasons for c in columns],
    )  # fmt: skip
    _check_finite(scores, frame)
    frame.put("aspects", scores.values)
    frame.put("status", scores.status)
    frame.put("is_correct", scores.values[:, judge or 0] >= 1.0)
    frame.put("reward", scores.values[:, 0])
    return scores, tuple(weights)


def _called(component: Component, frame: Frame) -> Any:
    try:
        return component(frame.gather(component), step=frame.step, total=frame.total)
    except GuerdonError:
        raise
    except Exception as error:
        raise MethodError(
            f"the reward raised {type(error).__name__}: {error}", where=component.label,
            fix="mend it, or return NaN for the items it cannot score; GUERDON_DEBUG=1 shows the traceback",
        ) from error  # fmt: skip


def _columns(component: Component, result: Any) -> Iterator[_Column]:
    label = component.label
    if isinstance(result, Verdict):
        scores = [v if s.counts else torch.nan for v, s in zip(result.score, result.status, strict=True)]
        yield _Column(
            label, torch.tensor(scores, dtype=torch.get_default_dtype()),
            torch.tensor([int(s) for s in result.status]), list(result.reason),
        )  # fmt: skip
    elif isinstance(result, Mapping):
        for name, value in result.items():
            yield _of_tensor(f"{label}.{name}", value)
    else:
        yield _of_tensor(label, result)


def _of_tensor(name: str, value: Any) -> _Column:
    if not isinstance(value, Tensor):
        raise MethodError(
            "a reward returns a Verdict, a tensor per row, or a mapping of named tensors", where=name,
            seen=type(value).__name__,
        )  # fmt: skip
    value = value.detach().to(torch.get_default_dtype())
    bad = torch.isnan(value)
    status = torch.where(bad, int(Status.UNSCORED), int(Status.SCORED))
    return _Column(name, value, status, ["not scored" if b else "" for b in bad.flatten().tolist()])


def _where_it_applies(column: _Column, when: Mapping[str, Any] | None, frame: Frame) -> _Column:
    if when is None:
        return column
    verdicts = []
    for task in frame.get("task"):
        known = {"level": task.domain, "domain": task.domain, **task.fields}
        verdicts.append(all(known.get(k) in (v if isinstance(v, (list, tuple)) else [v]) for k, v in when.items()))
    applies = torch.tensor(verdicts, device=column.value.device)
    return _Column(
        column.name, torch.where(applies, column.value, torch.nan),
        torch.where(applies, column.status, int(Status.SKIPPED)),
        [why if yes else "does not apply" for why, yes in zip(column.reasons, verdicts, strict=True)],
    )  # fmt: skip


def _check_finite(scores: Scores, frame: Frame) -> None:
    bad = torch.isinf(scores.values)
    counted = (scores.status == int(Status.SCORED)) | (scores.status == int(Status.FAILED))
    bad |= counted & torch.isnan(scores.values)
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        tasks = frame.get("task", optional=True)
        raise NumericsError(
            "a reward is not finite", where=f"reward {scores.names[column]}",
            seen=f"{scores.values[row, column].item()} for task {tasks[row].id if tasks else row}",
            fix="return NaN only for items that could not be scored, and never infinity",
        )  # fmt: skip
