"""Reference pages: signals, commands, recipes, and every public function and class outside the methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from guerdon.cli import ABOUT, COMMANDS
from guerdon.cli.source import Definition, Doc, node, of_node, parse
from guerdon.docs_build.methods import path, uses
from guerdon.docs_build.text import code, fence, markdown, page, section, slug, table
from guerdon.signals import AXES, PREFIXES, SIGNALS


def signals_page(cards: Sequence[Mapping[str, Any]]) -> str:
    """The vocabulary, one section per signal."""
    parts = [
        "# Signals",
        "Every named quantity a method may ask for: a parameter before `*` in its signature is one of these names.",
        f"Axes: {', '.join(map(code, AXES))}.",
        "Prefixes: " + ", ".join(f"`{k}_` ({v})" for k, v in PREFIXES.items()) + ".",
    ]
    for known in SIGNALS.values():
        asked = [f"[`{c['name']}`](../{path(c)})" for c in cards if known.name in {i["name"] for i in c["inputs"]}]
        written = [f"[`{c['name']}`](../{path(c)})" for c in cards if known.name in c["writes"]]
        facts = [("Shape", known.shape), ("Type", known.dtype), ("Known at", known.moment), ("From", known.provider),
                 ("Gradient", "flows" if known.grad else ""), ("Settings", ", ".join(map(code, known.settings))),
                 ("Written by", ", ".join(written)), ("Asked by", ", ".join(asked))]  # fmt: skip
        lines = "\n".join(f"- {k}: {v}" for k, v in facts if v)
        parts += [f"## {known.name}", f"{markdown(known.meaning)}.", lines]
    return page(*parts)


def commands_page() -> str:
    """Every command with its options, from the same texts as ``--help``."""
    parts = ["# Commands", ABOUT]
    for name, command in COMMANDS.items():
        module, _, attr = command.target.partition(":")
        item = node(module, attr)
        assert isinstance(item, ast.FunctionDef)
        doc = of_node(item)
        flags = {a.arg for a in item.args.kwonlyargs}
        rows = [
            (code(f"--{n.replace('_', '-')}" if n in flags else n.upper()), markdown(t)) for n, t in doc.args.items()
        ]
        parts += [f"## guerdon {name}", markdown(doc.summary), markdown(doc.body), table(rows, ("Argument", "Meaning"))]
    return page(*parts)


def recipe_pages(
    recipes: Mapping[str, Mapping[str, Any]], texts: Mapping[str, str], cards: Sequence[Any]
) -> dict[str, str]:
    """One page per shipped recipe and their index."""
    homes = {n: path(c) for c in cards for n in (c["name"], *c["aliases"], *(p["name"] for p in c["presets"]))}
    out, rows = {}, []
    for name, data in recipes.items():
        about = markdown(" ".join(str(data.get("about", "")).split()))
        links = [f"[`{u}`](../{homes[u]})" if u in homes else code(u) for u in uses(data)]
        expect = table([(code(k), code(v)) for k, v in (data.get("expect") or {}).items()], ("Number", "Expected"))
        run = f"guerdon train {name}\nguerdon cp {name}"
        out[f"recipes/{slug(name)}.md"] = page(
            f"# {name}", about, fence("sh", run), section("Components", ", ".join(links)),
            section("Expected", expect), section("File", fence("yaml", texts[name])),
        )  # fmt: skip
        rows.append((f"[{name}]({slug(name)}.md)", about))
    out["recipes/index.md"] = page("# Recipes", table(rows, ("Recipe", "What it shows")) or "No recipe is shipped yet.")
    return out


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Public modules below a package folder: dotted name and file."""
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if not any(p.startswith("_") for p in parts[1:]):
            yield ".".join(parts), file


def public(file: Path) -> list[Definition]:
    """Public functions and classes a module defines."""
    body = ast.parse(file.read_text("utf-8")).body
    return [item for item in body if isinstance(item, Definition) and not item.name.startswith("_")]


def undocumented(package: Path) -> list[str]:
    """Public modules, functions, classes and methods of classes without a docstring, as dotted names."""
    found = []
    for name, file in modules(package):
        if not ast.get_docstring(ast.parse(file.read_text("utf-8"))):
            found.append(name)
        for item in public(file):
            if not ast.get_docstring(item):
                found.append(f"{name}.{item.name}")
            inner = item.body if isinstance(item, ast.ClassDef) else []
            found += [
                f"{name}.{item.name}.{d.name}" for d in inner
                if isinstance(d, ast.FunctionDef) and not d.name.startswith("_") and not ast.get_docstring(d)
                and not any(ast.unparse(x).endswith(".setter") for x in d.decorator_list)
            ]  # fmt: skip
    return found


def api_pages(package: Path, cards: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A page per top-level module or package, with all public functions and classes below it."""
    homes = {(c["module"], c["attr"]): c for c in cards}
    blocks: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for name, file in modules(package):
        top = name.split(".")[1] if "." in name else package.name
        entries = [_entry(item, homes.get((name, item.name))) for item in public(file)]
        head = parse(ast.get_docstring(ast.parse(file.read_text("utf-8"))))
        if entries:
            parts = [f"## {name}", markdown(head.summary), markdown(head.body), *entries]
            blocks.setdefault(top, []).append("\n\n".join(p for p in parts if p))
            counts[top] = counts.get(top, 0) + len(entries)
    out = {f"reference/api/{top}.md": page(f"# {package.name}.{top}", *parts) for top, parts in blocks.items()}
    rows = [(f"[{package.name}.{t}](api/{t}.md)", str(counts[t])) for t in sorted(blocks)]
    out["reference/index.md"] = page(
        "# Reference", "- [Signals](signals.md)\n- [Commands](commands.md)\n- [Methods](../methods/index.md)",
        section("Modules", table(rows, ("Module", "Public names"))),
    )  # fmt: skip
    return out


def _entry(item: Definition, card: Mapping[str, Any] | None) -> str:
    if card is not None:
        return f"### {item.name}\n\nThe method [`{card['name']}`](../../{path(card)})."
    doc: Doc = of_node(item)
    rows = [(code(n), markdown(t)) for n, t in doc.args.items()]
    members = []
    if isinstance(item, ast.ClassDef):
        for inner in item.body:
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                line = parse(ast.get_docstring(inner)).summary
                members.append((code(f"{inner.name}({_arguments(inner, skip=1)})"), markdown(line)))
    returns = f"Returns: {markdown(doc.returns)}" if doc.returns else ""
    parts = [f"### {item.name}", fence("python", _head(item)), markdown(doc.summary), fence("math", doc.equation),
             markdown(doc.body), table(rows, ("Argument", "Meaning")), returns, fence("pycon", doc.example),
             table(members, ("Member", "What it does")), markdown(doc.source)]  # fmt: skip
    return "\n\n".join(p for p in parts if p)


def _head(item: Definition) -> str:
    if isinstance(item, ast.ClassDef):
        bases = ", ".join(ast.unparse(b) for b in item.bases)
        return f"class {item.name}({bases})" if bases else f"class {item.name}"
    returns = f" -> {ast.unparse(item.returns)}" if item.returns else ""
    return f"{item.name}({_arguments(item)}){returns}"


def _arguments(item: ast.FunctionDef | ast.AsyncFunctionDef, *, skip: int = 0) -> str:
    text = ast.unparse(item.args)
    if skip and text.split(",")[0].strip() in ("self", "cls"):
        text = text.partition(",")[2].strip()
    return text
