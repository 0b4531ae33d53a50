"""Docstrings read from source files, so that pages and ``guerdon show`` need no import of a method."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guerdon.errors import DataError

_ROOT = Path(__file__).parents[1]
_SECTION = re.compile(
    r"^(Args|Attributes|Returns|Raises|Example|Examples|Source|Reference|Differs|Note|Notes):\s*(.*)$"
)


@dataclass(frozen=True)
class Doc:
    """The parts of a docstring; ``body`` is what stands between the first sentence and the first section."""

    summary: str = ""
    equation: str = ""
    body: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: str = ""
    example: str = ""
    source: str = ""
    differs: str = ""
    notes: str = ""


def parse(text: str | None) -> Doc:
    """Split a docstring into its parts.

    Example:
        >>> doc = parse("One line.\\n\\nArgs:\\n    a, b: two things.\\n\\nSource: a paper.")
        >>> doc.args["b"], doc.source
        ('two things.', 'a paper.')
    """
    lines = inspect.cleandoc(text or "").splitlines()
    blocks: dict[str, list[str]] = {"": []}
    here = ""
    for line in lines:
        found = _SECTION.match(line)
        if found:
            here = {"Examples": "Example", "Reference": "Source", "Note": "Notes", "Attributes": "Args"}.get(
                found[1], found[1]
            )
            blocks.setdefault(here, [])
            if found[2]:
                blocks[here].append(found[2])
        else:
            blocks[here].append(line)
    head = "\n".join(blocks[""]).strip()
    first, _, rest = head.partition("\n\n")
    equation, body = _equations(rest)
    texts = {k: inspect.cleandoc("\n".join(["", *v])).strip() for k, v in blocks.items() if k not in ("", "Args")}
    prose = {k: _unwrap(texts.get(k, "")) for k in ("Returns", "Raises", "Source", "Differs", "Notes")}
    return Doc(
        " ".join(first.split()), equation, _unwrap(body), _args(blocks.get("Args", [])), prose["Returns"],
        prose["Raises"], texts.get("Example", ""), prose["Source"], prose["Differs"], prose["Notes"],
    )  # fmt: skip


def _equations(text: str) -> tuple[str, str]:
    """The ``.. math::`` blocks of a text as TeX, and the text without them."""
    tex, rest, inside = [], [], False
    for line in text.splitlines():
        if line.strip().startswith(".. math::"):
            inside = True
            tex.append(line.strip().removeprefix(".. math::").strip())
        elif inside and (line.startswith(" ") or not line.strip()):
            tex.append(line.strip())
        else:
            inside = False
            rest.append(line)
    return "\n".join(t for t in tex if t), "\n".join(rest).strip()


def _args(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc("\n".join(["", *lines])).splitlines():
        start = re.match(r"^([a-zA-Z_]\w*(?:\s*,\s*[a-zA-Z_]\w*)*):\s+(.*)$", line)
        if start:
            names = [n.strip() for n in start[1].split(",")]
            found.update(dict.fromkeys(names, start[2]))
        elif line.strip():
            for name in names:
                found[name] += " " + line.strip()
    return found


def _unwrap(text: str) -> str:
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text)]
    return "\n\n".join(p for p in paragraphs if p)


def path_of(module: str) -> Path:
    """Source file of a module, found without importing it when it is guerdon's own.

    Raises:
        DataError: there is no source file.
    """
    if module.partition(".")[0] == "guerdon":
        base = _ROOT.joinpath(*module.split(".")[1:])
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    else:
        spec = importlib.util.find_spec(module)
        path = Path(spec.origin) if spec and spec.origin else Path(module)
    if not path.is_file():
        raise DataError("no source file", where=module, seen=str(path), fix="python -m guerdon.registry")
    return path


@functools.cache
def tree(module: str) -> ast.Module:
    """Syntax tree of a module's source."""
    return ast.parse(path_of(module).read_text("utf-8"))


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def node(module: str, attr: str) -> Definition:
    """The definition of a function or class of a module.

    Raises:
        DataError: the module does not define it.
    """
    for item in tree(module).body:
        if isinstance(item, Definition) and item.name == attr:
            return item
    raise DataError(f"{module} defines no {attr}", where=str(path_of(module)), fix="python -m guerdon.registry")


def of_card(card: Mapping[str, Any]) -> Doc:
    """Docstring of a method; for classes with the arguments of ``__call__`` joined in."""
    return of_node(node(card["module"], card["attr"]))


def of_node(item: Definition) -> Doc:
    """Docstring of a definition; for classes with the arguments of ``__call__`` joined in."""
    doc = parse(ast.get_docstring(item))
    if not isinstance(item, ast.ClassDef):
        return doc
    for inner in item.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__call__":
            call = parse(ast.get_docstring(inner))
            merged = {f: getattr(doc, f) or getattr(call, f) for f in ("equation", "returns", "raises", "example")}
            return Doc(**{**vars(doc), **merged, "args": {**call.args, **doc.args}})
    return doc


def recipe_line(card: Mapping[str, Any], recipe_key: str, name: str | None = None) -> str:
    """How a method is named in a recipe, with its required hyper-parameters left open."""
    needed = "".join(f", {p['name']}: …" for p in card["params"] if p["required"])
    entry = f"{{use: {name or card['name']}{needed}}}"
    return "" if not recipe_key else f"{recipe_key}: {entry if recipe_key == 'task' else f'[{entry}]'}"
