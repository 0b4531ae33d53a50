"""Tool calls as text: cut out of a completion in the common formats, read as plain data, and compared.

Everything is linear in the text and bounded: the last 100,000 characters, 64 calls, 32 levels of nesting. Nothing is
evaluated. What looks like a call and cannot be read is kept as a broken one, so that it is never mistaken for no call.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from guerdon.errors import UnknownNameError
from guerdon.ops import plain_values
from guerdon.ops.answers import MAX_TEXT, number_of, plain_text

CallFormat: TypeAlias = Literal["auto", "tags", "openai"]
Plain: TypeAlias = tuple[str, Mapping[str, Any]]
BROKEN: Plain = ("", {})
CALL_FORMATS: tuple[str, ...] = ("auto", "tags", "openai")
MAX_CALLS, MAX_DEPTH, MAX_DIGITS = 64, 32, 400

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)
_ARGUMENTS = ("arguments", "parameters")


def read_calls(text: str, form: str = "auto") -> list[Plain]:
    """Name and arguments of every call of a completion, in order; a broken one is ``("", {})``.

    Args:
        text: the completion.
        form: ``tags`` reads every ``<tool_call>`` element: one JSON object, a list, or one object per line, with
            ``name`` and ``arguments`` or ``parameters``; ``openai`` reads a JSON text that is an object with
            ``tool_calls``, a call, or a list of calls, where ``function.arguments`` may be JSON in a string; ``auto``
            takes the tags where there is one.

    Raises:
        UnknownNameError: no such format.

    Example:
        >>> read_calls('<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call> then <tool_call>oops</tool_call>')
        [('f', {'x': 1}), ('', {})]
        >>> read_calls('{"tool_calls": [{"function": {"name": "g", "arguments": "{}"}}]}')
        [('g', {})]
    """
    if form not in CALL_FORMATS:
        raise UnknownNameError("format of tool calls", form, CALL_FORMATS)
    tail = text[-MAX_TEXT:]
    if form == "tags" or (form == "auto" and _OPEN in tail):
        found = [call for block in _blocks(tail) for call in _block(block)]
    else:
        found = _openai(tail)
    return found if len(found) <= MAX_CALLS else [*found[:MAX_CALLS], BROKEN]


def _blocks(text: str) -> Iterator[str | None]:
    """Content of each element; None for one that is never closed."""
    at = text.find(_OPEN)
    while at >= 0:
        start = at + len(_OPEN)
        end = text.find(_CLOSE, start)
        if end < 0:
            yield None
            return
        yield text[start:end]
        at = text.find(_OPEN, end)


def _block(block: str | None) -> list[Plain]:
    if block is None or not block.strip():
        return [BROKEN]
    whole = load_json(block)
    if whole is not _BAD:
        return _calls(whole)
    # one object per line; a line that is none is one broken call
    return [call for line in block.splitlines() if line.strip() for call in _calls(load_json(line))]


def _openai(text: str) -> list[Plain]:
    body = text.strip()
    fenced = _FENCE.search(body)
    if fenced:
        body = fenced.group(1).strip()
    if not body.startswith(("{", "[")):
        return []
    loaded = load_json(body)
    if loaded is _BAD:
        return [BROKEN]
    if isinstance(loaded, Mapping) and "tool_calls" in loaded:
        calls = loaded["tool_calls"]
        return [] if calls is None else _calls(calls)
    looks = loaded if isinstance(loaded, list) else [loaded]
    if not any(isinstance(c, Mapping) and ("name" in c or "function" in c) for c in looks):
        return []  # JSON, but no call: an answer
    return _calls(loaded)


def _calls(data: Any) -> list[Plain]:
    if isinstance(data, list):
        return [plain_call(c) for c in data]
    return [plain_call(data)]


def plain_call(data: Any) -> Plain:
    """One call from its JSON object; the broken call where it is none.

    Example:
        >>> plain_call({"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}})
        ('f', {'x': 1})
    """
    if not isinstance(data, Mapping):
        return BROKEN
    inner = data["function"] if isinstance(data.get("function"), Mapping) else data
    name = inner.get("name")
    key = next((k for k in _ARGUMENTS if k in inner), None)
    if not isinstance(name, str) or not name.strip() or key is None:
        return BROKEN
    arguments = inner[key]
    if isinstance(arguments, str):
        arguments = load_json(arguments) if arguments.strip() else {}
    if arguments is None:
        arguments = {}
    return (name.strip(), arguments) if isinstance(arguments, Mapping) else BROKEN


class _Bad:
    """Stands for JSON that cannot be read, where None is a value."""


_BAD = _Bad()


def load_json(text: str) -> Any:
    """JSON with limits on nesting and digits; an object that is no JSON value where it is none.

    NaN, infinities and repeated keys are refused: two readers could take them differently.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return _BAD
    return _BAD if too_deep(value) else value


def is_json(value: Any) -> bool:
    """Whether :func:`load_json` could read its text."""
    return value is not _BAD


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise ValueError("a key is given twice")
    return found


def too_deep(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested deeper than the limit."""
    level = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                inner += item.values()
            elif isinstance(item, (list, tuple)):
                inner += item
        if not inner:
            return False
        level = inner
    return True


def same_value(a: Any, b: Any, *, loose: bool = False) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, True is no number, keys have no order.

    Args:
        a, b: plain values.
        loose: text is compared without case and outer space, and text that is a number equals that number.

    Example:
        >>> same_value({"a": [1, 2.0]}, {"a": [1.0, 2]}), same_value(True, 1), same_value("1", 1, loose=True)
        (True, False, True)
    """
    if not loose:
        return plain_values.same_value(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(a[k], b[k], loose=True) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same_value(x, y, loose=True) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        written = isinstance(a, str) or isinstance(b, str)
        return str(a).strip().lower() == str(b).strip().lower() if written else a is b
    return _loose(a) == _loose(b)


def _loose(value: Any) -> Any:
    if isinstance(value, str):
        number = number_of(value)
        return plain_text(value) if number is None else number
    return Fraction(str(value)) if isinstance(value, (int, float)) and math.isfinite(value) else value
