"""Units of measure at the end of an answer: what they are called, and how they convert."""

from __future__ import annotations

import re
from fractions import Fraction

Unit = tuple[str, Fraction]  # what is measured, and how many of the base unit it is

_TABLE = """
length: mm millimeter millimetre = 1/1000; cm centimeter centimetre = 1/100; m meter metre = 1; km kilometer kilometre = 1000; in inch inches = 127/5000; ft foot feet = 381/1250; yd yard = 1143/1250; mi mile = 201168/125
time: s sec second = 1; min minute = 60; h hr hour = 3600; day = 86400; week = 604800; month = 1/1 month; yr year = 1/1 year
mass: mg milligram = 1/1000; g gram = 1; kg kilogram = 1000; lb lbs pound = 45359237/100000; oz ounce = 45359237/1600000
money: dollar usd $ = 100; cent ¢ = 1; euro eur € = 1/1 euro; gbp £ = 1/1 gbp
volume: ml milliliter millilitre = 1/1000; l liter litre = 1; gallon = 1/1 gallon
angle: degree deg ° = 1; radian rad = 1/1 radian
speed: mph = 1/1 mph; m/s = 1; km/h kph = 5/18
"""  # noqa: E501


def _read_table() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        kind, _, rest = line.partition(":")
        for entry in rest.split(";"):
            names, _, factor = entry.partition("=")
            number, _, own = factor.strip().partition(" ")
            for name in names.split():
                # a unit with a name of its own converts into no other: months have no fixed number of days
                found[name] = (own or kind, Fraction(number))
    return found


_UNITS = _read_table()
_POWER = re.compile(r"(?:\^\{?|\*\*)([23])\}?$")
# single letters are units only where they are set as text: 5m is a product
_TEXT_END = re.compile(r"\\text\{([^{}]*)\}\s*(\^\{?[23]\}?)?\s*\.?$")
_WORD_END = re.compile(r"(?<=[\d)}\]!%π\s])\s*((?:[A-Za-z]+[ /.-]?){1,6}(?:\^\{?[23]\}?)?)\.?$")


def unit_of(text: str) -> Unit | None:
    """What a unit is called, brought to a kind and a factor; None if the table does not know it.

    Example:
        >>> unit_of("cm^2"), unit_of("square centimeters"), unit_of("apples")
        (('length2', Fraction(1, 10000)), ('length2', Fraction(1, 10000)), None)
    """
    name = text.strip(" .").lower()
    power = 1
    match = _POWER.search(name)
    if match:
        power, name = int(match.group(1)), name[: match.start()].strip()
    for word, n in (("square ", 2), ("sq ", 2), ("sq. ", 2), ("cubic ", 3)):
        if name.startswith(word):
            power, name = n, name[len(word) :].strip()
    known = _UNITS.get(name) or _UNITS.get(name.removesuffix("s")) or _UNITS.get(name.removesuffix("es"))
    if known is None:
        return None
    kind, factor = known
    return (kind, factor) if power == 1 else (f"{kind}{power}", factor**power)


def split_unit(text: str) -> tuple[str, str]:
    r"""The answer without the unit at its end, and the unit as written, ``""`` for none.

    Example:
        >>> split_unit(r"5.4 \text{ cents}"), split_unit("10 km/h"), split_unit("3xy"), split_unit("30°")
        (('5.4', 'cents'), ('10', 'km/h'), ('3xy', ''), ('30', '°'))
    """
    if text.endswith(("°", "° C", "° F", "°C", "°F")):
        return text.rstrip("CF ").removesuffix("°").strip(), "°"
    match = _TEXT_END.search(text)
    if match and text[: match.start()].strip():
        return text[: match.start()].strip(), match.group(1).strip() + (match.group(2) or "")
    match = _WORD_END.search(text)
    if match:
        words = match.group(1).strip(" .")
        first = re.split(r"[ /.^-]", words)[0]
        rest = text[: match.start(1)].strip()
        if rest and (unit_of(words) or len(first) > 3 or unit_of(first)) and len(first) > 1 and _is_words(first):
            return rest, words
    return text, ""


def _is_words(first: str) -> bool:
    return not re.match(r"(?:sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|inf)", first) or unit_of(first) is not None
