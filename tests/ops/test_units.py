from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ops.units import read_quantity, read_unit


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("-5.5", Fraction("-5.5")),
        ("1,234", 1234),
        ("3e8", 3 * 10**8),
        ("3.0 x 10^8", 3 * 10**8),
        ("3.0×10^{-2}", Fraction(3, 100)),
        (r"3 \times 10^{8}", 3 * 10**8),
        ("1/2", Fraction(1, 2)),
        ("3·10⁸", 3 * 10**8),
        (r"\frac{1}{2}", Fraction(1, 2)),
        ("$5$", 5),
        (".5", Fraction(1, 2)),
    ],
)
def test_numbers(text, number):
    for unit in ("", " m", r"\text{ m}", r"\,\mathrm{m}"):
        found = read_quantity(text + unit)
        assert found is not None
        assert found.number == number
        assert (found.unit is None) == (unit == "")


@pytest.mark.parametrize(
    ("text", "factor", "dimension"),
    [
        ("km/h", Fraction(5, 18), {"m": 1, "s": -1}),
        ("kilometers per hour", Fraction(5, 18), {"m": 1, "s": -1}),
        ("m s^-2", 1, {"m": 1, "s": -2}),
        ("m/s²", 1, {"m": 1, "s": -2}),
        ("m·s^{-2}", 1, {"m": 1, "s": -2}),
        ("kg*m/s**2", 1, {"kg": 1, "m": 1, "s": -2}),
        ("N", 1, {"kg": 1, "m": 1, "s": -2}),
        ("g", Fraction(1, 1000), {"kg": 1}),
        ("J/(mol K)", 1, {"kg": 1, "m": 2, "s": -2, "mol": -1, "K": -1}),
        ("mAh", Fraction(36, 10), {"A": 1, "s": 1}),
        ("kWh", 3600000, {"kg": 1, "m": 2, "s": -2}),
        ("kW h", 3600000, {"kg": 1, "m": 2, "s": -2}),
        ("min", 60, {"s": 1}),
        ("mm", Fraction(1, 1000), {"m": 1}),
        ("Mm", 10**6, {"m": 1}),
        ("mW", Fraction(1, 1000), {"kg": 1, "m": 2, "s": -3}),
        ("MW", 10**6, {"kg": 1, "m": 2, "s": -3}),
        ("μm", Fraction(1, 10**6), {"m": 1}),
        ("um", Fraction(1, 10**6), {"m": 1}),
        ("ml", Fraction(1, 10**6), {"m": 3}),
        ("cm^3", Fraction(1, 10**6), {"m": 3}),
        ("cubic centimetres", Fraction(1, 10**6), {"m": 3}),
        ("1/s", 1, {"s": -1}),
        ("Hz", 1, {"s": -1}),
        ("MiB", 8 * 2**20, {"bit": 1}),
        ("Mbit/s", 10**6, {"bit": 1, "s": -1}),
        ("square meters", 1, {"m": 2}),
        ("metre per second squared", 1, {"m": 1, "s": -2}),
        ("psi", Fraction("4.4482216152605") / Fraction("0.0254") ** 2, {"kg": 1, "m": -1, "s": -2}),
        ("mi", Fraction("1609.344"), {"m": 1}),
        ("Joules", 1, {"kg": 1, "m": 2, "s": -2}),
        ("%", Fraction(1, 100), {}),
        ("m/m", 1, {}),
        ("°", 1, {"deg": 1}),
        ("kΩ", 1000, {"kg": 1, "m": 2, "s": -3, "A": -2}),
        ("eV", Fraction("1.602176634e-19"), {"kg": 1, "m": 2, "s": -2}),
    ],
)
def test_units(text, factor, dimension):
    found = read_unit(text)
    assert found is not None
    assert (found.factor, dict(found.dimension)) == (factor, dimension)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "km/h",
        "five m",
        "5 furlongs",
        "5 m/s/s",
        "5 J/mol K",
        "5 m/",
        "5 /",
        "5 m 3 s",
        "5 m or 6 m",
        "5 °C/s",
        "5 °C^2",
        "5 m^99",
        "10^500 m",
        "5 NM",
        "5 KM",
        "5 x m",
        "5 $",
        "1,5 m",
        "5 m" + " " * 300 + "x",
        "9" * 500 + " m",
        "5 m^",
        "5 (m)",
    ],
)
def test_what_is_no_quantity(text):
    assert read_quantity(text) is None


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        ("36 km/h", "1 m/s", 10),
        ("1 mi", "1 km", Fraction("1.609344")),
        ("68 °F", "1 °C", 20),
        ("-40 °F", "1 °C", -40),
        ("0 K", "1 °C", Fraction("-273.15")),
        ("25 °C", "1 K", Fraction("298.15")),
        ("1 kW h", "1 MJ", Fraction("3.6")),
        ("1 L", "1 cm^3", 1000),
        ("50%", "1", Fraction(1, 2)),
        ("1 m", "1 s", None),
        ("1 m", "1", None),
        ("1 rev", "1 °", 360),
        ("212 degrees fahrenheit", "1 °C", None),
        ("100 celsius", "1 °F", 212),
        ("1 ft", "1 in", 12),
        ("1 N m", "1 J", 1),
    ],
)
def test_conversions(a, b, value):
    found, wanted = read_quantity(a), read_quantity(b)
    assert wanted is not None
    assert (found.within(wanted) if found else None) == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for given_text in (text, "5 " + text, "5 m" + text):
        found = read_quantity(given_text)
        assert found is None or found.within(found) == found.number
