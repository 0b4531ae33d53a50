"""Reading recipe files: safe YAML with the line of every key, and dotted overrides."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from guerdon.errors import DataError, RecipeError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
# keys that hold a list of entries, of which a single one may stand without brackets
LISTS = ("reward", "shaping", "advantage", "objective", "selection")


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


class _Loader(yaml.SafeLoader):
    """Plain values as in YAML 1.2: ``on`` and ``no`` are words, ``1e-3`` is a number, dates and times are text."""


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a reader of YAML 1.1 or 1.2 would take for something else."""


_PLAIN = (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("tag:yaml.org,2002:float", r"^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$", list("-+.")),
)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _first)
# the inherited reader of integers takes a leading 0 for octal
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(str(node.value)))


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """A YAML mapping and the line of each dotted key.

    Raises:
        DataError: not UTF-8, too large, nested too deep, not YAML, a tag, an alias, a duplicate key, or not a mapping.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise DataError("a recipe is at most 1 MB", where=str(path), seen=f"{path.stat().st_size} bytes")
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=str(path), seen=f"byte {error.start}") from None
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    lines: dict[str, int] = {}
    data = parse_yaml(text, str(path), lines)
    if not isinstance(data, dict):
        raise DataError(
            "a recipe is a mapping of keys", where=str(path), seen=type(data).__name__, fix="start with task: …"
        )
    return data, lines


def parse_yaml(text: str, where: str, lines: dict[str, int] | None = None) -> Any:
    """Plain data from YAML text that may be hostile; fills ``lines`` with the line of each dotted key.

    Example:
        >>> parse_yaml("{lr: 1e-3, on: [clip], day: 2024-01-01}", "example")
        {'lr': 0.001, 'on': ['clip'], 'day': '2024-01-01'}

    Raises:
        DataError: not YAML, nested too deep, a tag, an alias, a duplicate key.
    """
    try:
        _refuse(text, where)
        node = yaml.compose(text, _Loader)
        _walk(node, "", {} if lines is None else lines, where)
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise DataError(
            f"not valid YAML: {error.problem}", where=f"{where}:{mark.line + 1}" if mark else where
        ) from None
    except yaml.YAMLError as error:
        raise DataError(f"not valid YAML: {' '.join(str(error).split())}", where=where) from None
    except ValueError as error:  # such as more digits than Python reads
        raise DataError(f"not a value: {error}", where=where) from None


def dump_yaml(data: Any) -> str:
    """YAML text that :func:`parse_yaml` and any other reader take for the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _refuse(text: str, where: str) -> None:
    """Stop at what recipes do not need and attackers do, before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        place = f"{where}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DataError("recipes have no anchors and aliases", where=place, fix="write the value out")
        if getattr(event, "tag", None):
            raise DataError("recipes have no tags", where=place, seen=event.tag, fix="write plain values")  # type: ignore[attr-defined]
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise DataError(f"nested deeper than {MAX_DEPTH} levels", where=place, fix="recipes are small and flat")


def _walk(node: yaml.Node | None, path: str, lines: dict[str, int], where: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise DataError("the key appears twice", where=f"{where}:{key.start_mark.line + 1}", seen=name)
            seen.add(name)
            inner = f"{path}.{name}" if path else name
            lines[inner] = key.start_mark.line + 1
            _walk(value, inner, lines, where)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{path}.{i}"] = value.start_mark.line + 1
            _walk(value, f"{path}.{i}", lines, where)


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
    parts = key.split(".")
    if len(parts) > MAX_DEPTH or "" in parts:
        raise RecipeError("not a dotted key", seen=key, fix="for example train.steps=10")
    try:
        parsed = parse_yaml(value, key)
    except DataError as error:
        raise RecipeError(f"the value of an override must be plain YAML: {error.what}", where=key, seen=value) from None
    out = copy.deepcopy(dict(data))
    here: Any = out
    for i, part in enumerate(parts[:-1]):
        here = _enter(here, part, ".".join(parts[: i + 1]), out)
    last = parts[-1]
    if isinstance(here, list):
        here[_position(here, last, key)] = parsed
    else:
        here[last] = parsed
    return out


def _enter(here: Any, part: str, path: str, root: dict) -> Any:
    if isinstance(here, list):
        return here[_position(here, part, path)]
    if part.isdigit():
        raise RecipeError("there is no list here", where=path, seen=type(here).__name__)
    value = here.get(part)
    if value is None:
        value = here[part] = {}
    elif here is root and part in LISTS and not isinstance(value, list):
        value = here[part] = [value]
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
