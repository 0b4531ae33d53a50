"""Quantities with units: a number, its factor to base units as an exact fraction, and its dimension.

The table is small and every factor in it is exact by definition. It has no currencies, no radians (irrational to a
degree) and no names that mean different things in different countries (ton, hundredweight).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

from guerdon.ops.answers import number_of

Dimension = tuple[tuple[str, int], ...]
MAX_TEXT, MAX_POWER = 200, 12

_PREFIXES = {
    "Q": 30, "R": 27, "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1,
    "c": -2, "m": -3, "μ": -6, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24, "r": -27, "q": -30,
}  # fmt: skip
_PREFIX_WORDS = {
    "tera": 12, "giga": 9, "mega": 6, "kilo": 3, "hecto": 2, "deca": 1, "deci": -1, "centi": -2, "milli": -3,
    "micro": -6, "nano": -9, "pico": -12, "femto": -15,
}  # fmt: skip
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50}

# symbols: factor, base units with their powers; and the names that stand for them
_WITH_PREFIX = """
m 1 m : meter metre | g 1/1000 kg : gram gramme | s 1 s : second sec | A 1 A : ampere amp | K 1 K : kelvin
mol 1 mol : mole | cd 1 cd : candela | Hz 1 s-1 : hertz | N 1 kg m s-2 : newton | Pa 1 kg m-1 s-2 : pascal
J 1 kg m2 s-2 : joule | W 1 kg m2 s-3 : watt | C 1 A s : coulomb | V 1 kg m2 s-3 A-1 : volt
F 1 kg-1 m-2 s4 A2 : farad | Ω 1 kg m2 s-3 A-2 : ohm | S 1 kg-1 m-2 s3 A2 : siemens | Wb 1 kg m2 s-2 A-1 : weber
T 1 kg s-2 A-1 : tesla | H 1 kg m2 s-2 A-2 : henry | L 1/1000 m3 : liter litre l | Bq 1 s-1 : becquerel
Gy 1 m2 s-2 : gray | Sv 1 m2 s-2 : sievert | kat 1 mol s-1 : katal
eV 1.602176634e-19 kg m2 s-2 : electronvolt | cal 4.184 kg m2 s-2 : calorie | bar 100000 kg m-1 s-2 :
bit 1 bit : | B 8 bit : byte | Wh 3600 kg m2 s-2 : | Ah 3600 A s : | M 1000 mol m-3 : molar
"""
_WITHOUT_PREFIX = """
min 60 s : minute mins | h 3600 s : hour hr | d 86400 s : day | wk 604800 s : week | yr 31557600 s : year yrs
t 1000 kg : tonne | ha 10000 m2 : hectare | in 0.0254 m : inch inches | ft 0.3048 m : foot feet | yd 0.9144 m : yard
mi 1609.344 m : mile | nmi 1852 m : | lb 0.45359237 kg : pound lbs | oz 0.028349523125 kg : ounce
mph 0.44704 m s-1 : | kph 1/3.6 m s-1 : kmh | kn 1852/3600 m s-1 : knot | atm 101325 kg m-1 s-2 : atmosphere
psi 4.4482216152605/0.00064516 kg m-1 s-2 : | Torr 101325/760 kg m-1 s-2 : torr | gal 0.003785411784 m3 : gallon
acre 4046.8564224 m2 : | ° 1 deg : degree deg | arcmin 1/60 deg : | arcsec 1/3600 deg : | rev 360 deg : revolution
% 1/100 - : percent | ppm 1/1000000 - :
"""
_AFFINE = {"°C": (Fraction(1), Fraction("273.15")), "°F": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9))}
_AFFINE_NAMES = {
    "℃": "°C", "degC": "°C", "celsius": "°C", "℉": "°F", "degF": "°F", "fahrenheit": "°F",
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """What a number is multiplied with, what is added then (temperatures), and the base units with their powers."""

    factor: Fraction
    dimension: Dimension = ()
    offset: Fraction = Fraction(0)


@dataclass(frozen=True)
class Quantity:
    """A number with its unit as written; ``unit`` None for a bare number."""

    number: Fraction
    unit: Unit | None = None

    def within(self, other: Quantity) -> Fraction | None:
        """This quantity's number in the unit of another; None where their dimensions differ.

        Example:
            >>> read_quantity("36 km/h").within(read_quantity("1 m/s"))
            Fraction(10, 1)
        """
        here, there = self.unit or Unit(Fraction(1)), other.unit or Unit(Fraction(1))
        if here.dimension != there.dimension:
            return None
        return (self.number * here.factor + here.offset - there.offset) / there.factor


def read_quantity(text: str) -> Quantity | None:
    r"""A quantity as people write it; None where it is none.

    Products with a space, ``*`` or ``·``, quotients with ``/`` or ``per``, powers as ``m^2``, ``m²``, ``s^-1``, numbers
    as ``3.0 x 10^8``; LaTeX's ``\text{}``, ``\mathrm{}``, ``\cdot`` and ``\times``. ``a/b c`` and ``a/b/c`` are
    refused: people do not agree what they mean.

    Example:
        >>> read_quantity("3.0 × 10^8 m/s").number, read_quantity("9.81 m s^-2").unit.dimension
        (Fraction(300000000, 1), (('m', 1), ('s', -2)))
    """
    if len(text) > MAX_TEXT:
        return None
    plain = _plain(text)
    m = _NUMBER.match(plain)
    number = number_of(m["number"]) if m else None
    if m is None or number is None:
        return None
    if m["exponent"]:
        number *= Fraction(10) ** int(m["exponent"])
    rest = plain[m.end() :].strip()
    if not rest:
        return Quantity(number)
    unit = read_unit(rest)
    return None if unit is None else Quantity(number, unit)


_NUMBER = re.compile(
    r"(?P<number>[+-]?(?:\\[dt]?frac\{[^{}]*\}\{[^{}]*\}|(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3}(?![\d.]))?"
    r"(?:/\d+(?![\d.]))?))(?:\s*(?:x|×|\*|·)\s*10\s*\^?\s*\{?(?P<exponent>[+-]?\d{1,2})\}?(?!\d))?"
)
_WORDS = (
    (re.compile(r"\b(?:square|sq\.?) (\w+)"), r"\1^2"), (re.compile(r"\bcubic (\w+)"), r"\1^3"),
    (re.compile(r"\b([A-Za-z]+) squared\b"), r"\1^2"), (re.compile(r"\b([A-Za-z]+) cubed\b"), r"\1^3"),
)  # fmt: skip
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_MATH = re.compile(r"\$([^$]*)\$")
_TEX = (
    (re.compile(r"\^\{\s*([+-]?\d+)\s*\}"), r"^\1"),
    (re.compile(r"\\(?:text|mathrm|textrm|rm|unit|si)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\^\{?\s*\\circ\s*\}?|\\degree|\^°"), "°"),
    (re.compile(r"\\cdot|\\times|⋅|∙|\u00d7"), "·"),
    (re.compile(r"\\[ ,;!]|~|\\quad|\\left|\\right"), " "),
    (re.compile(r"\\mu\b|µ"), "μ"), (re.compile(r"\\Omega\b|\u2126"), "Ω"), (re.compile(r"\\%"), "%"),
)  # fmt: skip


def _plain(text: str) -> str:
    s = _MATH.sub(r"\1", text)
    for pattern, by in (*_TEX, *_WORDS):
        s = pattern.sub(by, s)
    s = _RAISED.sub(lambda m: "^" + m.group().translate(_SUPERSCRIPT), s).replace("−", "-")
    return " ".join(s.removesuffix(".").split()).replace("° C", "°C").replace("° F", "°F")


_TERM = re.compile(r"(?P<name>°[CF]|[A-Za-zμΩ°%℃℉]+)(?:(?:\^|\*\*)?\{?(?P<power>[+-]?\d{1,2})\}?)?")


def read_unit(text: str) -> Unit | None:
    """A unit, simple or compound; None where it is none.

    Example:
        >>> read_unit("km/h").factor, read_unit("furlong") is None
        (Fraction(5, 18), True)
    """
    text = re.sub(r"\s*(?:/|\bper\b)\s*", "/", _plain(text))
    above, slash, below = text.partition("/")
    if "/" in below:
        return None
    wrapped = below.startswith("(") and below.endswith(")")
    top, bottom = _product(above), _product(below[1:-1] if wrapped else below) if slash else []
    if top is None or bottom is None or (slash and not bottom) or (len(bottom) > 1 and not wrapped):
        return None
    if not slash and len(top) == 1 and top[0][0].offset:
        return top[0][0] if top[0][1] == 1 else None
    factor, powers = Fraction(1), dict[str, int]()
    for unit, power in (*top, *((u, -p) for u, p in bottom)):
        if unit.offset or abs(power) > MAX_POWER:
            return None  # a temperature with an origin has no products
        factor *= unit.factor**power
        for base, exponent in unit.dimension:
            powers[base] = powers.get(base, 0) + exponent * power
    return Unit(factor, tuple(sorted((b, p) for b, p in powers.items() if p)))


def _product(text: str) -> list[tuple[Unit, int]] | None:
    """Units with their powers of a product; None where a part is no unit."""
    text = re.sub(r"\s*[·*](?!\*)\s*", " ", text.replace("**", "^")).strip()
    if text == "1":
        return []
    found = []
    for part in text.split(" "):
        m = _TERM.fullmatch(part)
        unit = _lookup(m["name"]) if m else None
        if m is None or unit is None:
            return None
        found.append((unit, int(m["power"] or 1)))
    return found


@dataclass
class _Entry:
    symbol: str
    unit: Unit
    names: list[str] = field(default_factory=list)


def _entries(table: str) -> Iterator[_Entry]:
    for text in table.replace("\n", " | ").split("|"):
        if not text.strip():
            continue
        head, _, names = text.partition(" :")
        symbol, factor, *bases = head.split()
        top, _, bottom = factor.partition("/")
        powers = [m.groups() for b in bases if b != "-" and (m := re.fullmatch(r"([a-z]+|[AK])(-?\d+)?", b))]
        dimension = tuple(sorted((str(b), int(p or 1)) for b, p in powers))
        yield _Entry(symbol, Unit(Fraction(top) / Fraction(bottom or 1), dimension), names.split())


def _tables() -> tuple[Mapping[str, Unit], Mapping[str, Unit]]:
    """Symbols, whose case matters, and names, whose case does not; what the tables hold goes before a prefixed one."""
    symbols = {n: Unit(f, (("K", 1),), o) for n, (f, o) in _AFFINE.items()}
    names = {n: symbols[s] for n, s in _AFFINE_NAMES.items()}
    made: dict[str, Unit] = {}
    for e in _entries(_WITHOUT_PREFIX):
        symbols[e.symbol] = e.unit
        names.update(dict.fromkeys(e.names, e.unit))
    for e in _entries(_WITH_PREFIX):
        short = [e.symbol, *(n for n in e.names if len(n) == 1)]
        symbols.update(dict.fromkeys(short, e.unit))
        names.update(dict.fromkeys(e.names, e.unit))
        made.update({p + n: _scaled(e.unit, Fraction(10) ** k) for n in short for p, k in _PREFIXES.items()})
        names.update({p + n: _scaled(e.unit, Fraction(10) ** k) for n in e.names for p, k in _PREFIX_WORDS.items()})
        if e.symbol in ("bit", "B"):
            made.update({p + e.symbol: _scaled(e.unit, Fraction(2) ** k) for p, k in _BINARY.items()})
    return MappingProxyType({**made, **symbols}), MappingProxyType(names)


def _scaled(unit: Unit, by: Fraction) -> Unit:
    return Unit(unit.factor * by, unit.dimension)


_SYMBOLS, _NAMES = _tables()


def _lookup(name: str) -> Unit | None:
    lower = name.lower()
    return _SYMBOLS.get(name) or _NAMES.get(name) or _NAMES.get(lower) or _NAMES.get(lower.removesuffix("s"))
