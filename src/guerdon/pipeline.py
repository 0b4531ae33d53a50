"""The stages in order: the one file that knows that scores become returns, advantages and a loss.

Rewards -> shaping -> selection -> advantages -> objectives -> aggregate. It computes exactly the signals that the
chosen methods ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon import registry
from guerdon.component import Component, build
from guerdon.errors import MethodError, NumericsError, RecipeError
from guerdon.frame import Frame
from guerdon.objectives.aggregate import AGGREGATES, aggregate_weights
from guerdon.ops.masked import masked_mean, zeroed
from guerdon.recipe import Aggregate, Entry, Recipe
from guerdon.records import Status, Verdict
from guerdon.schedule import Schedule, value_at
from guerdon.signals import SIGNALS


@dataclass(frozen=True)
class Reward:
    """One reward component with its weight and the tasks it applies to."""

    component: Component
    weight: float | Schedule
    when: Mapping[str, Any] | None


@dataclass(frozen=True)
class Term:
    """One entry of the objective list."""

    component: Component
    weight: float | Schedule
    aggregate: Aggregate
    rows: tuple[str, ...] | None
    on: tuple[str, ...] | None

    @property
    def role(self) -> str:
        """The role on the method's card."""
        return self.component.card.role or "token_loss"

    @property
    def whole_batch(self) -> bool:
        """Whether it takes statistics over the whole optimiser batch."""
        return self.component.card.scope == "update_batch" or self.role == "penalty"


@dataclass
class Scores:
    """What the rewards said: one column per component."""

    names: list[str]
    values: Tensor
    status: Tensor
    reasons: list[list[str]]


@dataclass
class Loss:
    """A loss with what is logged about it."""

    total: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


class Pipeline:
    """The components of a recipe, built and checked, with the order of the stages.

    Args:
        recipe: what to build.
        default_reward: reward entries of the task, used when the recipe names none.
        provides: signals the engine computes itself (``logp``, ``entropy``, ``ref_logp``, ...).

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.
        MethodError: a method asks for a signal that nothing provides at that moment.
    """

    def __init__(
        self, recipe: Recipe, *, default_reward: Sequence[Mapping[str, Any]] = (),
        provides: frozenset[str] = frozenset(),
        provider_params: Mapping[str, Mapping[str, Any]] | None = None,
    ):  # fmt: skip
        self.recipe = recipe
        self.provides = provides
        entries = recipe.reward or tuple(Recipe(task=Entry(use="-"), reward=tuple(default_reward)).reward)  # type: ignore[arg-type]
        self.rewards = [Reward(c, e.weight, e.when) for c, e in self._stage("reward", entries)]
        self.shaping = [c for c, _ in self._stage("shaping", recipe.shaping)]
        self.selection = [c for c, _ in self._stage("selection", recipe.selection)]
        self.advantages = [c for c, _ in self._stage("advantage", recipe.advantage)]
        self.aggregate = self._aggregate()
        self.terms = [self._term(c, e) for c, e in self._stage("objective", recipe.objective)]
        if not self.rewards:
            raise RecipeError("the recipe has no reward", where="reward", fix="reward: [{use: answer_equal}]")
        if not self.advantages:
            raise RecipeError("the recipe has no advantage", where="advantage", fix="advantage: grpo")
        self.providers = self._providers({**(provider_params or {}), **recipe.providers})
        if not any("aspects" in {i.name for i in c.card.inputs} for c in self.shaping):
            self.shaping.insert(0, build(registry.resolve("weighted_sum"), {}))
        self._check()

    # building

    def _stage(self, stage: str, entries: Sequence[Entry]) -> list[tuple[Component, Entry]]:
        built = []
        labels: set[str] = set()
        for i, entry in enumerate(entries):
            where = f"{stage}.{i}"
            found = registry.resolve(entry.reference, stage=stage, allow_code=self.recipe.allow_code, where=where)
            component = build(found, entry.params, bind=entry.bind, label=entry.name or "", where=where)  # type: ignore[arg-type]
            base, n = component.label, 2
            while component.label in labels:
                component.label = f"{base}_{n}"
                n += 1
            labels.add(component.label)
            built.append((component, entry))
        return built

    def _aggregate(self) -> Aggregate:
        if self.recipe.aggregate is not None:
            chosen = self.recipe.aggregate
        else:
            named = [
                registry.resolve(e.reference, allow_code=self.recipe.allow_code).preset for e in self.recipe.advantage
            ]
            modes = [p.aggregate for p in named if p is not None and p.aggregate]
            chosen = Aggregate(use=modes[0]) if modes else Aggregate()
        if chosen.use not in AGGREGATES:
            raise RecipeError("unknown aggregate", where="aggregate.use", seen=chosen.use, allowed=AGGREGATES)
        return chosen

    def _term(self, component: Component, entry: Entry) -> Term:
        preset = registry.resolve(entry.reference, allow_code=self.recipe.allow_code).preset
        mode = entry.aggregate or (preset.aggregate if preset else None) or component.card.aggregate
        if mode is not None and mode not in AGGREGATES:
            raise RecipeError("unknown aggregate", where=component.label, seen=mode, allowed=AGGREGATES)
        chosen = Aggregate(use=mode) if mode and mode != self.aggregate.use else self.aggregate
        return Term(component, entry.weight, chosen, entry.rows, entry.on)

    def _providers(self, params: Mapping[str, Mapping[str, Any]]) -> dict[str, Component]:
        table: dict[str, Component] = {}
        index = registry.index().values()
        names = [c["name"] for c in index if c["stage"] == "provider" and c["kind"] != "head"]
        for name in names:
            found = registry.resolve(name)
            component = build(found, params.get(name, {}), where=f"providers.{name}")
            for written in component.card.writes:
                table.setdefault(written, component)
        for name in params:
            registry.resolve(name, stage="provider", where=f"providers.{name}")
        return table

    # what is needed

    def needs(self) -> set[str]:
        """Signals that the engine must provide, followed through the providers."""
        return self._closure([*self.scoring(), *self.shaping, *self.advantages, *self.selection, *self.losses()])

    def needs_before_update(self) -> set[str]:
        """Signals that rewards, shaping, selection and advantages need from the engine."""
        return self._closure([*self.scoring(), *self.shaping, *self.advantages, *self.selection])

    def needs_in_update(self) -> set[str]:
        """Signals that the objectives need from the engine."""
        return self._closure(self.losses())

    def reachable(self) -> list[Component]:
        """The objectives and every provider they lead to."""
        found: dict[str, Component] = {c.label: c for c in self.losses()}
        todo = list(found.values())
        while todo:
            component = todo.pop()
            for item in component.card.inputs:
                provider = self.providers.get(item.name)
                if provider and item.name not in self.provides and not item.optional and provider.label not in found:
                    found[provider.label] = provider
                    todo.append(provider)
        return list(found.values())

    def scoring(self) -> list[Component]:
        """The reward components."""
        return [r.component for r in self.rewards]

    def losses(self) -> list[Component]:
        """The objective components."""
        return [t.component for t in self.terms]

    def written(self) -> set[str]:
        """Signals that chosen components write."""
        chosen = [*self.scoring(), *self.shaping, *self.advantages, *self.selection, *self.losses()]
        fixed = {"advantage", "reward", "aspects", "status", "is_correct"}
        return fixed | {w for c in chosen for w in c.card.writes}

    def _closure(self, components: Sequence[Component]) -> set[str]:
        todo = [(c, i) for c in components for i in c.card.inputs]
        roots: set[str] = set()
        seen: set[str] = set()
        written = self.written()
        while todo:
            component, item = todo.pop()
            name = component.bind.get(item.name, item.name)
            name = name if isinstance(name, str) else item.name
            if item.optional or name in seen or name in written:
                continue
            seen.add(name)
            if name in self.providers and name not in self.provides:
                provider = self.providers[name]
                todo += [(provider, i) for i in provider.card.inputs]
            else:
                roots.add(name)
        return roots

    def _check(self) -> None:
        moments = {"task": 0, "rollout": 1, "reward": 2, "update": 3, "any": 0}
        for stage, components in (("reward", self.scoring()), ("selection", self.selection)):
            for component in components:
                for item in component.card.inputs:
                    if moments[SIGNALS[item.name].moment] > 2 and not item.optional:
                        better = f"old_{item.name}" if f"old_{item.name}" in SIGNALS else "a signal known earlier"
                        raise MethodError(
                            f"a {stage} cannot read {item.name!r}, which is known only in the update",
                            where=component.label, fix=f"ask for {better}",
                        )  # fmt: skip
        missing = self.needs() - self.provides if self.provides else set()
        if missing:
            users = {
                c.label: sorted(missing & self._closure([c]))
                for c in (*self.scoring(), *self.shaping, *self.advantages, *self.selection, *self.losses())
            }
            raise RecipeError(
                "this engine does not provide signals that the recipe needs",
                seen={k: v for k, v in users.items() if v}, fix="choose other methods, or another engine",
            )  # fmt: skip

    def stateful(self) -> dict[str, Component]:
        """Components that remember, by a unique key for checkpoints."""
        staged = {
            "reward": self.scoring(), "shaping": self.shaping, "selection": self.selection,
            "advantage": self.advantages, "objective": self.losses(),
        }  # fmt: skip
        return {f"{s}/{c.label}": c for s, cs in staged.items() for c in cs if c.method.stateful}

    # running

    def frame(self, values: Mapping[str, Any], *, step: int = 0, total: int = 1) -> Frame:
        """A frame over given signals with this recipe's providers."""
        return Frame(values, self.providers, step=step, total=total)

    def score(self, frame: Frame) -> Scores:
        """Run every reward and the shaping; puts ``aspects``, ``status``, ``is_correct`` and ``reward``."""
        columns, states, reasons, names = [], [], [], []
        for reward in self.rewards:
            result = reward.component(frame.gather(reward.component), step=frame.step, total=frame.total)
            for name, value, status, why in _columns(reward.component, result):
                applies = _applies(reward.when, frame)
                if applies is not None:
                    value = torch.where(applies, value, torch.nan)
                    status = torch.where(applies, status, int(Status.SKIPPED))
                columns.append(value)
                states.append(status)
                reasons.append(why)
                names.append(name)
        scores = Scores(names, torch.stack(columns, 1), torch.stack(states, 1), reasons)
        _check_finite(scores, frame)
        frame.put("aspects", scores.values)
        frame.put("status", scores.status)
        frame.put("is_correct", scores.values[:, 0] >= 1.0)
        frame.put("reward", scores.values[:, 0])
        weights = [float(value_at(r.weight, step=frame.step, total=frame.total)) for r in self._expanded(names)]  # type: ignore[arg-type]
        for component in self.shaping:
            chosen = component
            if component.card.name == "weighted_sum":
                given = component.params.get("weights")
                filled = {"weights": tuple(weights) if given is None else given, "names": tuple(names)}
                chosen = Component(component.method, {**component.params, **filled}, component.bind)
            result = chosen(frame.gather(chosen), step=frame.step, total=frame.total)
            per_decision = isinstance(result, Tensor) and result.ndim == 2
            self._put(frame, component, "token_reward" if per_decision else "reward", result)
        return scores

    def _expanded(self, names: Sequence[str]) -> list[Reward]:
        per_label = {r.component.label: r for r in self.rewards}
        return [per_label.get(n) or per_label[n.partition(".")[0]] for n in names]

    def select(self, frame: Frame) -> Tensor:
        """Rows that train, from the selection methods; all rows when there are none."""
        keep = torch.ones(len(frame.get("group_id")), dtype=torch.bool)
        for component in self.selection:
            keep &= component(frame.gather(component), step=frame.step, total=frame.total).cpu()
        return keep

    def advantage(self, frame: Frame) -> Tensor:
        """Run the advantage chain and put ``advantage``."""
        for component in self.advantages:
            result = component(frame.gather(component), step=frame.step, total=frame.total)
            self._put(frame, component, "advantage", result)
        value = frame.get("advantage").detach()
        mask = frame.get("mask")
        if not bool(torch.isfinite(zeroed(value, mask)).all()):
            rows = (~torch.isfinite(zeroed(value, mask))).any(1).nonzero()[:, 0].tolist()
            raise NumericsError(
                "an advantage is not finite", where=self.advantages[-1].label, seen=f"rows {rows[:8]}",
                fix="look at the rewards of these rows; guerdon check " + self.advantages[-1].card.name,
            )  # fmt: skip
        frame.put("advantage", zeroed(value, mask))
        return frame.get("advantage")

    def _put(self, frame: Frame, component: Component, main: str, result: Any) -> None:
        writes = component.card.writes
        if writes:
            result, *extra = result
            for name, value in zip(writes, extra, strict=True):
                frame.put(name, value)
        frame.put(main, result)

    @property
    def whole_batch(self) -> bool:
        """Whether any objective takes statistics over the whole optimiser batch."""
        return any(t.whole_batch for t in self.terms)

    def coefficients(self, frame: Frame) -> dict[str, Any]:
        """Run the controllers once per optimiser step; what they write, by signal."""
        written = {}
        for term in self.terms:
            if term.role == "coefficient":
                result = term.component(frame.gather(term.component), step=frame.step, total=frame.total)
                writes = term.component.card.writes
                if len(writes) > 1 and not isinstance(result, tuple):
                    writes = (str(term.component.params.get("writes", writes[0])),)
                for name, value in zip(writes, result if isinstance(result, tuple) else (result,), strict=True):
                    written[name] = value
                    frame.put(name, value)
        return written

    def term_weights(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Aggregation weights per objective entry, fixed by the mask of the whole optimiser batch."""
        mask, source = values["mask"], values.get("source")
        cache: dict[tuple, Tensor] = {}
        out = {}
        for term in self.terms:
            if term.role not in ("token_loss",):
                continue
            a = term.aggregate
            spec = (a.use, a.length, a.eps, a.rows, a.class_id, term.rows)
            if spec not in cache:
                kept = mask
                if term.rows is not None and source is not None:
                    kept = mask & torch.tensor([s in term.rows for s in source], device=mask.device)[:, None]
                classes = self.frame(values).get(a.class_id) if a.use == "class_mean" else None
                cache[spec] = aggregate_weights(
                    kept, a.use, length=a.length, eps=a.eps, rows=a.rows, class_id=classes  # type: ignore[arg-type]
                )
            out[term.component.label] = cache[spec]
        return out

    def loss(self, frame: Frame, weights: Mapping[str, Tensor], *, size: int | None = None) -> Loss:
        """Sum of the objective entries over the rows of this frame.

        Args:
            frame: update-time signals of some rows.
            weights: aggregation weights of these rows, from :meth:`term_weights` of the whole batch.
            size: rows of the whole batch, for losses given per row.
        """
        mask = frame.get("mask")
        factors: list[tuple[Term, Tensor]] = []
        for term in self.terms:
            if term.role in ("mask", "weight"):
                value = term.component(frame.gather(term.component), step=frame.step, total=frame.total)
                factors.append((term, value.detach()))
        logs: dict[str, Tensor] = {}
        total = mask.new_zeros((), dtype=torch.get_default_dtype())
        for term in self.terms:
            label = term.component.label
            if term.role not in ("token_loss", "penalty"):
                continue
            scale = float(value_at(term.weight, step=frame.step, total=frame.total))  # type: ignore[arg-type]
            result = term.component(frame.gather(term.component), step=frame.step, total=frame.total)
            if term.component.card.writes:
                result, *extra = result
                for name, value in zip(term.component.card.writes, extra, strict=True):
                    frame.put(name, value)
                    if name == "clipped":
                        logs[f"clip/{label}"] = (zeroed(value.to(result.dtype), mask) * weights[label]).sum().detach()
            if term.role == "penalty":
                part = result
            elif result.ndim == 1:
                part = result.sum() / (size or len(result))
            else:
                part = (zeroed(result, mask) * _factor(term, factors, result) * weights[label]).sum()
            logs[f"loss/{label}"] = part.detach()
            total = total + scale * part
        for term, value in factors:
            logs[f"weight/{term.component.label}"] = masked_mean(value.to(total.dtype).expand_as(mask), mask)
        logs["loss/total"] = total.detach()
        return Loss(total, logs)


def _factor(term: Term, factors: Sequence[tuple[Term, Tensor]], like: Tensor) -> Tensor | float:
    reads = {i.name for i in term.component.card.inputs}
    product: Tensor | float = 1.0
    for owner, value in factors:
        # weights act on the policy terms; KL and entropy terms are touched only when named
        applies = term.component.label in owner.on if owner.on is not None else "advantage" in reads
        if applies:
            value = value.to(like.dtype)
            product = product * (value[:, None] if value.ndim == 1 else value)
    return product


def _columns(component: Component, result: Any) -> list[tuple[str, Tensor, Tensor, list[str]]]:
    label = component.label
    if isinstance(result, Verdict):
        value = torch.tensor(
            [v if s.counts else torch.nan for v, s in zip(result.score, result.status, strict=True)]
        )  # unscored is NaN, never 0
        return [(label, value, torch.tensor([int(s) for s in result.status]), list(result.reason))]
    if isinstance(result, Mapping):
        return [row for k, v in result.items() for row in _columns_of(f"{label}.{k}", v)]
    if isinstance(result, Tensor):
        return _columns_of(label, result)
    raise MethodError(
        "a reward returns a Verdict, a tensor per row, or a mapping of named tensors", where=label,
        seen=type(result).__name__,
    )  # fmt: skip


def _columns_of(name: str, value: Tensor) -> list[tuple[str, Tensor, Tensor, list[str]]]:
    value = value.detach().to(torch.get_default_dtype())
    status = torch.where(torch.isnan(value), int(Status.UNSCORED), int(Status.SCORED))
    return [(name, value, status, ["not scored" if bad else "" for bad in torch.isnan(value).tolist()])]


def _applies(when: Mapping[str, Any] | None, frame: Frame) -> Tensor | None:
    if when is None:
        return None
    tasks = frame.get("task")
    verdicts = []
    for task in tasks:
        known = {"level": task.domain, "domain": task.domain, **task.fields}
        verdicts.append(all(known.get(k) in (v if isinstance(v, (list, tuple)) else [v]) for k, v in when.items()))
    return torch.tensor(verdicts)


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
