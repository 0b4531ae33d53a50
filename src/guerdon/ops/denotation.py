"""Answers to questions about tables as values: text brought to one form, numbers with their unit, and dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from guerdon.ops.answers import MAX_ANSWER, number_of
from guerdon.ops.overlap import pairs

_QUOTES = str.maketrans({**dict.fromkeys("‘’´`", "'"), **dict.fromkeys("“”", '"'), **dict.fromkeys("‐‑‒–—−", "-")})
_MARKS = "•♦†‡*#+"
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_MONTH = rf"({'|'.join(f'{m[:3]}(?:{m[3:]}|t)?' if m == 'september' else f'{m[:3]}(?:{m[3:]})?' for m in _MONTHS)})\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{3,4})"
_DATES = (
    (re.compile(rf"{_MONTH} {_DAY},? {_YEAR}"), "mdy"),
    (re.compile(rf"{_DAY} (?:of )?{_MONTH},? {_YEAR}"), "dmy"),
    (re.compile(rf"{_MONTH},? {_YEAR}"), "my"),
    (re.compile(rf"{_MONTH} {_DAY}"), "md"),
    (re.compile(rf"{_DAY} (?:of )?{_MONTH}"), "dm"),
)
_ISO = re.compile(r"(\d{3,4}|x{2,4})-(\d{1,2}|xx)-(\d{1,2}|xx)")
_QUANTITY = re.compile(r"([$€£]?[+-]?[\d.,]*\d) ?(%|[a-z]+)")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = ("st", "nd", "rd", "th")
TOLERANCE = Fraction(1, 10**6)


@dataclass(frozen=True)
class Value:
    """One item of an answer: its text in one form, and its number with unit or its date where it has one."""

    text: str
    number: Fraction | None = None
    unit: str = ""
    date: tuple[int, int, int] | None = None

    def fits(self, other: Value) -> bool:
        """Whether two items mean the same; a number without a unit fits the same number with any."""
        if self.text == other.text:
            return True
        if self.number is not None and other.number is not None:
            same_unit = not self.unit or not other.unit or self.unit == other.unit
            return same_unit and abs(self.number - other.number) < TOLERANCE
        return self.date is not None and self.date == other.date


def value_of(text: str) -> Value:
    """An item of an answer as a value.

    Example:
        >>> value_of("17 years").unit, value_of("Jan. 26th, 1995").date, value_of("Škoda (CZE)").text
        ('year', (1995, 1, 26), 'skoda')
    """
    if len(text) > MAX_ANSWER:
        return Value(text)  # folding is not linear; so long an item is only equal to itself
    plain = fold(text)
    if date := date_of(plain):
        return Value(plain, date=date)
    number, unit = _quantity(plain)
    return Value(plain, number, unit)


def fold(text: str) -> str:
    """Text without diacritics, case, trailing marks, trailing brackets, outer quotes and a final full stop.

    Example:
        >>> fold('  "Karolína  Plíšková" (CZE)[1]† ')
        'karolina pliskova'
    """
    kept = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    s = " ".join(kept.translate(_QUOTES).split())
    while True:
        before = s
        s = _without_tail(s.rstrip(_MARKS).strip())
        s = s[:-1] if s.endswith(('".', ").", "].")) else s
        if len(s) > 1 and s[0] == s[-1] == '"' and '"' not in s[1:-1]:
            s = s[1:-1].strip()
        if s == before:
            return " ".join(s.removesuffix(".").casefold().split())


def _without_tail(s: str) -> str:
    """Without one trailing ``[...]`` or `` (...)``; text that is nothing else is kept."""
    if s.endswith("]") and (at := s.rfind("[")) >= 0 and (at > 0 or s[1:-1].isdigit()):
        return s[:at].strip()
    if s.endswith(")") and (at := s.rfind(" (")) > 0 and ")" not in s[at:-1]:
        return s[:at].strip()
    return s


def date_of(plain: str) -> tuple[int, int, int] | None:
    """Year, month and day of a folded text, -1 where one is not said; None for a year alone and for no date.

    Example:
        >>> date_of("26 january 1995"), date_of("october 17"), date_of("xx-01-02"), date_of("1995")
        ((1995, 1, 26), (-1, 10, 17), (-1, 1, 2), None)
    """
    if m := _ISO.fullmatch(plain):
        year, month, day = (-1 if "x" in g else int(g) for g in m.groups())
        return _checked(year, month, day)
    for pattern, order in _DATES:
        if m := pattern.fullmatch(plain):
            parts = dict(zip(order, m.groups(), strict=True))
            month = 1 + next(i for i, name in enumerate(_MONTHS) if name.startswith(parts["m"][:3]))
            return _checked(int(parts.get("y", -1)), month, int(parts.get("d", -1)))
    return None


def _checked(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    if month == day == -1 or not (month == -1 or 1 <= month <= 12) or not (day == -1 or 1 <= day <= 31):
        return None
    return year, month, day


def _quantity(plain: str) -> tuple[Fraction | None, str]:
    if "/" in plain:  # 1939/40 is a season, not a ratio
        return None, ""
    words = plain.split(" ")
    scale = 1
    if len(words) > 1 and words[-1] in _SCALES:
        scale, plain = _SCALES[words[-1]], " ".join(words[:-1])
    if (number := number_of(plain)) is not None and "%" not in plain:
        return number * scale, ""
    m = _QUANTITY.fullmatch(plain)
    if m and scale == 1 and m[2] not in _ORDINALS and (number := number_of(m[1])) is not None:
        return number, m[2] if m[2] == "%" or len(m[2]) < 4 else m[2].removesuffix("s")
    return None, ""


def same_items(found: Sequence[Value], wanted: Sequence[Value]) -> bool:
    """Whether two lists hold the same items, each as often, in any order.

    Example:
        >>> same_items([value_of("2,000"), value_of("Rome")], [value_of("rome"), value_of("2000")])
        True
    """
    if len(found) != len(wanted):
        return False
    return -1 not in pairs([{j for j, f in enumerate(found) if w.fits(f)} for w in wanted])
