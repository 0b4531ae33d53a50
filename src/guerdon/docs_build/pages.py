"""All generated pages together, and the comparison with what lies on disk."""

from __future__ import annotations

from pathlib import Path

import yaml

from guerdon.cli import ABOUT
from guerdon.docs_build import GENERATED
from guerdon.docs_build.claims import claims_page
from guerdon.docs_build.methods import by_paper, by_stage, method_page, path
from guerdon.docs_build.reference import api_pages, commands_page, recipe_pages, signals_page, undocumented
from guerdon.docs_build.suites import suite_pages
from guerdon.registry import index


def pages(root: Path) -> dict[str, str]:
    """Every generated page by its path below ``docs/``; nothing heavy is imported."""
    package = root / "src" / "guerdon"
    cards = list(index().values())
    texts = {f.stem: f.read_text("utf-8") for f in sorted((package / "recipes").glob("*.yaml"))}
    recipes = {name: yaml.safe_load(text) for name, text in texts.items()}
    out = {path(c): method_page(c, root, recipes) for c in cards}
    out |= {"methods/index.md": by_stage(cards), "methods/papers.md": by_paper(cards)}
    out |= {"reference/signals.md": signals_page(cards), "reference/commands.md": commands_page()}
    out["reference/claims.md"] = claims_page()
    suites = suite_pages(root)
    out |= suites
    out |= recipe_pages(recipes, texts, cards)
    out |= api_pages(package, cards)
    lines = ["# guerdon", "", f"> {ABOUT}", "", "## Methods", ""]
    lines += [f"- [{c['name']}]({path(c)}): {c['stage']}. {c['summary']}" for c in cards]
    lines += ["", "## Recipes", "", *(f"- [{n}](recipes/{n}.md)" for n in recipes)]
    lines += [
        "",
        "## Reference",
        "",
        "- [Signals](reference/signals.md)",
        "- [Commands](reference/commands.md)",
        "- [Claims](reference/claims.md)",
        *(f"- [Comparison of methods]({name})" for name in suites),
    ]
    out["llms.txt"] = "\n".join(lines) + "\n"
    return out


def problems(root: Path) -> list[str]:
    """What ``--check`` reports: public names without a docstring, and pages that are missing, stale or left over."""
    wanted = pages(root)
    docs = root / "docs"
    found = [f"no docstring: {name}" for name in undocumented(root / "src" / "guerdon")]
    for name, text in wanted.items():
        file = docs / name
        if not file.is_file():
            found.append(f"no page: docs/{name}")
        elif file.read_text("utf-8") != text:
            found.append(f"stale: docs/{name}")
    return found + [f"left over: docs/{name}" for name in _left_over(docs, wanted)]


def write(root: Path) -> int:
    """Write what changed, remove what nothing generates any more; how many files changed."""
    wanted = pages(root)
    docs = root / "docs"
    changed = 0
    for name, text in wanted.items():
        file = docs / name
        if not file.is_file() or file.read_text("utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            changed += 1
    for name in _left_over(docs, wanted):
        (docs / name).unlink()
        changed += 1
    return changed


def _left_over(docs: Path, wanted: dict[str, str]) -> list[str]:
    """Pages, and pictures without a page, in the generated folders."""
    files = [f for folder in GENERATED for f in sorted((docs / folder).rglob("*")) if f.suffix in (".md", ".svg")]
    names = [f.relative_to(docs).as_posix() for f in files]
    return [n for n in names if n.removesuffix(".svg").removesuffix(".md") + ".md" not in wanted]
