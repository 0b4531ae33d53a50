"""What is looked at before an answer is read: size, nesting, digit runs, and characters that only look like others.

Every step is linear in at most :data:`MAX_ANSWER` characters, so hostile text costs microseconds.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from guerdon.ops.answers import MAX_ANSWER

MAX_NESTING, MAX_DIGITS, MAX_EXPONENT_DIGITS, MAX_MARKS = 64, 400, 6, 4

_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"

_DIGITS = re.compile(rf"\d{{{MAX_DIGITS + 1},}}", re.ASCII)
_EXPONENT = re.compile(rf"(?:(?:\^|\*\*)[ ({{+-]*|(?<=[\d.])[eE][+-]?)\d{{{MAX_EXPONENT_DIGITS + 1},}}", re.ASCII)
_MARK_RUN = re.compile(f"({_MARKS}{{{MAX_MARKS}}}){_MARKS}+")
_OPEN, _CLOSE = "([{", ")]}"
# what NFKC would turn into something else: 3½ into 31/2, x² into x2
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "⁄": "/", "∕": "/", "÷": "/", "×": "*", "·": "*",
                        "∙": "*", "⋅": "*", "∗": "*", "’": "'"})  # fmt: skip


@dataclass(frozen=True)
class Screened:
    """Text that may be read, or the reason why it may not; ``note`` says which characters were replaced."""

    text: str
    problem: str = ""
    note: str = ""


def screen(raw: str) -> Screened:
    r"""Bring an answer to plain characters and refuse what no honest answer looks like.

    Example:
        >>> screen("３½").text, screen("x²").text, screen("1" * 500).problem
        ('3\\frac{1}{2}', 'x^{2}', 'more than 400 digits in a row')
    """
    if len(raw) > MAX_ANSWER:
        return Screened("", f"longer than {MAX_ANSWER:,} characters")
    if raw.isascii() and raw.isprintable():
        text, note = raw, ""
    else:
        text = _plain(raw)
        note = "" if text == raw else "characters replaced by plain ones"
        if len(text) > 2 * MAX_ANSWER:
            return Screened("", f"longer than {MAX_ANSWER:,} characters")
    return Screened(text.strip(), _problem(text), note)


def _plain(raw: str) -> str:
    out, level = [], ""
    for c in raw:
        wanted = "^" if c in _RAISED else "_" if c in _LOWERED else ""
        if wanted != level:
            out.append(("}" if level else "") + (wanted + "{" if wanted else ""))
            level = wanted
        if wanted:
            out.append(_RAISED.get(c) or _LOWERED[c])
        elif unicodedata.category(c) == "No" and "⁄" in unicodedata.normalize("NFKC", c):
            top, _, bottom = unicodedata.normalize("NFKC", c).partition("⁄")
            out.append(f"\\frac{{{top}}}{{{bottom}}}" if bottom else " ")
        elif c.isspace():
            out.append(" ")
        elif unicodedata.category(c) not in ("Cf", "Cc", "Cs", "Co", "Cn"):
            out.append(c)
    text = _MARK_RUN.sub(r"\1", "".join(out) + ("}" if level else ""))
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _problem(text: str) -> str:
    depth = braces = 0
    escaped = False
    for c in text:
        if escaped:
            escaped = False
            if c not in "{}":
                continue
            depth += 1 if c == "{" else -1  # \{ and \} nest, yet need not be balanced: \left\{ ... \right.
        elif c == "\\":
            escaped = True
            continue
        elif c in _OPEN:
            depth, braces = depth + 1, braces + (c == "{")
        elif c in _CLOSE:
            depth, braces = depth - 1, braces - (c == "}")
        if depth > MAX_NESTING:
            return f"brackets nested deeper than {MAX_NESTING}"
        if braces < 0:
            return "braces that do not match"
    if braces:
        return "braces that do not match"
    if _DIGITS.search(text):
        return f"more than {MAX_DIGITS} digits in a row"
    if _EXPONENT.search(text):
        return f"an exponent of more than {MAX_EXPONENT_DIGITS} digits"
    return ""
