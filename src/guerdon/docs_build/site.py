"""The static site: Markdown to plain HTML files that open from disk, with search and formulas, without network.

Formulas become MathML when ``latex2mathml`` is installed, else their TeX is shown.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon.docs_build.text import slug
from guerdon.errors import DataError

_INLINE = re.compile(r"\$`([^`]+)`\$")
_LINK = re.compile(r'(href|src)="([^"#:]+)(#[^"]*)?"')


@dataclass(frozen=True)
class Page:
    """One rendered page: where it goes, its title, its HTML and its words."""

    name: str
    title: str
    body: str
    words: str


def build(docs: Path, site: Path) -> int:
    """Render every Markdown file below ``docs`` into ``site``; how many pages.

    Raises:
        DataError: a link points to a page or a heading that does not exist.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = [render(f.relative_to(docs).as_posix(), f.read_text("utf-8")) for f in sorted(docs.rglob("*.md"))]
    broken = links(pages, docs)
    if broken:
        raise DataError("broken links in the documentation", seen=broken)
    theme = Path(__file__).with_name("theme")
    template = Environment(
        loader=FileSystemLoader(theme), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("page.html")
    # built beside and moved at the end, so an error leaves the last good site
    fresh = site.with_name(site.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for page in pages:
        up = "../" * page.name.count("/")
        target = (fresh / page.name).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template.render(page=page, up=up, nav=_nav(pages), trail=page.name.split("/")[:-1]), "utf-8")
    for extra in [*sorted(docs.rglob("*.svg")), docs / "llms.txt"]:
        if extra.is_file():
            (fresh / extra.relative_to(docs)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(extra, fresh / extra.relative_to(docs))
    for name in ("style.css", "search.js"):
        shutil.copyfile(theme / name, fresh / name)
    (fresh / "pages.js").write_text(_search(pages), "utf-8")
    shutil.rmtree(site, ignore_errors=True)
    fresh.rename(site)
    return len(pages)


def render(name: str, text: str) -> Page:
    """One Markdown file as a page."""
    from markdown_it import MarkdownIt

    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(formula(found[1], block=False))
        return f"\ue000{len(kept) - 1}\ue001"

    parser = MarkdownIt("commonmark", {"html": False, "highlight": _highlight}).enable("table")
    tokens = parser.parse(_INLINE.sub(keep, text))
    title, words, seen = "", [], set()
    for i, token in enumerate(tokens):
        if token.type == "inline":
            plain = re.sub("\ue000\\d+\ue001", "", "".join(c.content for c in token.children or []))
            words.append(plain)
            if tokens[i - 1].type == "heading_open":
                title = title or plain
                anchor = slug(plain)
                while anchor in seen:
                    anchor += "-"
                seen.add(anchor)
                tokens[i - 1].attrs["id"] = anchor
    body = parser.renderer.render(tokens, parser.options, {})
    body = re.sub("\ue000(\\d+)\ue001", lambda m: kept[int(m[1])], body)
    body = re.sub(r'(href="[^":]*?)\.md(["#])', r"\1.html\2", body)
    return Page(name, title or name, body, " ".join(words))


def formula(tex: str, *, block: bool) -> str:
    """TeX as MathML, or as its own source where the converter is missing."""
    try:
        from latex2mathml.converter import convert  # pyright: ignore[reportMissingImports]
    except ImportError:
        tag = "pre" if block else "code"
        return f'<{tag} class="tex">{html.escape(tex)}</{tag}>'
    return convert(tex, display="block" if block else "inline")


def _highlight(text: str, language: str, attributes: str) -> str:
    if language == "math":
        return (
            "<pre class='math'>" + "".join(formula(t, block=True) for t in text.split("\n\n") if t.strip()) + "</pre>"
        )
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    # markdown-it keeps what starts with <pre as it is
    return f'<pre class="code">{highlight(text, lexer, HtmlFormatter(nowrap=True))}</pre>'


def links(pages: list[Page], docs: Path) -> list[str]:
    """Links between pages that lead nowhere, as ``page: target``."""
    anchors = {p.name: set(re.findall(r'<h\d id="([^"]+)"', p.body)) for p in pages}
    broken = []
    for page in pages:
        for _, target, anchor in _LINK.findall(page.body):
            name = _join(page.name, target)
            if name.endswith(".html"):
                known = anchors.get(name.removesuffix(".html") + ".md")
                if known is None or (anchor and anchor[1:] not in known):
                    broken.append(f"{page.name}: {target}{anchor}")
            elif not (docs / name).is_file():
                broken.append(f"{page.name}: {target}")
    return broken


def _join(page: str, target: str) -> str:
    parts = page.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1] if parts else ["outside"]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _nav(pages: list[Page]) -> list[dict[str, Any]]:
    """Hand-written pages, then the index pages of the generated folders."""
    top = [p for p in pages if "/" not in p.name or (p.name.endswith("/index.md") and p.name.count("/") == 1)]
    order = sorted(top, key=lambda p: (p.name != "index.md", "/" in p.name, p.name))
    return [{"href": p.name.removesuffix(".md") + ".html", "title": p.title} for p in order]


def _search(pages: list[Page]) -> str:
    data = [{"t": p.title, "u": p.name.removesuffix(".md") + ".html", "w": p.words[:600].lower()} for p in pages]
    return "window.PAGES = " + json.dumps(data, ensure_ascii=False).replace("</", "<\\/") + ";\n"
