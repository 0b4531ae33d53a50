"""Plain values as bytes and back, by exact type: a small tagged JSON, read strictly.

``null``, ``true``, numbers and text stand for themselves; everything else is a list that starts with a tag:
``["l", …]`` list, ``["t", …]`` tuple, ``["s", …]`` set, ``["z", …]`` frozenset, ``["d", key, value, …]`` dict,
``["b", hex]`` bytes, ``["i", hex]`` a large int, ``["f", "nan"]`` a float that JSON has no number for,
``["c", real, imaginary]`` complex.
"""

from __future__ import annotations

import json
from json.encoder import py_encode_basestring_ascii as _text
from typing import Any, NoReturn

DEPTH = 100
_SMALL = 1 << 53  # larger ints are written in hexadecimal, which is read in linear time
_ODD = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_SAME_HASH = 100
_UNORDERED = {"s": set, "z": frozenset}


class NotPlainError(Exception):
    """A value that is no plain data, or nested too deeply; the text names its type."""


class TooLargeError(Exception):
    """A value whose encoding is above the cap."""


class ForgedError(Exception):
    """Bytes that the encoder never writes."""


def encode(value: Any, cap: int) -> bytes:
    """The encoding of a plain value.

    Raises:
        NotPlainError: it holds something else than plain values of exact types.
        TooLargeError: it would be longer than ``cap`` bytes.

    Example:
        >>> encode([1, (2.0, float("nan")), {"a": b"x"}], 1000)
        b'["l",1,["t",2.0,["f","nan"]],["d","a",["b","78"]]]'
    """
    writer = _Writer(cap)
    writer.add(value, 0)
    return "".join(writer.parts).encode("ascii")


class _Writer:
    def __init__(self, cap: int):
        self.left, self.parts = cap, list[str]()

    def put(self, text: str) -> None:
        self.left -= len(text) + 1
        if self.left < 0:
            raise TooLargeError
        self.parts.append(text)

    def add(self, value: Any, depth: int) -> None:
        kind = type(value)  # never isinstance: a class can lie about what it is
        if depth > DEPTH:
            raise NotPlainError(f"nested more than {DEPTH} deep")
        if value is None:
            self.put("null")
        elif kind is bool:
            self.put("true" if value else "false")
        elif kind is int:
            if -_SMALL < value < _SMALL:
                self.put(str(value))
            else:
                self.room(value.bit_length() // 4)
                self.put(f'["i","{value:x}"]')
        elif kind is float:
            if value != value or value in (_ODD["inf"], _ODD["-inf"]):
                self.put(f'["f","{value!r}"]')
            else:
                self.put(repr(value))
        elif kind is str:
            self.room(len(value))
            self.put(_text(value))
        elif kind is bytes:
            self.room(2 * len(value))
            self.put(f'["b","{value.hex()}"]')
        elif kind is complex:
            self.many("c", (value.real, value.imag), depth)
        elif kind is dict:
            self.many("d", (x for pair in value.items() for x in pair), depth)
        elif kind in _TAGS:
            self.many(_TAGS[kind], value, depth)
        else:
            raise NotPlainError(f"a value of type {kind.__name__}")

    def room(self, size: int) -> None:
        if size > self.left:
            raise TooLargeError

    def many(self, tag: str, values: Any, depth: int) -> None:
        self.put(f'["{tag}"')
        for value in values:
            self.parts.append(",")
            self.add(value, depth + 1)
        self.put("]")


_TAGS = {list: "l", tuple: "t", set: "s", frozenset: "z"}


def decode(data: bytes) -> Any:
    """The value of an encoding.

    Raises:
        ForgedError: bytes that :func:`encode` never writes.

    Example:
        >>> decode(b'["t",1,["s",2]]')
        (1, {2})
    """
    try:
        # without a word on large literals: ints above 4,300 digits are refused by the interpreter itself
        found = json.loads(data, parse_constant=_forged, object_pairs_hook=_forged)
        return _value(found, 0)
    except (ValueError, RecursionError, TypeError) as error:
        raise ForgedError(f"no encoding of a plain value: {type(error).__name__}") from None


def _forged(seen: Any) -> NoReturn:
    raise ValueError("not written by the encoder")


def _value(found: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise ValueError
    if type(found) is not list:
        return found
    if not found or type(found[0]) is not str:
        raise ValueError
    tag, rest = found[0], found[1:]
    if tag in ("i", "f", "b"):
        (text,) = rest
        if type(text) is not str:
            raise ValueError
        return _literal(tag, text)
    values = [_value(x, depth + 1) for x in rest]
    if tag == "l":
        return values
    if tag == "t":
        return tuple(values)
    if tag in _UNORDERED:
        _spread(values)
        made = _UNORDERED[tag](values)
        if len(made) != len(values) and not any(x != x for x in values):
            raise ValueError
        return made
    if tag == "d":
        if len(values) % 2:
            raise ValueError
        _spread(values[::2])
        return dict(zip(values[::2], values[1::2], strict=True))
    if tag == "c":
        real, imaginary = values
        if type(real) is not float or type(imaginary) is not float:
            raise ValueError
        return complex(real, imaginary)
    raise ValueError


def _spread(values: list[Any]) -> None:
    """Refuse many values of one hash, which only a forger has: a set of them takes time that grows with the square."""
    seen: dict[int, int] = {}
    for value in values:
        number = hash(value)
        seen[number] = count = seen.get(number, 0) + 1
        if count > _SAME_HASH:
            raise ValueError


def _literal(tag: str, text: str) -> Any:
    if tag == "f":
        if text not in _ODD:
            raise ValueError
        return _ODD[text]
    if tag == "b":
        if len(text) % 2 or text.strip("0123456789abcdef"):
            raise ValueError
        return bytes.fromhex(text)
    digits = text.removeprefix("-")
    if not digits or digits.strip("0123456789abcdef") or digits[0] == "0":
        raise ValueError
    return int(text, 16)
