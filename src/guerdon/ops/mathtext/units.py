"""Units of measure at the end of an answer: what they are called, and how they convert."""

from __future__ import annotations

import re
from fractions import Fraction

from guerdon.ops.units import read_unit

Unit = tuple[object, Fraction]  # what is measured, and how many of the base unit it is

# what has no exact place among units of measure, but converts or stands apart in answers
_COUNTED: dict[str, Unit] = {
    "$": ("dollar", Fraction(1)), "dollar": ("dollar", Fraction(1)), "usd": ("dollar", Fraction(1)),
    "cent": ("dollar", Fraction(1, 100)), "¢": ("dollar", Fraction(1, 100)), "€": ("euro", Fraction(1)),
    "euro": ("euro", Fraction(1)), "£": ("pound sterling", Fraction(1)), "month": ("month", Fraction(1)),
    "radian": ("radian", Fraction(1)), "rad": ("radian", Fraction(1)),
}  # fmt: skip
# words that are part of the number, and words of which nobody can say what they make of it
_SCALES = {
    "hundred": Fraction(100), "thousand": Fraction(1000), "million": Fraction(10**6), "billion": Fraction(10**9),
    "trillion": Fraction(10**12), "dozen": Fraction(12), "half": Fraction(1, 2), "halve": Fraction(1, 2),
    "third": Fraction(1, 3), "quarter": Fraction(1, 4), "fourth": Fraction(1, 4), "fifth": Fraction(1, 5),
    "sixth": Fraction(1, 6), "seventh": Fraction(1, 7), "eighth": Fraction(1, 8), "ninth": Fraction(1, 9),
    "tenth": Fraction(1, 10), "hundredth": Fraction(1, 100), "thousandth": Fraction(1, 1000),
}  # fmt: skip
_OPERATIONS = (
    "squared", "cubed", "factorial", "over", "divided", "plus", "minus", "times", "modulo", "choose", "root", "roots",
    "more", "less", "above", "below", "point", "percentage", "base",
)  # fmt: skip
ANGLE = (("deg", 1),)
_POWER = re.compile(r"(?:\^\{?|\*\*)([23])\}?$")
# two letters are more often a product of variables
_SHORT = ("km", "cm", "mm", "kg", "mg", "ft", "in", "mi", "lb", "oz", "hr", "ml", "mL", "yd")
# a single letter is a unit where it is set as text, or apart from a plain number: 5 m is a length, 5m is a product
_LETTER_END = re.compile(r"([-+]?[\d,]*\.?\d+)\s+([mgshLNJWV])", re.ASCII)
_TEXT_END = re.compile(r"\\text\{([^{}]*)\}\s*(\^\{?[23]\}?)?\s*\.?$")
_WORD_END = re.compile(r"(?<=[\d)}\]!%π\s])\s*((?:[A-Za-z]+[ /.-]?){1,6}(?:\^\{?[23]\}?)?)\.?$")


def unit_of(text: str) -> Unit | None:
    """What a unit is called, brought to a kind and a factor; None if the table does not know it.

    Example:
        >>> unit_of("cm^2"), unit_of("square centimeters"), unit_of("apples")
        (((('m', 2),), Fraction(1, 10000)), ((('m', 2),), Fraction(1, 10000)), None)
    """
    name = " ".join(text.strip(" .").split())
    power = 1
    match = _POWER.search(name)
    if match and not re.search(r"[ /*·-]", name):
        power, name = int(match.group(1)), name[: match.start()].strip()
    for word, n in (("square ", 2), ("sq ", 2), ("sq. ", 2), ("cubic ", 3)):
        if name.lower().startswith(word):
            power, name = n, name[len(word) :].strip()
    counted = _COUNTED.get(name.lower()) or _COUNTED.get(name.lower().removesuffix("s"))
    if counted:
        return counted if power == 1 else None
    found = read_unit(name)
    if found is None or found.offset:
        return None
    return tuple((base, k * power) for base, k in found.dimension), found.factor**power


def scale_of(unit: str) -> tuple[Fraction, str] | None:
    """How many the first word of a unit stands for, and the rest of it; None where a word is an operation.

    Example:
        >>> scale_of("million people"), scale_of("people"), scale_of("squared")
        ((Fraction(1000000, 1), 'people'), (Fraction(1, 1), 'people'), None)
    """
    words = unit.lower().split()
    if any(w in _OPERATIONS for w in words):
        return None
    factor = _SCALES.get(words[0].removesuffix("s")) if words else None
    return (factor, " ".join(unit.split()[1:])) if factor else (Fraction(1), unit)


def split_unit(text: str) -> tuple[str, str]:
    r"""The answer without the unit at its end, and the unit as written, ``""`` for none.

    Example:
        >>> split_unit(r"5.4 \text{ cents}"), split_unit("10 km/h"), split_unit("3xy"), split_unit("30°")
        (('5.4', 'cents'), ('10', 'km/h'), ('3xy', ''), ('30', '°'))
    """
    if text.endswith(("°", "° C", "° F", "°C", "°F")) and not re.search(r"sin|cos|tan|cot|sec|csc", text):
        return text.rstrip("CF ").removesuffix("°").strip(), "°"
    match = _TEXT_END.search(text)
    if match and text[: match.start()].strip():
        return text[: match.start()].strip(), match.group(1).strip() + (match.group(2) or "")
    match = _LETTER_END.fullmatch(text)
    if match:
        return match.group(1), match.group(2)
    match = _WORD_END.search(text)
    if match:
        words = match.group(1).strip(" .")
        first = re.split(r"[ /.^-]", words)[0]
        rest = text[: match.start(1)].strip()
        if rest and (first in _SHORT or (len(first) > 2 and unit_of(first)) or len(first) > 3) and _is_words(first):
            return rest, words
    return text, ""


def _is_words(first: str) -> bool:
    return not re.match(r"(?:sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|inf)", first) or unit_of(first) is not None
