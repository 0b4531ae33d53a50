"""The recipe of a run with every hyper-parameter written out, and where each value came from."""

from __future__ import annotations

from typing import Any

from guerdon.component import Component
from guerdon.pipeline import Pipeline
from guerdon.recipe import Recipe
from guerdon.schedule import Schedule


def resolved(recipe: Recipe, pipeline: Pipeline) -> tuple[dict[str, Any], dict[str, str]]:
    """Plain data of the recipe with the defaults of its components filled in, and a source per dotted key.

    Loading the data again gives the same run; the sources tell a file's line from an override, a preset, and a
    default of the paper.
    """
    data = recipe.data()
    sources = {key: source for key, _, source in recipe.explain()}
    stages: dict[str, list[Component]] = {
        "reward": [r.component for r in pipeline.rewards],
        "shaping": pipeline.shaping[-len(recipe.shaping) :] if recipe.shaping else [],
        "selection": pipeline.selection,
        "advantage": pipeline.advantages,
        "objective": [t.component for t in pipeline.terms],
    }
    if not recipe.reward:
        data["reward"] = [{"use": c.card.name, "params": {}} for c in stages["reward"]]
        sources |= {f"reward.{i}.use": "default reward of the task" for i in range(len(stages["reward"]))}
    for stage, components in stages.items():
        for i, component in enumerate(components):
            entry = data[stage][i]
            for param in component.card.params:
                key = f"{stage}.{i}.params.{param.name}"
                if param.name not in entry["params"]:
                    named = component.label if component.label != component.card.name else component.card.name
                    fixed = component.params[param.name] != param.default
                    if fixed and stage == "reward" and not recipe.reward:
                        sources[key] = "default reward of the task"
                    else:
                        sources[key] = f"{'preset' if fixed else 'default'} of {named} ({param.source})"
                entry["params"][param.name] = _plain(component.params[param.name])
    return data, sources


def _plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return value
