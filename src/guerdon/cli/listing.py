"""``guerdon list``."""

from __future__ import annotations

from typing import Any

from guerdon.cli.output import emit, table
from guerdon.errors import UnknownNameError
from guerdon.method import STAGES
from guerdon.registry import fits, index, plugins
from guerdon.signals import SIGNALS

KINDS = ("methods", "recipes", "signals", "tasks", "stages")


def listing(
    what: str = "methods",
    *,
    stage: str | None = None,
    tag: str | None = None,
    role: str | None = None,
    search: str | None = None,
    json: bool = False,
) -> int:
    """List what the library has; nothing heavy is imported.

    Args:
        what: methods, recipes, signals, tasks or stages.
        stage: only methods of this stage, or of this key of a recipe.
        tag: only methods with this tag.
        role: only objectives with this role.
        search: only entries with this text in their name, first line, tags, presets or papers.
        json: print one JSON array; for methods, an array of cards.

    Raises:
        UnknownNameError: an unknown kind, stage, tag or role.
    """
    if what not in KINDS:
        raise UnknownNameError("list", what, KINDS, where="guerdon list")
    if what in ("methods", "tasks"):
        cards = _methods("task" if what == "tasks" else stage, tag, role, search)
        header = ("name", "stage", "role", "tags", "what it does")
        rows = [(c["name"], c["stage"], c["role"] or "", ", ".join(c["tags"]), c["summary"]) for c in cards]
        return _print(cards, rows, header, json)
    data, header = {"recipes": _recipes, "signals": _signals, "stages": _stages}[what]()
    kept = [d for d in data if _matches(search, *map(str, d.values()))]
    return _print(kept, [tuple(d.values()) for d in kept], header, json)


def _print(data: list[dict[str, Any]], rows: list[tuple], header: tuple[str, ...], json: bool) -> int:
    if json:
        emit(data)
    else:
        print(table(rows, header) if rows else "nothing matches")
    return 0


def _methods(stage: str | None, tag: str | None, role: str | None, search: str | None) -> list[dict[str, Any]]:
    cards = list(index().values())
    stages = {*STAGES, *(s.recipe_key for s in STAGES.values() if s.recipe_key)}
    for kind, value, known in (
        ("stage", stage, stages),
        ("tag", tag, {t for c in cards for t in c["tags"]}),
        ("role", role, {c["role"] for c in cards if c["role"]}),
    ):
        if value is not None and value not in known:
            raise UnknownNameError(kind, value, known, where=f"guerdon list --{kind}")
    kept = [
        c for c in cards
        if (stage is None or fits(c["stage"], stage)) and (tag is None or tag in c["tags"])
        and (role is None or c["role"] == role) and _matches(search, *_texts(c))
    ]  # fmt: skip
    if stage is tag is role is None:
        for name, point in plugins().items():
            home = point.dist.name if point.dist else point.value
            if _matches(search, name, home):
                text = f"from the package {home}"
                kept.append({"name": name, "stage": "plug-in", "role": None, "tags": [], "summary": text})
    return kept


def _texts(card: dict[str, Any]) -> list[str]:
    papers = [f"{p['id']} {p['title']}" for p in card["papers"]]
    return [
        card["name"],
        card["summary"],
        *card["tags"],
        *card["aliases"],
        *(p["name"] for p in card["presets"]),
        *papers,
    ]


def _matches(search: str | None, *texts: str) -> bool:
    return search is None or any(search.lower() in t.lower() for t in texts)


def _recipes() -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    import yaml

    from guerdon.recipe import shipped

    found = []
    for name, path in shipped().items():
        data = yaml.safe_load(path.read_text("utf-8"))
        about = " ".join(str(data.get("about", "")).split())
        found.append({"name": name, "task": _use(data.get("task")), "about": about})
    return found, ("name", "task", "what it shows")


def _use(entry: Any) -> str:
    return str(entry.get("use", "")) if isinstance(entry, dict) else str(entry or "")


def _signals() -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    rows = [
        {"name": s.name, "shape": s.shape, "dtype": s.dtype, "known at": s.moment, "meaning": s.meaning}
        for s in SIGNALS.values()
    ]
    return rows, ("name", "shape", "dtype", "known at", "meaning")


def _stages() -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    count = {name: sum(c["stage"] == name for c in index().values()) for name in STAGES}
    rows = [
        {"name": s.name, "methods": count[s.name], "recipe key": s.recipe_key, "returns": s.returns}
        for s in STAGES.values()
    ]
    return rows, ("name", "methods", "recipe key", "returns")
