"""What the inside of a tagged block must be, as declared in a recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from guerdon.errors import RecipeError, UnknownNameError


class Body(TypedDict, total=False):
    """Conditions on the inside of a block; all that are given must hold.

    ``min_chars`` and ``max_chars`` count after trimming. ``not_one_of``: the trimmed body is none of these.
    ``without``: none of these texts occurs, case ignored. ``lines``: a line break follows the opening tag and precedes
    the closing one. ``boxes``: number of ``\\boxed``. ``json``: ``value`` for one JSON value, ``lines`` for one in
    every line. ``pair``: a separator that occurs once, with text on both sides; the second part does not repeat the
    first. ``first``: the part before the separator holds all words of one of these entries, case ignored.
    """

    min_chars: int
    max_chars: int
    not_one_of: Sequence[str]
    without: Sequence[str]
    lines: bool
    boxes: int
    json: str
    pair: str
    first: Sequence[str]


def known_rules(rules: Mapping[str, Body], names: Sequence[str], where: str) -> None:
    """Refuse rules for blocks or conditions that do not exist.

    Raises:
        UnknownNameError: no such block, or no such condition.
        RecipeError: ``first`` without ``pair``.
    """
    for name, rule in rules.items():
        if name not in names:
            raise UnknownNameError("block", name, names, where=f"{where}.rules")
        for key in rule:
            if key not in Body.__annotations__:
                raise UnknownNameError("condition", key, Body.__annotations__, where=f"{where}.rules.{name}")
        if "first" in rule and "pair" not in rule:
            raise RecipeError("first needs pair, the separator it stands before", where=f"{where}.rules.{name}",
                              seen=dict(rule), fix="pair: ':'")  # fmt: skip


def broken_rule(body: str, rule: Mapping[str, Any]) -> str:
    """The first condition that does not hold, ``""`` for none.

    Example:
        >>> broken_rule(" ", {"min_chars": 1}), broken_rule("qwen: who?", {"pair": ":", "first": ["qwen"]})
        ('min_chars', '')
    """
    text = body.strip()
    checks = {
        "min_chars": lambda: len(text) >= rule["min_chars"],
        "max_chars": lambda: len(text) <= rule["max_chars"],
        "not_one_of": lambda: text not in rule["not_one_of"],
        "without": lambda: not any(w.lower() in text.lower() for w in rule["without"]),
        "lines": lambda: not rule["lines"] or (len(body) > 1 and body[0] == body[-1] == "\n"),
        "boxes": lambda: body.count("\\boxed{") == rule["boxes"],
        "json": lambda: all(_is_json(line) for line in (text.splitlines() if rule["json"] == "lines" else [text])),
        "pair": lambda: _is_pair(text, rule["pair"]),
        "first": lambda: any(all(w in text.lower().partition(rule["pair"])[0] for w in e.lower().split())
                             for e in rule["first"]),
    }  # fmt: skip
    return next((name for name in rule if not checks[name]()), "")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_pair(text: str, separator: str) -> bool:
    first, _, second = (p.strip().lower() for p in text.partition(separator))
    return text.count(separator) == 1 and bool(first) and bool(second) and first not in second
