"""Checks of a text that need no model and no language: counts, words, letters, case, and shapes.

Every public function of this module but :func:`unmet` is a constraint: it takes the text and named values, and returns
why the text does not meet it, ``""`` where it does. All are linear in the length of the text.
"""

from __future__ import annotations

import inspect
import json as _json
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

from guerdon.errors import DataError, UnknownNameError

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+|(?<=\d)[.,]\d+)*")
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]")
_BULLET = re.compile(r"^[ \t]*(?:[*•◦]|-(?!-))[ \t]+\S", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d{1,4}[.)][ \t]+\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*{1,2}(?=[^\s*])[^*\n]+\*{1,2}")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\]")
_TITLE = re.compile(r"<<[^<>\n]+>>")
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


def unmet(text: str, constraint: Mapping[str, Any]) -> str:
    """Why a text does not meet a constraint, ``""`` where it does.

    Args:
        text: what is judged.
        constraint: ``name`` of a function here, and its named values.

    Raises:
        UnknownNameError: no such constraint; the nearest is named.
        DataError: a value is missing, unknown or of another type.

    Example:
        >>> unmet("one two three", {"name": "words", "max": 2})
        'words: 3, at most 2 wanted'
        >>> unmet("one two", {"name": "words", "max": 2})
        ''
    """
    name, known = str(constraint.get("name")), _known()
    if name not in known:
        raise UnknownNameError("constraint", name, known)
    values = {k: v for k, v in constraint.items() if k != "name"}
    _check(name, known[name], values)
    return known[name](text, **values)


@cache
def _known() -> Mapping[str, Callable[..., str]]:
    module = sys.modules[__name__]
    found = inspect.getmembers(module, inspect.isfunction)
    return {
        n: f for n, f in found if f.__module__ == __name__ and not n.startswith("_") and n != "unmet"
    }  # fmt: skip


def _check(name: str, function: Callable[..., str], values: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    hints = typing.get_type_hints(function)
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in values]
    unknown = sorted(set(values) - {p.name for p in parameters})
    if missing or unknown:
        raise DataError(f"constraint {name!r} has other values", seen=unknown or f"missing {missing}",
                        allowed=[p.name for p in parameters])  # fmt: skip
    for key, value in values.items():
        if not _fits(value, hints[key]):
            raise DataError(f"value {key!r} of constraint {name!r} is of another kind", seen=repr(value),
                            allowed=str(hints[key]))  # fmt: skip
    if {"min", "max"} <= {p.name for p in parameters} and values.get("min") is None and values.get("max") is None:
        raise DataError(f"constraint {name!r} needs min, max or both", seen=dict(values))


def _fits(value: Any, hint: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, a) for a in args)
    if origin is Literal:
        return value in args
    if origin is list:
        return isinstance(value, (list, tuple)) and bool(value) and all(_fits(v, args[0]) for v in value)
    if hint is str:
        return isinstance(value, str) and value != ""
    return type(value) is hint or (hint is type(None) and value is None)


def _count(what: str, count: int, low: int | None, high: int | None) -> str:
    if low is not None and count < low:
        return f"{what}: {count}, at least {low} wanted"
    return f"{what}: {count}, at most {high} wanted" if high is not None and count > high else ""


def _blocks(text: str, separator: str) -> list[str]:
    return [b.strip() for b in text.split(separator) if b.strip()]


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", re.IGNORECASE)


def words(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of words; an apostrophe, a hyphen or the point of a number does not split one."""
    return _count("words", len(_WORD.findall(text)), min, max)


def sentences(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of sentences: ends at . ! ? and their kin before white space; a last one without an end counts."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text)]
    rest = _WORD.search(text, ends[-1] if ends else 0) is not None
    return _count("sentences", len(ends) + rest, min, max)


def paragraphs(text: str, *, min: int | None = None, max: int | None = None, separator: str = "\n\n") -> str:
    """Number of blocks between separators, empty ones left out."""
    return _count("paragraphs", len(_blocks(text, separator)), min, max)


def lines(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of lines that are not empty."""
    return _count("lines", len(_blocks(text, "\n")), min, max)


def characters(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of characters without outer white space."""
    return _count("characters", len(text.strip()), min, max)


def keywords(text: str, *, words: list[str]) -> str:
    """Every word occurs, as a whole word in any case."""
    missing = [w for w in words if not _whole(w).search(text)]
    return f"keywords: {missing[0]!r} is missing" if missing else ""


def keyword_count(text: str, *, word: str, min: int | None = None, max: int | None = None) -> str:
    """How often a whole word occurs, in any case."""
    return _count(f"keyword_count of {word!r}", len(_whole(word).findall(text)), min, max)


def forbidden_words(text: str, *, words: list[str]) -> str:
    """No word occurs, as a whole word in any case."""
    found = [w for w in words if _whole(w).search(text)]
    return f"forbidden_words: {found[0]!r} occurs" if found else ""


def forbidden_characters(text: str, *, characters: str) -> str:
    """None of the characters occurs, such as a comma."""
    found = [c for c in characters if c in text]
    return f"forbidden_characters: {found[0]!r} occurs" if found else ""


def letter_count(text: str, *, letter: str, min: int | None = None, max: int | None = None) -> str:
    """How often a letter occurs, in any case."""
    return _count(f"letter_count of {letter!r}", text.casefold().count(letter.casefold()), min, max)


def case(text: str, *, kind: Literal["lower", "upper", "title"]) -> str:
    """All letters are lower or upper case, or every word begins with a capital."""
    if kind == "title":
        met = all(w[0].isupper() or not w[0].isalpha() for w in _WORD.findall(text))
    else:
        met = text == (text.lower() if kind == "lower" else text.upper())
    return "" if met and any(c.isalpha() for c in text) else f"case: the text is not in {kind} case"


def capital_words(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of words in capitals throughout, of two letters or more."""
    found = [w for w in _WORD.findall(text) if w.isupper() and sum(c.isalpha() for c in w) > 1]
    return _count("capital_words", len(found), min, max)


def bullets(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of lines that begin with ``*``, ``-`` or a bullet."""
    return _count("bullets", len(_BULLET.findall(text)), min, max)


def numbered(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of lines that begin with ``1.`` or ``1)``."""
    return _count("numbered", len(_NUMBERED.findall(text)), min, max)


def starts_with(text: str, *, prefix: str) -> str:
    """The text begins so, after white space, in this case."""
    return "" if text.lstrip().startswith(prefix) else f"starts_with: it does not start with {prefix[:60]!r}"


def ends_with(text: str, *, suffix: str) -> str:
    """The text ends so, before white space, in this case."""
    return "" if text.rstrip().endswith(suffix) else f"ends_with: it does not end with {suffix[:60]!r}"


def first_word(text: str, *, word: str, paragraph: int = 1, separator: str = "\n\n") -> str:
    """The first word of a paragraph, counted from 1, in any case."""
    blocks = _blocks(text, separator)
    found = _WORD.search(blocks[paragraph - 1]) if 0 < paragraph <= len(blocks) else None
    met = found is not None and found.group().casefold() == word.casefold()
    return "" if met else f"first_word: paragraph {paragraph} does not begin with {word!r}"


def quoted(text: str) -> str:
    """The whole text stands between double quotes."""
    bare = text.strip()
    met = len(bare) > 2 and (bare[0], bare[-1]) in (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"))
    return "" if met else "quoted: the text is not wrapped in double quotes"


def json(text: str) -> str:
    """The whole text is JSON, or one fenced block of it."""
    bare = text.strip()
    fenced = _FENCE.fullmatch(bare)
    try:
        _json.loads(fenced.group(1) if fenced else bare)
    except (ValueError, RecursionError):
        return "json: the text is no JSON"
    return ""


def title(text: str) -> str:
    """There is a title in double angle brackets, ``<<so>>``."""
    return "" if _TITLE.search(text) else "title: there is no title in << >>"


def highlights(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of parts between asterisks, ``*so*`` or ``**so**``."""
    return _count("highlights", len(_HIGHLIGHT.findall(text)), min, max)


def placeholders(text: str, *, min: int | None = None, max: int | None = None) -> str:
    """Number of parts in square brackets, ``[so]``."""
    return _count("placeholders", len(_PLACEHOLDER.findall(text)), min, max)


def sections(text: str, *, marker: str, min: int | None = None, max: int | None = None) -> str:
    """Number of lines that begin with a marker and a number, ``SECTION 1``."""
    found = re.findall(rf"^[ \t#*]*{re.escape(marker)}[ \t]*\d+", text, re.MULTILINE | re.IGNORECASE)
    return _count(f"sections of {marker!r}", len(found), min, max)


def parts(text: str, *, separator: str, min: int | None = None, max: int | None = None) -> str:
    """Number of different parts between separators, such as two answers around ``******``."""
    return _count(f"parts between {separator!r}", len(set(_blocks(text, separator))), min, max)


def postscript(text: str, *, marker: str = "P.S.") -> str:
    """A line after the first begins with the marker."""
    met = any(line.strip().startswith(marker) for line in text.strip().split("\n")[1:])
    return "" if met else f"postscript: no later line begins with {marker!r}"


def one_of(text: str, *, options: list[str]) -> str:
    """The text is one of the options, without outer white space and a full stop."""
    bare = text.strip()
    met = any(o in (bare, bare.removesuffix(".")) for o in options)
    return "" if met else "one_of: the text is none of the options"
