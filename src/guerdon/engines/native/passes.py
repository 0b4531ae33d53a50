"""Rollouts of several passes: temperatures that are fixed, scheduled or controlled, and the rows of the base pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from guerdon.engines.native.rollout import Rollouts, collect
from guerdon.engines.native.sampler import Sampling
from guerdon.errors import RecipeError, UnknownNameError
from guerdon.frame import Frame
from guerdon.pipeline import Pipeline, Scores
from guerdon.recipe import Recipe
from guerdon.records import Task
from guerdon.schedule import value_at

if TYPE_CHECKING:
    from guerdon.engines.native.loop import Loop

CONTROLLED = "controlled"


def temperature(value: Any, *, step: int, total: int, controlled: float | None) -> float:
    """A temperature of the recipe at a step; a controlled one is 1 while nothing controls it.

    Example:
        >>> [temperature(t, step=0, total=1, controlled=1.2) for t in ("controlled", 0.7)]
        [1.2, 0.7]
    """
    if value == CONTROLLED:
        return 1.0 if controlled is None else controlled
    return float(value_at(value, step=step, total=total))  # type: ignore[arg-type]


def tempered(name: str, settings: Mapping[str, Any], controlled: float | None) -> Mapping[str, Any]:
    """Settings of a statistic; ``tempered_logp`` without a temperature takes the controlled one."""
    if name != "tempered_logp" or "temperature" in settings:
        return settings
    return {"temperature": 1.0 if controlled is None else controlled}


def further(
    loop: Loop, tasks: Sequence[Task], base: Sampling, coordinates: Sequence[int | str], controlled: float | None,
    metrics: dict[str, float], *, first_group: int,
) -> list[Rollouts]:  # fmt: skip
    """The passes after the base pass, on the first prompts of the batch; rows of a pass are groups of their own."""
    found = []
    recipe = loop.recipe
    if controlled is not None:
        metrics["temperature/controlled"] = controlled
    for extra in recipe.rollout.passes:
        heat = temperature(extra.temperature, step=loop.step, total=recipe.train.steps, controlled=controlled)
        metrics[f"temperature/{extra.source}"] = heat
        part = tasks[: max(1, int(extra.share * len(tasks)))]
        how = dataclasses.replace(base, temperature=heat)
        place = (*coordinates, "pass", extra.source)
        found.append(
            collect(loop.policy, part, recipe.rollout.group, how, place, first_group=first_group, source=extra.source)
        )
        first_group += len(part)
    return found


def base_pass(
    frame: Frame, rollouts: Rollouts, scores: Scores, make: Callable[[Mapping[str, Any]], Frame]
) -> tuple[Frame, Rollouts, Scores]:
    """The rows of the base pass alone, with their signals and scores."""
    rows = torch.tensor([i for i, s in enumerate(rollouts.values["source"]) if s == "base"])
    reasons = [[column[i] for i in rows.tolist()] for column in scores.reasons]
    own = Scores(scores.names, scores.values[rows], scores.status[rows], reasons)
    return make(frame.rows(rows, len(rollouts))), rollouts.pick(rows), own


def reads_raw_reward(pipeline: Pipeline) -> bool:
    """Whether a component looks at the reward before its shaping."""
    return any(c.settings(i.name).get("metric") == "raw_reward" for c in pipeline.everything() for i in c.card.inputs)


def check_passes(recipe: Recipe, pipeline: Pipeline) -> None:
    """Whether what controls and what is controlled fit together.

    Raises:
        RecipeError: a controlled temperature without a controller or the other way round, or further passes together
            with a selection that samples until it has enough.
        UnknownNameError: a component names a source that no pass has.
    """
    passes = recipe.rollout.passes
    places = [f"rollout.passes.{i}.temperature" for i, p in enumerate(passes) if p.temperature == CONTROLLED]
    places += ["rollout.temperature"] if recipe.rollout.temperature == CONTROLLED else []
    asked = pipeline.asked(("tempered_logp",), pipeline.everything())
    places += ["tempered_logp"] if any("temperature" not in settings for _, settings in asked) else []
    steering = [t.label for t in pipeline.terms if t.steers]
    if places and not steering:
        raise RecipeError(
            "a temperature is controlled and nothing controls it", where=places[0], seen=CONTROLLED,
            fix="add a controller such as entropy_thermostat to the objective, or give a number",
        )  # fmt: skip
    if steering and not places:
        raise RecipeError(
            "a temperature is set and nothing uses it", where=steering[0],
            fix="add a pass to the rollout, {source: hot, share: 0.25, temperature: controlled}",
        )  # fmt: skip
    if passes and any(c.method.stateful and c.instance.refill for c in pipeline.selection):
        raise RecipeError("a batch of several passes is not refilled", where="selection", fix="refill: false")
    sources = ["base", *(p.source for p in passes)]
    for component in pipeline.everything() if passes else ():
        for name in ("base", "only"):
            value = component.params.get(name)
            if value is not None and "source" in {i.name for i in component.card.inputs} and value not in sources:
                raise UnknownNameError("source of a pass", str(value), sources, where=f"{component.label}.{name}")
