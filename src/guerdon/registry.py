"""Finding a method by name without importing the rest of the library.

``index.json`` beside this file lists every card. It is generated (``python -m guerdon.registry``), a test fails
when it is stale, and it lets ``guerdon list`` answer without loading torch. Plug-ins come from the entry-point
group ``guerdon.methods``; user methods are named by dotted path.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError, MethodError, RecipeError, UnknownNameError
from guerdon.method import STAGES, Method, Preset, registered

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "guerdon.methods"
INDEX = Path(__file__).with_name("index.json")
_FOLDERS = ("tasks", "rewards", "reward_models", "shaping", "advantages", "objectives", "providers",
            "selection", "audits", "theory", "control")  # fmt: skip


@dataclass(frozen=True)
class Resolved:
    """What a name stands for: a method, and the preset it was reached by, if any."""

    method: Method
    preset: Preset | None = None


@functools.cache
def index() -> dict[str, dict[str, Any]]:
    """Cards of the shipped methods as plain data, by name; no torch is loaded."""
    if not INDEX.exists():
        return {}
    return {card["name"]: card for card in json.loads(INDEX.read_text("utf-8"))}


@functools.cache
def _names() -> dict[str, tuple[str, str | None]]:
    """Every known name, alias and preset: to its method's name and the preset's name."""
    table: dict[str, tuple[str, str | None]] = {}
    for name, card in index().items():
        table[name] = (name, None)
        for alias in card["aliases"]:
            table.setdefault(alias, (name, None))
        for preset in card["presets"]:
            table.setdefault(preset["name"], (name, preset["name"]))
    return table


@functools.cache
def plugins() -> dict[str, EntryPoint]:
    """Entry points of other packages, by name."""
    from importlib.metadata import entry_points  # 36 ms that a known name never needs

    return {point.name: point for point in entry_points(group=GROUP)}


def resolve(name: str, *, stage: str | None = None, allow_code: bool = False, where: str = "") -> Resolved:
    """The method behind a name, alias, preset, plug-in or dotted path.

    Args:
        name: as written after ``use:``; ``package.module.attribute`` for code of the user.
        stage: recipe key or stage the method must belong to; empty for any.
        allow_code: whether a dotted path may be imported.

    Raises:
        UnknownNameError: nothing is known by that name; the nearest names are listed.
        RecipeError: the method belongs to another stage, or code was not allowed.
    """
    found = _lookup(name) or (_dotted(name, allow_code, where) if "." in name or ":" in name else None)
    if found is None:
        pool = [n for n, (m, _) in _names().items() if not stage or fits(index()[m]["stage"], stage)]
        raise UnknownNameError(stage or "method", name, [*pool, *plugins()], where=where)
    if stage and not fits(found.method.card.stage, stage):
        raise RecipeError(
            f"{name!r} is a {found.method.card.stage}, not a {stage}", where=where,
            fix=f"move it under {STAGES[found.method.card.stage].recipe_key or 'its own stage'}:",
        )  # fmt: skip
    return found


def get(name: str) -> Method:
    """The method of that name, alias or preset.

    Example:
        >>> get("grpo").card.stage
        'advantage'
    """
    return resolve(name).method


def fits(stage: str, wanted: str) -> bool:
    """Whether a card's stage belongs under a recipe key (or is that stage)."""
    return stage == wanted or STAGES[stage].recipe_key == wanted


def _lookup(name: str) -> Resolved | None:
    known = _from_registered(name)
    if known:
        return known
    if name in _names():
        importlib.import_module(index()[_names()[name][0]]["module"])
        return _from_registered(name)
    if name in plugins():
        point = plugins()[name]
        point.load()
        found = _from_registered(name)
        if found is None:
            raise MethodError(
                f"the plug-in {name!r} registers no method of that name", where=point.value,
                fix="name the entry point as the method it stands for",
            )  # fmt: skip
        return found
    return None


def _from_registered(name: str) -> Resolved | None:
    methods = registered()
    if name in methods:
        return Resolved(methods[name])
    for candidate in methods.values():
        if name in candidate.card.aliases:
            return Resolved(candidate)
        for preset in candidate.card.presets:
            if preset.name == name:
                return Resolved(candidate, preset)
    return None


def _dotted(name: str, allow_code: bool, where: str) -> Resolved:
    if not allow_code:
        raise RecipeError(
            "importing code named in a recipe is off", where=where, seen=name,
            fix="add --allow-code if you trust this recipe",
        )  # fmt: skip
    module, _, attr = name.replace(":", ".").rpartition(".")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        target = getattr(importlib.import_module(module), attr)
    except GuerdonError:
        raise
    except Exception as error:
        raise RecipeError(
            f"cannot import {name!r}: {type(error).__name__}: {error}", where=where,
            fix="name it package.module.function and run from the folder that holds it",
        ) from error  # fmt: skip
    for candidate in registered().values():
        if candidate.target is target:
            return Resolved(candidate)
    raise RecipeError(f"{name!r} is not a method", where=where, fix="decorate it with @guerdon.method(stage='reward')")


def load_all() -> Mapping[str, Method]:
    """Import every shipped method (and plug-in) and return all by name."""
    for module in walk():
        importlib.import_module(module)
    for point in plugins().values():
        point.load()
    return registered()


def walk() -> Iterator[str]:
    """Names of the modules in the stage folders."""
    package = importlib.import_module("guerdon")
    for folder in _FOLDERS:
        root = Path(package.__path__[0]) / folder
        if not root.is_dir():
            continue
        yield f"guerdon.{folder}"
        for info in pkgutil.walk_packages([str(root)], prefix=f"guerdon.{folder}."):
            if not info.name.rpartition(".")[2].startswith("_"):
                yield info.name


def build_index() -> str:
    """The text that ``index.json`` must hold."""
    shipped = [m.card.data() for m in load_all().values() if m.card.module.startswith("guerdon.")]
    order = list(STAGES)
    shipped.sort(key=lambda c: (order.index(c["stage"]), c["name"]))
    names: dict[str, str] = {}
    for card in shipped:
        for name in (card["name"], *card["aliases"], *(p["name"] for p in card["presets"])):
            if name in names:
                raise RecipeError(f"the name {name!r} is used by {names[name]} and {card['name']}")
            names[name] = card["name"]
    return json.dumps(shipped, indent=1, ensure_ascii=False) + "\n"


def main(argv: Sequence[str] = ()) -> int:
    """Write ``index.json``; with ``--check`` write nothing and return 1 when it is stale."""
    text = build_index()
    if "--check" in argv:
        fresh = INDEX.exists() and INDEX.read_text("utf-8") == text
        if not fresh:
            print("index.json is stale; fix: python -m guerdon.registry", file=sys.stderr)
        return 0 if fresh else 1
    INDEX.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    from guerdon.registry import main as _main  # the decorator fills guerdon.method, not __main__

    sys.exit(_main(sys.argv[1:]))
