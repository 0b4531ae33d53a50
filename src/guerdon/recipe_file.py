"""Reading recipe files: safe YAML with the line of every key, and dotted overrides."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from guerdon.errors import DataError, RecipeError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40


@dataclass(frozen=True)
class Source:
    """A recipe's file and the line of each dotted key."""

    name: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """``file:line: key``, with the line of the nearest enclosing key that has one."""
        parts = key.split(".")
        for size in range(len(parts), 0, -1):
            line = self.lines.get(".".join(parts[:size]))
            if line:
                return f"{self.name}:{line}: {key}"
        return f"{self.name}: {key}" if key else self.name


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """A YAML mapping and the line of each dotted key.

    Raises:
        DataError: not UTF-8, too large, nested too deep, not YAML, a tag, a duplicate key, or not a mapping.
    """
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            raise DataError("a recipe is at most 1 MB", where=str(path), seen=f"{len(raw)} bytes")
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=str(path), seen=f"byte {error.start}") from None
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    if _deep(text):
        raise DataError(f"nested deeper than {MAX_DEPTH} levels", where=str(path), fix="recipes are small and flat")
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        lines: dict[str, int] = {}
        _walk(node, "", lines, path)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise DataError(f"not valid YAML: {error.problem}", where=place) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"not valid YAML: {error}", where=str(path)) from None
    if not isinstance(data, dict):
        raise DataError(
            "a recipe is a mapping of keys", where=str(path), seen=type(data).__name__, fix="start with task: …"
        )
    return data, lines


def _deep(text: str) -> bool:
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    indents = max((len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip()), default=0)
    dashes = max((line.count("- ") for line in text.splitlines()), default=0)
    return max(deepest, indents // 2, dashes) > MAX_DEPTH


def _walk(node: yaml.Node | None, path: str, lines: dict[str, int], file: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise DataError("the key appears twice", where=f"{file}:{key.start_mark.line + 1}", seen=name)
            seen.add(name)
            inner = f"{path}.{name}" if path else name
            lines[inner] = key.start_mark.line + 1
            _walk(value, inner, lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{path}.{i}"] = value.start_mark.line + 1
            _walk(value, f"{path}.{i}", lines, file)


def apply_override(data: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A copy of ``data`` with one ``dotted.key=value`` set; the value is YAML.

    Example:
        >>> apply_override({"train": {"steps": 3}}, "train.steps=5")
        {'train': {'steps': 5}}

    Raises:
        RecipeError: no ``=``, a value that is not YAML, or a path through something that is no mapping or list.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RecipeError("an override is written key=value", seen=text, fix="for example train.steps=10")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise RecipeError("the value of an override must be YAML", where=key, seen=value) from None
    out = copy.deepcopy(dict(data))
    here: Any = out
    parts = key.split(".")
    for i, part in enumerate(parts[:-1]):
        here = _enter(here, part, ".".join(parts[: i + 1]), out, parts[:i])
    last = parts[-1]
    if isinstance(here, list):
        here[_position(here, last, key)] = parsed
    else:
        here[last] = parsed
    return out


def _enter(here: Any, part: str, path: str, root: dict, before: list[str]) -> Any:
    if isinstance(here, list):
        return here[_position(here, part, path)]
    if part.isdigit():
        raise RecipeError("there is no list here", where=path, seen=type(here).__name__)
    value = here.get(part)
    if value is None:
        value = here[part] = {}
    elif isinstance(value, str) and part in ("task", "policy", "aggregate"):
        value = here[part] = {"use": value}
    elif not isinstance(value, (dict, list)):
        raise RecipeError("cannot set a key inside a plain value", where=path, seen=value)
    if isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, str):
                value[i] = {"use": item}
    return value


def _position(items: list, part: str, path: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        named = [i for i, v in enumerate(items) if isinstance(v, dict) and part in (v.get("use"), v.get("name"))]
        if named:
            return named[0]
        allowed = [str(i) for i in range(len(items))] + [str(v.get("use")) for v in items if isinstance(v, dict)]
        raise RecipeError("no such entry of the list", where=path, seen=part, allowed=allowed)
    return int(part)
