"""The objective list of a recipe as one loss: weights and masks multiply, token losses and penalties add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.component import Component
from guerdon.errors import MethodError
from guerdon.frame import Frame
from guerdon.objectives.aggregate import aggregate_weights
from guerdon.ops.masked import masked_mean, zeroed
from guerdon.recipe import Aggregate
from guerdon.schedule import Schedule, value_at


@dataclass(frozen=True)
class Term:
    """One entry of the objective list."""

    component: Component
    weight: float | Schedule
    aggregate: Aggregate
    rows: tuple[str, ...] | None
    on: tuple[str, ...] | None
    advantages: tuple[Component, ...] = ()

    @property
    def role(self) -> str:
        """The role on the method's card."""
        return self.component.card.role or "token_loss"

    @property
    def label(self) -> str:
        """Its name in logs, unique in the recipe."""
        return self.component.label

    @property
    def steers(self) -> bool:
        """Whether it controls the next rollout instead of this update."""
        return self.role == "coefficient" and "temperature" in self.component.card.writes

    @property
    def whole_batch(self) -> bool:
        """Whether it takes statistics (or random numbers) over the whole optimiser batch."""
        card = self.component.card
        return card.scope == "update_batch" or self.role == "penalty" or any(i.name == "rng" for i in card.inputs)

    def takes(self, factor: Term) -> bool:
        """Whether a weight or mask acts on this loss: on the policy's own losses, unless it names others in ``on``."""
        if factor.on is not None:
            return self.label in factor.on
        return any(i.name == "advantage" for i in self.component.card.inputs)


@dataclass
class Loss:
    """A loss with what is logged about it."""

    total: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


def term_weights(
    terms: Sequence[Term], values: Mapping[str, Any], frame: Callable[[Mapping[str, Any]], Frame]
) -> dict[str, Tensor]:
    """Aggregation weights of every loss, fixed by the mask of the whole optimiser batch.

    Under the label of a loss the weights ``[batch, time]``, under :func:`per_row` of it those ``[batch]`` of a loss
    that is one number per row.

    Raises:
        MethodError: a loss is limited to some sources and the rows do not say theirs.
    """
    mask, source = values["mask"], values.get("source")
    cache: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}
    out = {}
    for term in terms:
        if term.role != "token_loss":
            continue
        a = term.aggregate
        spec = (a.use, a.length, a.eps, a.rows, a.class_id, term.rows)
        if spec not in cache:
            kept = mask
            if term.rows is not None:
                if source is None:
                    raise MethodError(
                        "rows are chosen by their source, which this engine does not give", where=term.label,
                        seen=list(term.rows), fix="leave rows: out",
                    )  # fmt: skip
                kept = mask & torch.tensor([s in term.rows for s in source], device=mask.device)[:, None]
            classes = frame(values).get(a.class_id) if a.use == "class_mean" else None
            # a loss per row has no decisions to average: only how rows are averaged is left of the choice
            mode = a.use if a.use in ("class_mean", "row_sum") else "sample_mean"
            cache[spec] = (
                aggregate_weights(kept, a.use, length=a.length, eps=a.eps, rows=a.rows, class_id=classes),  # type: ignore[arg-type]
                aggregate_weights(kept.any(1), mode, rows=a.rows, class_id=classes),  # type: ignore[arg-type]
            )
        out[term.label], out[per_row(term.label)] = cache[spec]
    return out


def own_advantage(label: str) -> str:
    """Where the advantage of a term with its own chain is kept."""
    return f"advantage/{label}"


def inputs(term: Term, frame: Frame) -> dict[str, Any]:
    """What a term reads: the signals of the frame, and its own advantage where it has one."""
    found = frame.gather(term.component)
    if term.advantages:
        found["advantage"] = frame.get(own_advantage(term.label))
    return found


def per_row(label: str) -> str:
    """Where :func:`term_weights` keeps the weights of a loss that is one number per row."""
    return f"{label}#rows"


def combine(terms: Sequence[Term], frame: Frame, weights: Mapping[str, Tensor]) -> Loss:
    """Sum of the objective entries over the rows of a frame.

    Args:
        terms: the objective list; a term that reads what another one writes is computed after it.
        frame: update-time signals of some rows.
        weights: aggregation weights of these rows, from :func:`term_weights` of the whole batch.

    Raises:
        MethodError: a weight per decision acts on a loss per row.
    """
    mask = frame.get("mask")
    results: dict[str, Tensor] = {}
    logs: dict[str, Tensor] = {}
    terms = [t for t in terms if frame.started(t.component)]
    for term in _in_order(terms):
        if term.role == "coefficient":
            continue
        result = term.component(inputs(term, frame), step=frame.step, total=frame.total)
        if term.component.card.writes:
            result, *extra = result
            for name, value in zip(term.component.card.writes, extra, strict=True):
                frame.put(name, value)
                if name == "clipped" and term.label in weights:
                    shares = zeroed(value.to(result.dtype), mask) * weights[term.label]
                    logs[f"clip/{term.label}"] = shares.sum().detach()
        results[term.label] = result.detach() if term.role in ("mask", "weight") else result
    factors = [t for t in terms if t.role in ("mask", "weight")]
    total = mask.new_zeros((), dtype=torch.get_default_dtype())
    for term in terms:
        if term.role == "token_loss":
            part = _part(term, results, [f for f in factors if term.takes(f)], mask, weights)
        elif term.role == "penalty":
            part = results[term.label]
        else:
            continue
        scale = float(value_at(term.weight, step=frame.step, total=frame.total))  # type: ignore[arg-type]
        logs[f"loss/{term.label}"] = part.detach()
        total = total + scale * part
    for term in factors:
        value = results[term.label].to(total.dtype)
        logs[f"weight/{term.label}"] = masked_mean(_spread(value, mask), mask)
    logs["loss/total"] = total.detach()
    return Loss(total, logs)


def _part(
    term: Term, results: Mapping[str, Tensor], factors: Sequence[Term], mask: Tensor, weights: Mapping[str, Tensor]
) -> Tensor:
    loss = results[term.label]
    where = mask if loss.ndim == 2 else mask.any(1)
    product = torch.ones((), dtype=loss.dtype, device=loss.device)
    for factor in factors:
        value = results[factor.label].to(loss.dtype)
        if value.ndim > loss.ndim:
            raise MethodError(
                "a weight per decision cannot act on a loss per row", where=factor.label, seen=term.label,
                fix="choose a loss per decision, or name with on: the losses it is meant for",
            )  # fmt: skip
        product = product * (_spread(value, mask) if loss.ndim == 2 else value)
    # zeroed twice, because zero times NaN is NaN and values outside the mask must not matter
    product = zeroed(product.expand_as(where), where)
    return (zeroed(loss, where) * product * weights[term.label if loss.ndim == 2 else per_row(term.label)]).sum()


def _spread(value: Tensor, mask: Tensor) -> Tensor:
    return (value[:, None] if value.ndim == 1 else value).expand_as(mask)


def _in_order(terms: Sequence[Term]) -> list[Term]:
    """Writers before readers, else as listed; the first of a circle goes first."""
    waiting, done = list(terms), []
    while waiting:
        for term in waiting:
            reads = {i.name for i in term.component.card.inputs}
            others = [w for t in waiting if t is not term and t.role != "coefficient" for w in t.component.card.writes]
            if not reads & set(others):
                break
        else:
            term = waiting[0]
        waiting.remove(term)
        done.append(term)
    return done
