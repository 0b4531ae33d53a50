"""``guerdon show``."""

from __future__ import annotations

import re
from typing import Any

from guerdon.cli.output import emit, indent, table, width
from guerdon.cli.source import Doc, of_card, recipe_line
from guerdon.errors import UnknownNameError
from guerdon.method import STAGES, Paper
from guerdon.registry import index, plugins
from guerdon.signals import SIGNALS, Signal, signal


def show(name: str, *, json: bool = False) -> int:
    """Show a method, preset, alias, signal, shipped recipe or stage; nothing heavy is imported.

    Args:
        name: as written in a recipe, or the name of a signal or stage.
        json: print one JSON document.

    Raises:
        UnknownNameError: nothing has that name; the nearest names are listed.
    """
    # a signal and a stage may share a name: a person sees both, a program the first
    found = [f for f in (_method(name), _signal(name), _stage(name)) if f] or [
        f for f in (_recipe(name), _plugin(name)) if f
    ]
    if found:
        emit(found[0][0]) if json else print("\n\n".join(text for _, text in found))
        return 0
    names = {n for c in index().values() for n in (c["name"], *c["aliases"], *(p["name"] for p in c["presets"]))}
    raise UnknownNameError("name", name, {*names, *SIGNALS, *STAGES, *_shipped(), *plugins()}, fix="")


def find_card(name: str) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """Card of a name, alias or preset, and the preset it was reached by."""
    for card in index().values():
        if name == card["name"] or name in card["aliases"]:
            return card, None
        for preset in card["presets"]:
            if name == preset["name"]:
                return card, preset
    return None


def _method(name: str) -> tuple[dict[str, Any], str] | None:
    found = find_card(name)
    if not found:
        return None
    card, preset = found
    doc = of_card(card)
    return {**card, "doc": vars(doc), "preset": preset}, _method_text(card, preset, doc)


def _method_text(card: dict[str, Any], preset: dict[str, Any] | None, doc: Doc) -> str:
    what = [card["stage"], card["role"], card["kind"], f"statistics over a {card['scope'].replace('_', ' ')}"]
    parts = [f"{card['name']}: {', '.join(w for w in what if w)}", indent(_words(doc.summary), fill=True)]
    if preset:
        chosen = {**preset["params"], **({"bind": preset["bind"]} if preset["bind"] else {})}
        parts += _part(f"reached by its preset {preset['name']}", f"{preset['note']}\n{chosen}".strip())
    parts += _part("equation (TeX)", doc.equation)
    parts += _part("", _words(doc.body), fill=True)
    line = recipe_line(card, STAGES[card["stage"]].recipe_key, preset["name"] if preset else None)
    parts += _part("in a recipe", line)
    parts += _part("signals", _inputs(card, doc))
    parts += _part("hyper-parameters", _params(card, doc))
    parts += _part("returns", _words(doc.returns or STAGES[card["stage"]].returns), fill=True)
    parts += _part("writes", ", ".join(card["writes"]))
    policy = card.get("policy")
    parts += _part(
        "how it decides", _table([(k, _words(str(v))) for k, v in policy.items()], ("case", "")) if policy else ""
    )
    rows = [(p["name"], p["note"], _values(p)) for p in card["presets"]]
    parts += _part("presets", _table(rows, ("name", "note", "sets")) if rows else "")
    parts += _part("example", doc.example)
    parts += _part("papers", "\n".join(_paper(p) for p in card["papers"]))
    parts += _part("source", _words(doc.source), fill=True)
    parts += _part("differs", _words(doc.differs), fill=True)
    facts = [("tags", card["tags"]), ("proven traits", card["traits"]), ("also called", card["aliases"]),
             ("reference vectors", card["golden"]), ("reduces to", [card["reduces_to"]] if card["reduces_to"] else []),
             ("aggregate", [card["aggregate"]] if card["aggregate"] else []),
             ("code", [f"{card['module']}.{card['attr']}"])]  # fmt: skip
    parts += _part("facts", "\n".join(f"{k}: {', '.join(v)}" for k, v in facts if v))
    return "\n".join(parts)


def _part(title: str, text: str, *, fill: bool = False) -> list[str]:
    return ["", *([title] if title else []), indent(text, fill=fill)] if text else []


def _words(text: str) -> str:
    """A docstring's text without its markup."""
    return re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "`")


def _table(rows: list[tuple], header: tuple[str, ...]) -> str:
    return table(rows, header, columns=min(width(), 120) - 2, wrap=True)


def _inputs(card: dict[str, Any], doc: Doc) -> str:
    rows = []
    for item in card["inputs"]:
        known = signal(item["name"])
        settings = ", ".join(f"{k}={v}" for k, v in item["settings"].items())
        name = f"{item['name']}({settings})" if settings else item["name"]
        need = "optional" if item["optional"] else known.moment
        rows.append((name, known.shape, known.dtype, need, _words(doc.args.get(item["name"], known.meaning))))
    return _table(rows, ("name", "shape", "dtype", "known at", "meaning")) if rows else ""


def _params(card: dict[str, Any], doc: Doc) -> str:
    rows = []
    for p in card["params"]:
        default = "required" if p["required"] else repr(p["default"])
        rows.append((p["name"], default, p["source"], p["annotation"], _words(doc.args.get(p["name"], ""))))
    return _table(rows, ("name", "default", "source", "type", "meaning")) if rows else ""


def _values(preset: dict[str, Any]) -> str:
    values = [f"{k}={v}" for k, v in preset["params"].items()]
    values += [f"{s}.{k}={v}" for s, bound in preset["bind"].items() for k, v in bound.items()]
    return ", ".join([*values, *([f"aggregate={preset['aggregate']}"] if preset["aggregate"] else [])])


def _paper(data: dict[str, Any]) -> str:
    paper = Paper(**data)
    return "  ".join(t for t in (paper.id, paper.title, paper.where, paper.url) if t)


def _signal(name: str) -> tuple[dict[str, Any], str] | None:
    try:
        known: Signal = signal(name)
    except UnknownNameError:
        return None
    cards = index().values()
    users = sorted(c["name"] for c in cards if name in {i["name"] for i in c["inputs"]})
    writers = sorted(c["name"] for c in cards if name in c["writes"])
    data = {**vars(known), "shape": known.shape, "asked_by": users, "written_by": writers}
    rows = [("shape", known.shape), ("dtype", known.dtype), ("known at", known.moment), ("from", known.provider),
            ("gradient", "flows" if known.grad else "none"), ("settings", ", ".join(known.settings)),
            ("other forms", ", ".join(f"{p}_{known.name}" for p in known.forms)),
            ("written by", ", ".join(writers)), ("asked by", ", ".join(users))]  # fmt: skip
    lines = [f"  {k:<12} {v}" for k, v in rows if v]
    return data, "\n".join([f"{name}: signal", indent(known.meaning, fill=True), "", *lines])


def _stage(name: str) -> tuple[dict[str, Any], str] | None:
    stage = STAGES.get(name)
    if stage is None:
        return None
    cards = [c for c in index().values() if c["stage"] == name]
    rows = [(c["name"], c["role"] or "", c["summary"]) for c in cards]
    text = [f"{name}: stage, folder guerdon.{stage.folder}", indent(f"returns {stage.returns}"), ""]
    text.append(indent(_table(rows, ("method", "role", "what it does"))) if rows else "  no methods")
    return {**vars(stage), "methods": [c["name"] for c in cards]}, "\n".join(text)


def _shipped() -> list[str]:
    from guerdon.recipe import shipped

    return list(shipped())


def _recipe(name: str) -> tuple[dict[str, Any], str] | None:
    from guerdon.recipe import load, shipped

    if name not in shipped():
        return None
    return load(name).data(), shipped()[name].read_text("utf-8").rstrip()


def _plugin(name: str) -> tuple[dict[str, Any], str] | None:
    if name not in plugins():
        return None
    from guerdon.registry import get  # a plug-in's card exists only once its package is imported

    card = get(name).card.data()
    doc = of_card(card)
    return {**card, "doc": vars(doc), "preset": None}, _method_text(card, None, doc)
