"""Frames between the caller, the helper process and the workers: a length, a number, and JSON; no pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

_HEAD = struct.Struct(">IQ")
READ = 1 << 18


class WireError(Exception):
    """What arrived is not a frame, or is larger than allowed."""


def frame(number: int, body: bytes) -> bytes:
    """One message: its number, and its body as JSON."""
    return _HEAD.pack(len(body), number) + body


def pack(number: int, value: Any) -> bytes:
    """A frame that holds a value; text with lone surrogates survives, because everything is written in ASCII."""
    return frame(number, json.dumps(value, separators=(",", ":")).encode())


class Frames:
    """Cuts a stream of bytes into frames.

    Args:
        cap: the largest body that is accepted, in bytes.

    Example:
        >>> f, data = Frames(100), pack(7, {"a": 1}) + pack(8, 2)
        >>> list(f.feed(data[:15])), list(f.feed(data[15:]))
        ([], [(7, b'{"a":1}'), (8, b'2')])
    """

    def __init__(self, cap: int):
        self.cap = cap
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Every frame that is complete now.

        Raises:
            WireError: a body larger than the cap is announced.
        """
        self._held += data
        start = 0
        try:
            while len(self._held) - start >= _HEAD.size:
                size, number = _HEAD.unpack_from(self._held, start)
                if size > self.cap:
                    raise WireError(f"a message of {size} bytes, above the cap of {self.cap}")
                end = start + _HEAD.size + size
                if len(self._held) < end:
                    break
                body = bytes(self._held[start + _HEAD.size : end])
                start = end
                yield number, body
        finally:
            del self._held[:start]
