"""Final answers: cut out of a completion, and brought to a form in which equal answers are equal values.

Everything here is linear in the length of the text and bounded: only the last ``max_text`` characters are read, and
what is longer than ``max_answer`` is no answer. Nothing is evaluated.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Literal

from guerdon.errors import DataError, UnknownNameError

Extract = Literal["text", "last_number", "boxed", "answer_line", "hash", "tag", "last_line"]
Normalise = Literal["none", "text", "squad", "choice", "number"]

FORMATS: tuple[str, ...] = ("text", "last_number", "boxed", "answer_line", "hash", "tag", "last_line")
MAX_TEXT, MAX_ANSWER, MAX_DIGITS = 100_000, 2_000, 400

_ARTICLES = frozenset(("a", "an", "the"))
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LAST_NUMBER = re.compile(
    r"(?:(?<![\w)\].])[-−])?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?|\.\d+)"
)  # fmt: skip
_MARKER = re.compile(r"(?i:\banswer(?: is)?[ \t]*[:=])|(?i:\banswer is\b)|^[ \t]*A:", re.MULTILINE)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_CHOICE = re.compile(
    r"(?:(?i:the answer is|answer|option|choice)[ :]{1,3})?"
    r"(?:[(\[]([A-Za-z])[)\]][.:]?(?: .*)?|([A-Za-z])(?:[).:]{1,2}(?: .*)?)?)"
)  # fmt: skip
_PLAIN_NUMBER = re.compile(
    r"([+-]?)(?:[$€£] ?([+-]?))?(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?"
)  # fmt: skip
_MIXED = re.compile(r"([+-]?\d+) (\d+/\d+)")
_TEX_FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")


def extract_answer(
    text: str, extract: str, *, tag: str = "answer", max_text: int = MAX_TEXT, max_answer: int = MAX_ANSWER
) -> str:
    """One completion's answer, ``""`` for none; the provider ``answer`` says what each format reads."""
    tail = text[-max_text:] if max_text > 0 else ""
    if extract == "text":
        found = tail
    elif extract == "last_number":
        found = ""
        for match in _LAST_NUMBER.finditer(tail):
            found = match.group()
    elif extract == "boxed":
        found = _last_box(tail)
    elif extract == "answer_line":
        found = _answer_line(tail)
    elif extract == "hash":
        found = tail.rpartition("####")[2].partition("\n")[0] if "####" in tail else ""
    elif extract == "tag":
        before, closed, _ = tail.rpartition(f"</{tag}>")
        _, opened, inner = before.rpartition(f"<{tag}>")
        found = inner if closed and opened else ""
    elif extract == "last_line":
        found = tail.rstrip().rpartition("\n")[2]
    else:
        raise UnknownNameError("answer format", extract, FORMATS)
    found = found.strip()
    return found if len(found) <= max_answer else ""


def format_answer(gold: str, extract: str, *, tag: str = "answer") -> str:
    r"""The shortest completion from which ``extract`` cuts this answer.

    Example:
        >>> format_answer("42", "boxed")
        '\\boxed{42}'
    """
    if extract not in FORMATS:
        raise UnknownNameError("answer format", extract, FORMATS)
    shapes = {"boxed": "\\boxed{%s}", "answer_line": "Answer: %s", "hash": "#### %s", "tag": f"<{tag}>%s</{tag}>"}
    return shapes.get(extract, "%s").replace("%s", gold)


def _last_box(text: str) -> str:
    at = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if at < 0:
        return ""
    start, depth = text.index("{", at) + 1, 1
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return text[start : match.start()]
    return ""


def _answer_line(text: str) -> str:
    end = -1
    for match in _MARKER.finditer(text):
        end = match.end()
    if end < 0:
        return ""
    line, _, after = text[end:].partition("\n")
    return line.strip("*_` \t\r") or after.strip().partition("\n")[0].strip("*_` \t\r")


def answer_key(text: str, normalise: str) -> Hashable | None:
    """What two answers are compared by; None where the text has no such form.

    Except for ``none``, text of more than 2,000 characters has no form: Unicode normalisation is not linear.

    Example:
        >>> answer_key("1,000.50", "number"), answer_key("(b)", "choice"), answer_key("x", "number")
        (Fraction(2001, 2), 'B', None)
    """
    if normalise == "none":
        return text or None
    if len(text) > MAX_ANSWER:
        return None
    if normalise == "text":
        return plain_text(text) or None
    if normalise == "squad":
        return " ".join(squad_words(text)) or None
    if normalise == "choice":
        return choice_of(text)
    if normalise == "number":
        return number_of(text)
    raise UnknownNameError("normalisation", normalise, ("none", "text", "squad", "choice", "number"))


def _clean(text: str) -> str:
    kept = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return kept.replace("−", "-").replace("⁄", "/").strip()


def plain_text(text: str) -> str:
    """Text without what never tells answers apart: case, width, invisible characters, outer punctuation.

    Example:
        >>> plain_text("  The   Moon.")
        'the moon'
    """
    return " ".join(_clean(text).casefold().split()).strip(" \t.,;:!?\"'`*")


def squad_words(text: str) -> list[str]:
    """Words without case, ASCII punctuation and the articles a, an, the.

    Example:
        >>> squad_words("The  cat's hat.")
        ['cats', 'hat']
    """
    return [w for w in text.lower().translate(_PUNCTUATION).split() if w not in _ARTICLES]


def choice_of(text: str) -> str | None:
    """The letter of a multiple-choice answer such as ``b``, ``(B)``, ``B. Paris`` or ``Option B``; None if none.

    A word is no choice: ``A dog`` needs a mark after the letter.
    """
    match = _CHOICE.fullmatch(" ".join(_clean(text).split()).strip("*`$ "))
    return (match.group(1) or match.group(2)).upper() if match else None


def number_of(text: str) -> Fraction | None:
    r"""The exact value of a number as people write it; None if it is none, or too long to be read safely.

    Integers, decimals, ``1,000``, ``3/4``, ``1 1/2``, ``\frac{3}{4}``, ``1e3``, a currency sign, a final ``.`` and a
    percent sign, which is dropped without dividing by 100. Fullwidth and other scripts' digits are read as digits;
    superscripts and vulgar fractions are refused, because their plain form means something else (``10²`` is not 102).

    Example:
        >>> number_of("$1,234.50"), number_of(r"\frac{3}{4}"), number_of("10²")
        (Fraction(2469, 2), Fraction(3, 4), None)
    """
    if len(text) > MAX_ANSWER or any(unicodedata.category(c) == "No" for c in text):
        return None
    s = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in _clean(text))
    s = s.replace("{,}", ",").replace("\\,", "").replace("\\!", "").replace("\\$", "$").replace("\\%", "%")
    s = s.strip("*` ")
    s = s[1:-1].strip() if len(s) > 2 and s[0] == s[-1] == "$" else s
    s = s.removesuffix(".").removesuffix("%").strip()
    if tex := _TEX_FRACTION.fullmatch(s):
        return _ratio(tex.group(1) + tex.group(2).strip(), tex.group(3).strip())
    if mixed := _MIXED.fullmatch(s):
        whole, part = _plain_number(mixed.group(1)), _ratio(*mixed.group(2).split("/"))
        if whole is None or part is None:
            return None
        return whole - part if s.startswith("-") else whole + part
    top, slash, bottom = s.partition("/")
    return _ratio(top.strip(), bottom.strip()) if slash else _plain_number(s)


def _ratio(top: str, bottom: str) -> Fraction | None:
    a, b = _plain_number(top), _plain_number(bottom)
    return None if a is None or not b else a / b


def _plain_number(s: str) -> Fraction | None:
    match = _PLAIN_NUMBER.fullmatch(s)
    if match is None:
        return None
    outer, inner, whole, decimals, exponent = (g or "" for g in match.groups())
    sign, whole = outer + inner, whole.replace(",", "")
    if len(sign) > 1 or not whole + decimals or len(whole + decimals) > MAX_DIGITS:
        return None
    value = Fraction(int(whole + decimals)) * Fraction(10) ** (int(exponent or 0) - len(decimals))
    return -value if sign == "-" else value


def same_length(where: str, **columns: Sequence) -> None:
    """Refuse columns of different lengths: one score too many would shift every later row.

    Raises:
        DataError: the lengths differ.
    """
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise DataError("every row needs one value per signal", where=where, seen=sizes)
