"""One page per method, and the indexes by stage and by paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guerdon.cli.source import Doc, node, of_card, recipe_line
from guerdon.docs_build.claims import of_papers
from guerdon.docs_build.text import code, fence, markdown, page, section, slug, table
from guerdon.method import STAGES, Paper
from guerdon.signals import signal

SOURCES = {
    "paper": "the paper",
    "code": "the authors' or a widely used code",
    "derived": "derived from the paper's other values",
    "ours": "our choice",
    "unverified": "reported, not verified",
}
Card = Mapping[str, Any]


def path(card: Card) -> str:
    """Page of a method, relative to ``docs/``."""
    return f"methods/{slug(card['stage'])}/{card['name']}.md"


def method_page(card: Card, root: Path, recipes: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of one method."""
    doc = of_card(card)
    picture = (root / "docs" / path(card)).with_suffix(".svg")
    return page(
        f"# {card['name']}",
        markdown(doc.summary),
        _facts(card),
        fence("math", doc.equation),
        markdown(doc.body),
        section("In a recipe", fence("yaml", recipe_line(card, STAGES[card["stage"]].recipe_key))),
        section("Signature", fence("python", _signature(card))),
        section("Signals", _signals(card, doc)),
        section("Hyper-parameters", _params(card, doc)),
        section("Returns", markdown(doc.returns or STAGES[card["stage"]].returns), _writes(card)),
        section("How it decides", _policy(card)),
        section("Raises", markdown(doc.raises)),
        section("Example", fence("pycon", doc.example)),
        section("Picture", f"![{card['name']} with its defaults]({picture.name})" if picture.is_file() else ""),
        section("Presets", _presets(card)),
        section("Differs", markdown(doc.differs)),
        section("Papers", _papers(card), markdown(doc.source)),
        section("How it was verified", _verified(card, root)),
        of_papers([p["slug"] for p in card["papers"]]),
        section("Recipes that use it", _used(card, recipes)),
        section("Notes", markdown(doc.notes)),
    )


def _facts(card: Card) -> str:
    stage = f"[{card['stage']}](../index.md#{slug(card['stage'])})"
    items = [("Stage", stage), ("Role", code(card["role"] or "")), ("Kind", card["kind"]),
             ("Statistics over", card["scope"].replace("_", " ")), ("Tags", ", ".join(card["tags"])),
             ("Also called", ", ".join(map(code, card["aliases"]))), ("Aggregate", code(card["aggregate"] or "")),
             ("Reduces to", markdown(card["reduces_to"]))]  # fmt: skip
    return "\n".join(f"- {name}: {value}" for name, value in items if value)


def _signature(card: Card) -> str:
    lines = [f"    {i['name']}: {i['annotation']}{' = None' if i['optional'] else ''}," for i in card["inputs"]]
    params = [f"    {p['name']}: {p['annotation']}{'' if p['required'] else ' = ' + repr(p['default'])},"
              for p in card["params"]]  # fmt: skip
    returns = node(card["module"], card["attr"])
    result = ""
    if card["kind"] == "stateful":
        # a class takes its hyper-parameters when it is built and its signals when it is called
        built = [f"{card['attr']}(", "    *,", *params, ")"] if params else [f"{card['attr']}()"]
        return "\n".join([*built, "", "__call__(", *lines, ")"])
    if getattr(returns, "returns", None) is not None:
        import ast

        result = f" -> {ast.unparse(returns.returns)}"  # type: ignore[union-attr]
    return "\n".join([f"{card['attr']}(", *lines, *(["    *,"] if params else []), *params, f"){result}"])


def _signals(card: Card, doc: Doc) -> str:
    rows = []
    for item in card["inputs"]:
        known = signal(item["name"])
        link = f"[`{item['name']}`](../../reference/signals.md#{slug(item['name'])})"
        settings = ", ".join(f"`{k}={v}`" for k, v in item["settings"].items())
        need = "optional" if item["optional"] else "needed"
        meaning = markdown(doc.args.get(item["name"], known.meaning))
        rows.append((link, known.shape, known.dtype, known.moment, need, settings, meaning))
    return table(rows, ("Signal", "Shape", "Type", "Known at", "", "Settings", "Meaning"))


def _params(card: Card, doc: Doc) -> str:
    rows = []
    for p in card["params"]:
        default = "required" if p["required"] else code(repr(p["default"]))
        origin = "" if p["required"] else SOURCES[p["source"]]
        rows.append((code(p["name"]), code(p["annotation"]), default, origin, markdown(doc.args.get(p["name"], ""))))
    return table(rows, ("Name", "Type", "Default", "Default from", "Meaning"))


def _policy(card: Card) -> str:
    policy = card["policy"]
    if not policy:
        return ""
    rows = [("Several answers", markdown(policy["several"])), ("No answer", markdown(policy["empty"])),
            ("An answer copied from the prompt", markdown(policy["copied"])),
            ("Floor, for a completion at fault", code(f"{policy['floor']:g}"))]  # fmt: skip
    return table(rows, ("Case", "What happens"))


def _writes(card: Card) -> str:
    links = [f"[`{w}`](../../reference/signals.md#{slug(w)})" for w in card["writes"]]
    return f"Writes the signals {', '.join(links)}." if links else ""


def _presets(card: Card) -> str:
    rows = []
    for preset in card["presets"]:
        values = [f"`{k}={v}`" for k, v in preset["params"].items()]
        values += [f"`{s}.{k}={v}`" for s, bound in preset["bind"].items() for k, v in bound.items()]
        values += [f"`aggregate={preset['aggregate']}`"] if preset["aggregate"] else []
        rows.append((code(preset["name"]), ", ".join(values), markdown(preset["note"])))
    return table(rows, ("Name", "Sets", "What it is"))


def _papers(card: Card) -> str:
    return "\n".join(f"- {_paper(Paper(**p))}" for p in card["papers"])


def _paper(paper: Paper) -> str:
    title = f"[{paper.title}]({paper.url})" if paper.url else paper.title
    return ", ".join(t for t in (title, paper.id, paper.where) if t)


def _verified(card: Card, root: Path) -> str:
    module = card["module"].split(".")[1:]
    test = Path("tests", *module[:-1], f"test_{module[-1]}.py")
    lines = [f"- The common checks of the library: `guerdon check {card['name']}`."]
    if card["traits"]:
        lines.append(f"- Declared traits, proven by those checks: {', '.join(map(code, card['traits']))}.")
    if (root / test).is_file():
        lines.append(f"- Its own tests: `{test.as_posix()}`.")
    if card["golden"]:
        names = ", ".join(f"`{g}.json`" for g in card["golden"])
        lines.append(f"- Reference vectors computed with the authors' own code: {names}.")
    return "\n".join(lines)


def _used(card: Card, recipes: Mapping[str, Mapping[str, Any]]) -> str:
    names = {card["name"], *card["aliases"], *(p["name"] for p in card["presets"])}
    return "\n".join(f"- [{r}](../../recipes/{slug(r)}.md)" for r, data in recipes.items() if names & set(uses(data)))


def uses(data: Any) -> list[str]:
    """Every component a recipe's data names.

    Example:
        >>> uses({"advantage": "grpo", "objective": [{"use": "clip"}, "clip_cov"], "name": "x"})
        ['grpo', 'clip', 'clip_cov']
    """
    keys = {s.recipe_key for s in STAGES.values() if s.recipe_key}
    found = []
    for key in keys & data.keys() if isinstance(data, Mapping) else ():
        for entry in data[key] if isinstance(data[key], list) else [data[key]]:
            name = entry.get("use") if isinstance(entry, Mapping) else entry
            if isinstance(name, str):
                found.append((list(data).index(key), name))
                if isinstance(entry, Mapping) and entry.get("preset"):
                    found.append((list(data).index(key), f"{name}/{entry['preset']}"))
    return [name for _, name in sorted(found, key=lambda f: f[0])]


def by_stage(cards: Sequence[Card]) -> str:
    """Index of all methods, a table per stage."""
    parts = [
        "# Methods",
        f"{len(cards)} methods. [By paper](papers.md). Names below are what a recipe writes after `use:`.",
    ]
    for stage in STAGES.values():
        rows = [(f"[`{c['name']}`]({path(c).removeprefix('methods/')})", code(c["role"] or ""),
                 ", ".join(code(p["name"]) for p in c["presets"]), markdown(c["summary"]))
                for c in cards if c["stage"] == stage.name]  # fmt: skip
        if rows:
            heading = f"## {stage.name.capitalize()}\n\nReturns {markdown(stage.returns)}."
            parts += [heading, table(rows, ("Name", "Role", "Presets", "What it does"))]
    return page(*parts)


def by_paper(cards: Sequence[Card]) -> str:
    """Index of all papers with the methods that come from them."""
    found: dict[str, tuple[Paper, list[Card]]] = {}
    for card in cards:
        for data in card["papers"]:
            paper = Paper(**data)
            found.setdefault(paper.id, (paper, []))[1].append(card)
    rows = [
        (_paper(paper), ", ".join(f"[`{c['name']}`]({path(c).removeprefix('methods/')})" for c in used))
        for paper, used in sorted(found.values(), key=lambda f: f[0].title.lower())
    ]
    return page("# Papers", f"{len(rows)} papers. [By stage](index.md).", table(rows, ("Paper", "Methods")))
