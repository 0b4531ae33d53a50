"""``guerdon train``."""

from __future__ import annotations

import json as _json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.cli.output import emit, quiet_libraries, table

if TYPE_CHECKING:
    from guerdon.recipe import Entry, Recipe

STAGES = ("task", "reward", "shaping", "selection", "advantage", "objective")


def train(
    recipe: str,
    /,
    *overrides: str,
    out: Path | None = None,
    allow_code: bool = False,
    explain: bool = False,
    dry_run: bool = False,
    plain: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Train a policy as a recipe says.

    Args:
        recipe: a YAML file, a run folder, or the name of a shipped recipe.
        overrides: dotted keys with values, such as train.steps=10, advantage=rloo or objective.0.low=0.1.
        out: folder of the run; default is a new one under runs/.
        allow_code: let the recipe name your own code by dotted path.
        explain: print every value with where it came from, and stop.
        dry_run: check names, keys and values, and stop.
        plain: one line per step instead of the live view.
        quiet: print nothing but errors and the end.
        json: print the summary as one JSON object; progress goes to stderr.
    """
    from guerdon.recipe import load

    loaded = load(recipe, overrides, allow_code=allow_code)
    if explain:
        return _explain(loaded, json)
    if dry_run:
        names = check(loaded)
        plan = {"recipe": loaded.name, "components": names, "steps": loaded.train.steps, "valid": True}
        if json:
            emit(plan)
        else:
            print(f"{loaded.name}: valid, {loaded.train.steps} steps")
            print(table([(k, ", ".join(v)) for k, v in names.items() if v], ("stage", "components")))
        return 0
    import guerdon

    return follow(lambda callbacks: guerdon.train(loaded, out=out, callbacks=callbacks, allow_code=allow_code),
                  plain=plain, quiet=quiet, json=json)  # fmt: skip


def follow(run: Any, *, plain: bool, quiet: bool, json: bool) -> int:
    """Call ``run(callbacks)`` under the view that fits, then print its end."""
    from guerdon.cli.live import LiveView, view

    quiet_libraries()
    shown = view(plain=plain, quiet=quiet, json=json)
    try:
        result = run([shown] if shown else [])
    finally:
        # the terminal is given back before an error is printed
        if isinstance(shown, LiveView):
            shown.close()
    if json:
        emit({"run": str(result.path), "summary": result.summary})
    else:
        print("\n".join(ending(result.path, result.summary)))
    return 0


def ending(path: Path, summary: Mapping[str, Any]) -> list[str]:
    """What is printed when a run is over."""
    lines = []
    before, after = summary.get("accuracy_before"), summary.get("accuracy_after")
    if before is not None and after is not None:
        lines.append(f"accuracy {before:.1%} -> {after:.1%}")
    if summary.get("train_seconds") is not None:
        lines.append(f"{summary.get('steps', '?')} steps in {summary['train_seconds']:.1f} s")
    return [*lines, f"run: {path}", f"next: guerdon report {path}"]


def components(recipe: Recipe) -> list[tuple[str, int, Entry]]:
    """Every component of a recipe: key, position, entry."""
    found = []
    for key in STAGES:
        value = getattr(recipe, key)
        found += [(key, i, e) for i, e in enumerate(value if isinstance(value, tuple) else (value,))]
    return found


def check(recipe: Recipe) -> dict[str, list[str]]:
    """Resolve and build every component of a recipe, start nothing; the labels by stage.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong.
    """
    from guerdon.component import build
    from guerdon.registry import resolve

    if recipe.policy.use in ("tiny", "table"):
        # nothing has to be fetched or loaded, so the whole set-up can be tried, with the task's prompts
        from guerdon.engines.native.run import prepare

        prepare(recipe)
    names: dict[str, list[str]] = {key: [] for key in STAGES}
    for key, i, entry in components(recipe):
        where = key if key == "task" else f"{key}.{i}"
        # a task may carry the name of one of its data sets behind a slash
        name = entry.use.partition("/")[0] if key == "task" else entry.reference
        found = resolve(name, stage=key, allow_code=recipe.allow_code, where=where)
        if key != "task":  # a task is made by its own builder, which may read files
            build(found, entry.params, where=where)
        names[key].append(entry.name or entry.reference)
    return names


def _explain(recipe: Recipe, json: bool) -> int:
    rows = [{"key": k, "value": v, "from": origin} for k, v, origin in [*recipe.explain(), *_defaults(recipe)]]
    if json:
        emit(rows)
    else:
        print(table([(r["key"], _json.dumps(r["value"]), r["from"]) for r in rows], ("key", "value", "from")))
    return 0


def _defaults(recipe: Recipe) -> list[tuple[str, Any, str]]:
    """Hyper-parameters the recipe leaves alone: the method's default and its source."""
    from guerdon.cli.show import find_card

    rows = []
    for key, i, entry in components(recipe):
        found = find_card(entry.reference)
        if found is None:
            continue
        card, preset = found
        fixed = preset["params"] if preset else {}
        for p in card["params"]:
            if p["name"] in entry.params or p["required"]:
                continue
            known = p["name"] in fixed
            origin = f"preset {preset['name']}" if preset and known else f"default of {card['name']} ({p['source']})"
            place = key if key == "task" else f"{key}.{i}"
            rows.append((f"{place}.{p['name']}", fixed[p["name"]] if known else p["default"], origin))
    return rows
