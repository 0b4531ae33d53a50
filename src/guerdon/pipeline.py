"""The stages in order: the one file that knows that scores become returns, advantages and a loss.

Rewards -> shaping -> selection -> advantages -> objectives -> aggregate. It computes exactly the signals that the
chosen methods ask for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon import registry
from guerdon.combine import Loss, Term, combine, own_advantage, term_weights
from guerdon.component import Component, build
from guerdon.errors import MethodError, NumericsError, RecipeError, UnknownNameError
from guerdon.frame import Frame, key
from guerdon.objectives.aggregate import AGGREGATES
from guerdon.ops.masked import zeroed
from guerdon.recipe import Aggregate, Entry, Recipe
from guerdon.scoring import Reward, Scores, provider_table, score_rows
from guerdon.signals import SIGNALS, signal

__all__ = ["Loss", "Pipeline", "Reward", "Scores", "Term"]

# what an entry may say besides its name, hyper-parameters and bindings
_KEYS = {
    "reward": {"weight", "when"}, "advantage": {"start"},
    "objective": {"weight", "aggregate", "rows", "on", "advantage", "start"},
}  # fmt: skip


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
        self._check_targets()
        if not self.rewards:
            raise RecipeError("the recipe has no reward", where="reward", fix="reward: [{use: answer_equal}]")
        if not self.advantages:
            raise RecipeError("the recipe has no advantage", where="advantage", fix="advantage: grpo")
        self.providers = provider_table({**(provider_params or {}), **recipe.providers})
        if not any("aspects" in {i.name for i in c.card.inputs} for c in self.shaping):
            self.shaping.insert(0, build(registry.resolve("weighted_sum"), {}))
        self._check()

    # building

    def _stage(self, stage: str, entries: Sequence[Entry]) -> list[tuple[Component, Entry]]:
        built = []
        labels: set[str] = set()
        for i, entry in enumerate(entries):
            where = f"{stage}.{i}"
            _known_keys(stage, entry, where)
            found = registry.resolve(entry.reference, stage=stage, allow_code=self.recipe.allow_code, where=where)
            component = build(found, entry.params, bind=entry.bind, label=entry.name or "", where=where)  # type: ignore[arg-type]
            component.start = entry.start
            if entry.start is not None and stage == "advantage" and _estimates(component):
                raise RecipeError(
                    "an estimator cannot start later: nothing else would give the advantage",
                    where=f"{where}.start", seen=component.label, allowed="methods that read another advantage",
                )  # fmt: skip
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
            raise UnknownNameError("aggregate", chosen.use, AGGREGATES, where="aggregate.use")
        return self._constant(chosen)

    def _constant(self, chosen: Aggregate) -> Aggregate:
        # the width of a batch is no constant: the longest completion a rollout may have is
        budget = self.recipe.rollout.max_new_tokens
        if chosen.use == "fixed_length" and chosen.length is None and budget is not None:
            return chosen.model_copy(update={"length": float(budget)})
        return chosen

    def _term(self, component: Component, entry: Entry) -> Term:
        preset = registry.resolve(entry.reference, allow_code=self.recipe.allow_code).preset
        mode = entry.aggregate or (preset.aggregate if preset else None) or component.card.aggregate
        if mode is not None and mode not in AGGREGATES:
            raise UnknownNameError("aggregate", mode, AGGREGATES, where=f"{component.label}.aggregate")
        chosen = self._constant(Aggregate(use=mode)) if mode and mode != self.aggregate.use else self.aggregate
        own = tuple(c for c, _ in self._stage("advantage", entry.advantage or ()))
        if own and all(i.name != "advantage" for i in component.card.inputs):
            raise RecipeError(
                "an advantage for an objective that reads none", where=f"{component.label}.advantage",
                seen=[c.label for c in own], fix="leave it out",
            )  # fmt: skip
        return Term(component, entry.weight, chosen, entry.rows, entry.on, own)

    def _check_targets(self) -> None:
        late = [t.component.start is not None for t in self.terms if t.role in ("token_loss", "penalty")]
        if late and all(late):
            raise RecipeError(
                "every loss starts later: until then there is nothing to learn from", where="objective",
                fix="leave start out of one of them",
            )  # fmt: skip
        losses = [t.label for t in self.terms if t.role == "token_loss"]
        for term in self.terms:
            acts = term.role in ("mask", "weight")
            if term.on is not None and not acts:
                raise RecipeError(f"a {term.role} acts on nothing: on: is for weights and masks", where=term.label)
            if term.role != "token_loss" and (term.rows is not None or (acts and term.weight != 1.0)):
                key = "rows" if term.rows is not None else "weight"
                raise RecipeError(f"a {term.role} has no {key}: only losses have", where=f"{term.label}.{key}")
            for name in term.on or ():
                if name not in losses:
                    raise UnknownNameError("loss of this recipe", name, losses, where=f"{term.label}.on")

    # what is needed

    def needs(self) -> set[str]:
        """Signals that the engine must provide, followed through the providers."""
        return self._closure(self.everything())

    def needs_before_update(self) -> set[str]:
        """Signals that rewards, shaping, selection and advantages need from the engine."""
        return self._closure(self.early())

    def needs_in_update(self) -> set[str]:
        """Signals that the objectives need from the engine."""
        return self._closure(self.losses())

    def reachable(self, components: Sequence[Component]) -> list[Component]:
        """Components and every provider they lead to."""
        found: dict[str, Component] = {f"{i}/{c.label}": c for i, c in enumerate(components)}
        waiting = list(found.values())
        while waiting:
            component = waiting.pop()
            for item in component.card.inputs:
                name = component.source(item.name)
                provider = self.providers.get(name)
                needed = not item.optional or item.name in component.bind
                if provider and name not in self.provides and needed and provider.label not in found:
                    found[provider.label] = provider
                    waiting.append(provider)
        return list(found.values())

    def asked(self, names: Collection[str], components: Sequence[Component]) -> list[tuple[str, dict[str, Any]]]:
        """Which of these signals the components ask for, themselves or through providers, with which settings."""
        found = {}
        for component in self.reachable(components):
            for item in component.card.inputs:
                name = component.source(item.name)
                if name in names and (not item.optional or item.name in component.bind):
                    settings = component.settings(item.name)
                    found[key(name, settings)] = name, settings
        return list(found.values())

    def early(self) -> list[Component]:
        """What runs before the update: rewards, shaping, advantages, selection, and the controllers of coefficients."""
        controllers = [t.component for t in self.terms if t.role == "coefficient"]
        return [*self.scoring(), *self.shaping, *self.estimators(), *self.selection, *controllers]

    def scoring(self) -> list[Component]:
        """The reward components."""
        return [r.component for r in self.rewards]

    def estimators(self) -> list[Component]:
        """The advantage components: the recipe's chain, then those that single objectives have for themselves."""
        return [*self.advantages, *(c for t in self.terms for c in t.advantages)]

    def everything(self) -> list[Component]:
        """Every component from the scores to the loss."""
        return [*self.scoring(), *self.shaping, *self.estimators(), *self.selection, *self.losses()]

    def losses(self) -> list[Component]:
        """The objective components."""
        return [t.component for t in self.terms]

    def written(self) -> set[str]:
        """Signals that chosen components write."""
        fixed = {"advantage", "reward", "aspects", "status", "is_correct"}
        return fixed | {w for c in self.everything() for w in c.card.writes}

    def _closure(self, components: Sequence[Component]) -> set[str]:
        waiting = [(c, i) for c in components for i in c.card.inputs]
        roots: set[str] = set()
        seen: set[str] = set()
        written = self.written()
        while waiting:
            component, item = waiting.pop()
            name = component.source(item.name)
            if (item.optional and item.name not in component.bind) or name in seen or name in written:
                continue
            seen.add(name)
            if name in self.providers and name not in self.provides:
                provider = self.providers[name]
                waiting += [(provider, i) for i in provider.card.inputs]
            else:
                roots.add(name)
        return roots

    def _check(self) -> None:
        moments = {"task": 0, "rollout": 1, "reward": 2, "update": 3, "any": 0}
        for stage, components in (("reward", self.scoring()), ("selection", self.selection)):
            for component in components:
                for item in component.card.inputs:
                    name = component.source(item.name)
                    if moments[signal(name).moment] > 2 and not item.optional:
                        better = f"old_{name}" if f"old_{name}" in SIGNALS else "a signal known earlier"
                        raise MethodError(
                            f"a {stage} cannot read {name!r}, which is known only in the update",
                            where=component.label, fix=f"ask for {better}",
                        )  # fmt: skip
        missing = self.needs() - self.provides if self.provides else set()
        if missing:
            users = {c.label: sorted(missing & self._closure([c])) for c in self.everything()}
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
        found = {f"{s}/{c.label}": c for s, cs in staged.items() for c in cs if c.method.stateful}
        own = {f"objective/{t.label}/advantage/{c.label}": c for t in self.terms for c in t.advantages}
        own |= {f"provider/{c.label}": c for c in self.reachable(self.everything()) if c.card.stage == "provider"}
        return found | {k: c for k, c in own.items() if c.method.stateful}

    # running

    def frame(self, values: Mapping[str, Any], *, step: int = 0, total: int = 1) -> Frame:
        """A frame over given signals with this recipe's providers."""
        return Frame(values, self.providers, step=step, total=total)

    def score(self, frame: Frame, *, held_out: bool = False) -> Scores:
        """Run every reward and the shaping; puts ``aspects``, ``status``, ``is_correct`` and ``reward``.

        ``held_out`` leaves out shaping that reads what only training computes.
        """
        scores, weights = score_rows(self.rewards, frame)
        for component in self.shaping:
            if held_out and not self._closure([component]) <= set(frame.names()):
                continue
            chosen = component
            if component.card.name == "weighted_sum":
                given = component.params.get("weights")
                filled = {"weights": weights if given is None else given, "names": tuple(scores.names)}
                chosen = Component(component.method, {**component.params, **filled}, component.bind, component.label)
            result = chosen(frame.gather(chosen), step=frame.step, total=frame.total)
            per_decision = isinstance(result, Tensor) and result.ndim == 2
            self._put(frame, component, "token_reward" if per_decision else "reward", result)
        return scores

    def select(self, frame: Frame) -> Tensor:
        """Rows that train, from the selection methods; all rows when there are none."""
        keep = torch.ones(len(frame.get("group_id")), dtype=torch.bool)
        for component in self.selection:
            keep &= component(frame.gather(component), step=frame.step, total=frame.total).cpu()
        return keep

    def advantage(self, frame: Frame) -> Tensor:
        """Run the advantage chain and put ``advantage``; those of single objectives stand under their label.

        A chain of an objective that begins with a transform goes on from the recipe's advantage.
        """
        main = self._chain(frame, self.advantages)
        for term in self.terms:
            if term.advantages:
                frame.put("advantage", main)
                frame.put(own_advantage(term.label), self._chain(frame, term.advantages))
        frame.put("advantage", main)
        return main

    def _chain(self, frame: Frame, components: Sequence[Component]) -> Tensor:
        for component in components:
            if frame.started(component):
                result = component(frame.gather(component), step=frame.step, total=frame.total)
                self._put(frame, component, "advantage", result)
        value = frame.get("advantage").detach()
        mask = frame.get("mask")
        if not bool(torch.isfinite(zeroed(value, mask)).all()):
            rows = (~torch.isfinite(zeroed(value, mask))).any(1).nonzero()[:, 0].tolist()
            raise NumericsError(
                "an advantage is not finite", where=components[-1].label, seen=f"rows {rows[:8]}",
                fix="look at the rewards of these rows; guerdon check " + components[-1].card.name,
            )  # fmt: skip
        return zeroed(value, mask)

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
        """Run the controllers of the update once per optimiser step; what they write, by signal.

        One that changes what another wrote runs after it.
        """
        written = {}
        for term in sorted((t for t in self.terms if not t.steers), key=_changes_another):
            if term.role == "coefficient" and frame.started(term.component):
                result = term.component(frame.gather(term.component), step=frame.step, total=frame.total)
                writes = term.component.card.writes
                if len(writes) > 1 and not isinstance(result, tuple):
                    writes = (str(term.component.params.get("writes", writes[0])),)
                for name, value in zip(writes, result if isinstance(result, tuple) else (result,), strict=True):
                    written[name] = value
                    frame.put(name, value)
        return written

    def steer(self, frame: Frame) -> float | None:
        """The temperature that the controllers of sampling set for the next rollout, None without one."""
        heat = None
        for term in self.terms:
            if term.steers and frame.started(term.component):
                heat = float(term.component(frame.gather(term.component), step=frame.step, total=frame.total))
        return heat

    def starts(self, frame: Frame) -> dict[str, float]:
        """For every entry with a start, whether it acts now (1) or not yet (0)."""
        late = [c for c in (*self.estimators(), *self.losses()) if c.start is not None]
        return {f"started/{c.label}": float(frame.started(c)) for c in late}

    def term_weights(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Aggregation weights per objective entry, fixed by the mask of the whole optimiser batch."""
        return term_weights(self.terms, values, self.frame)

    def loss(self, frame: Frame, weights: Mapping[str, Tensor]) -> Loss:
        """Sum of the objective entries over the rows of this frame.

        Args:
            frame: update-time signals of some rows.
            weights: aggregation weights of these rows, from :meth:`term_weights` of the whole batch.
        """
        return combine(self.terms, frame, weights)


def _estimates(component: Component) -> bool:
    """Whether an advantage comes from rewards alone, not from another advantage."""
    return all(i.name != "advantage" or i.optional for i in component.card.inputs)


def _changes_another(term: Term) -> bool:
    card = term.component.card
    return bool({i.name for i in card.inputs} & set(card.writes))


def _known_keys(stage: str, entry: Entry, where: str) -> None:
    for name in ("weight", "when", "aggregate", "rows", "on", "advantage", "start"):
        default = Entry.model_fields[name].default
        if getattr(entry, name) != default and name not in _KEYS.get(stage, ()):
            allowed = [s for s, keys in _KEYS.items() if name in keys]
            raise RecipeError(
                f"an entry of {stage} has no {name}", where=f"{where}.{name}", seen=getattr(entry, name),
                allowed=f"under {' and '.join(allowed)}",
            )  # fmt: skip
