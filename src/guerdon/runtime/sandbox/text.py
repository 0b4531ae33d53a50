"""Text that came from code nobody trusts, made safe to show."""

from __future__ import annotations

_KEPT = "\n\t"


def shown(text: str, limit: int) -> str:
    """Text with every character that does not print (controls, escapes, directions, lone surrogates) as an escape.

    Example:
        >>> shown("a\\x1b[2J\\u202e\\n" + "b" * 100, 20)
        'a\\\\x1b[2J\\\\u202e\\nbbbb…'
    """
    escaped = "".join(
        c if c.isprintable() or c in _KEPT else c.encode("unicode_escape").decode("ascii") for c in text[: limit + 1]
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def decoded(data: bytes) -> str:
    """Bytes as text, exactly; bytes that are no UTF-8 as ``\\xff``."""
    return data.decode("utf-8", "backslashreplace")
