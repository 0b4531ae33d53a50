"""Right and wrong answers made from the gold answers of MATH-500, for the tests and the tables of the maths verifier.

A rewriting keeps the value, a mutation changes it. Whether a mutation did is decided by code that the verifier does not
use: latex2sympy and sympy at points, or by how the mutation was made where sympy has no value.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

FORMS = ("spacing", "dfrac", "decimal", "units", "boxed", "prose")
MUTATIONS = ("digit", "sign", "swap", "bracket", "operator", "drop", "fraction", "root", "exponent", "letter", "extra")

_NUMERAL = re.compile(r"\d+(?:\.\d+)?")
_SIMPLE = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
_PAIR = re.compile(r"(\\left)?([(\[])(.*)(\\right)?([)\]])")


@dataclass(frozen=True)
class Item:
    """A completion, the gold answer, whether it is right, how it was made, and the tolerance it needs."""

    completion: str
    gold: str
    right: bool
    made_by: str
    relative: float = 0.0


def rewritten(gold: str) -> Iterator[Item]:
    """The gold answer in the forms that apply to it."""
    yield Item(f"\\boxed{{{_spaced(gold)}}}", gold, True, "spacing")
    if "frac" in gold or "left" in gold or "(" in gold:
        yield Item(f"\\boxed{{{_styled(gold)}}}", gold, True, "dfrac")
    decimal = _decimal(gold)
    if decimal:
        text, exact = decimal
        yield Item(f"\\boxed{{{text}}}", gold, True, "decimal", 0.0 if exact else 1e-5)
    if _SIMPLE.fullmatch(gold) or _FRACTION.fullmatch(gold):
        yield Item(f"\\boxed{{{gold}\\text{{ units}}}}", gold, True, "units")
    elif gold.endswith("^\\circ"):
        bare = gold.removesuffix("^\\circ")
        yield Item(f"\\boxed{{{bare}}}", gold, True, "units")
    elif "\\$" in gold or "\\text{" in gold or "\\mbox{" in gold:
        bare = gold.replace("\\$", "").replace("\\mbox{", "\\text{")
        bare = bare if bare.startswith("\\text{") else bare.partition("\\text{")[0]
        yield Item(f"\\boxed{{{bare.strip()}}}", gold, True, "units")
    yield Item(f"First 1 + 1 = 2, so \\[\\boxed{{{gold}}}.\\] That is all.", gold, True, "boxed")
    yield Item(f"Adding up, the answer is ${gold}$.", gold, True, "prose")


def _spaced(gold: str) -> str:
    out = re.sub(r"\s+", " ", gold)
    out = re.sub(r"(?<![\\,])([+=])", r" \1 ", out)
    return f" {out}\\, " if not out.endswith("}") else f"\\ {out} "


def _styled(gold: str) -> str:
    out = re.sub(r"\\[dt]?frac", r"\\tfrac", gold) if "\\dfrac" in gold else gold.replace("\\frac", "\\dfrac")
    if "\\left" in out:
        return out.replace("\\left", "\\bigl").replace("\\right", "\\bigr")
    return re.sub(r"([)\]])", r"\\right\1", re.sub(r"([(\[])", r"\\left\1", out))


def _decimal(gold: str) -> tuple[str, bool] | None:
    """A fraction as a decimal, and whether that is exact; a whole number with a point."""
    match = _FRACTION.fullmatch(gold)
    if match:
        top, bottom = int(match.group(2) or match.group(3)), int(match.group(4) or match.group(5))
        value = Fraction(top, bottom)
        left = value.denominator
        for p in (2, 5):
            while left % p == 0:
                left //= p
        if left == 1:
            places = next(k for k in range(64) if (value * 10**k).denominator == 1)
            digits = str(int(value * 10**places)).rjust(places + 1, "0")
            return f"{match.group(1)}{digits[: len(digits) - places]}.{digits[len(digits) - places :]}", True
        # seven significant digits: the rounding is below 1e-6 of the value
        return f"{match.group(1)}{float(value):.7g}", False
    return (f"{gold}.0", True) if re.fullmatch(r"-?\d+", gold) else None


def mutated(gold: str, rng: random.Random) -> Iterator[Item]:
    """Wrong answers near the gold answer, each certainly different from it."""
    for name, make in _MAKERS.items():
        for changed in make(gold, rng):
            if changed != gold and changed.strip() and not same_value(changed, gold, by_construction=name in _CERTAIN):
                yield Item(f"\\boxed{{{changed}}}", gold, False, name)


def _digit(gold: str, rng: random.Random) -> Iterator[str]:
    spans = [m.span() for m in _NUMERAL.finditer(re.sub(r"\\text\{[^}]*\}|\\mbox\{[^}]*\}\^?\d?", _blank, gold))]
    for start, end in spans[:3]:
        at = rng.choice([i for i in range(start, end) if gold[i].isdigit()])
        new = rng.choice([d for d in "123456789" if d != gold[at]])
        yield gold[:at] + new + gold[at + 1 :]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _sign(gold: str, rng: random.Random) -> Iterator[str]:
    if _words(gold):
        return
    if gold.startswith("-"):
        yield gold[1:]
    elif gold[0] not in "([{\\" or gold.startswith(("\\frac", "\\sqrt", "\\pi", "\\dfrac")):
        yield f"-{gold}"
    at = gold.find("-", 1)
    if at > 0:
        yield gold[:at] + ("+" if gold[at - 1] not in "([,{ =" else "") + gold[at + 1 :]


def _swap(gold: str, rng: random.Random) -> Iterator[str]:
    match = _PAIR.fullmatch(gold)
    if match and match.group(3).count(",") == 1 and "cup" not in gold:
        a, b = match.group(3).removesuffix("\\right").split(",")
        yield f"{match.group(2)}{b.strip()}, {a.strip()}{match.group(5)}"


def _bracket(gold: str, rng: random.Random) -> Iterator[str]:
    flip = {"(": "[", "[": "(", ")": "]", "]": ")"}
    if ("," in gold and _PAIR.fullmatch(gold) and gold.count(",") == 1) or "\\cup" in gold or "\\in " in gold:
        for at in (i for i, c in enumerate(gold) if c in flip):
            yield gold[:at] + flip[gold[at]] + gold[at + 1 :]


def _operator(gold: str, rng: random.Random) -> Iterator[str]:
    for match in re.finditer(r"(?<=[\w})] )\+(?= )|(?<=[\w})])\+(?=[\w\\])", gold):
        yield gold[: match.start()] + "-" + gold[match.end() :]
    for match in re.finditer(r"(?<=[\w})] )-(?= )|(?<=[\w})])-(?=[\w\\])", gold):
        yield gold[: match.start()] + "+" + gold[match.end() :]
    if "\\pm" in gold:
        yield gold.replace("\\pm", "+")
        yield gold.replace("\\pm", "-")
    if "\\cup" in gold:
        yield gold.replace("\\cup", "\\cap")


def _drop(gold: str, rng: random.Random) -> Iterator[str]:
    if "\\cup" in gold:
        yield gold.partition("\\cup")[0].strip()
    elif re.fullmatch(r"[-\d, ]+", gold) and "," in gold and not re.search(r",\d{3}", gold):
        yield gold.rpartition(",")[0]
    elif "," in gold and gold[0] in "([" and gold.count(",") > 1:
        yield gold.rpartition(",")[0] + gold[-1]
    elif "pmatrix" in gold:
        yield gold.replace(gold[gold.rindex("\\\\") : gold.index("\\end")], " ")


def _fraction(gold: str, rng: random.Random) -> Iterator[str]:
    match = _FRACTION.search(gold)
    if match:
        top, bottom = match.group(2) or match.group(3), match.group(4) or match.group(5)
        yield gold[: match.start()] + f"{match.group(1)}\\frac{{{bottom}}}{{{top}}}" + gold[match.end() :]


def _root(gold: str, rng: random.Random) -> Iterator[str]:
    if "\\sqrt" in gold:
        yield re.sub(r"\\sqrt\s*(\{[^{}]*\}|\d)", r"\1", gold)
        yield gold.replace("\\sqrt", "\\sqrt[3]", 1)
    if "\\pi" in gold:
        yield gold.replace("\\pi", "3.14")


def _exponent(gold: str, rng: random.Random) -> Iterator[str]:
    match = re.search(r"\^(\d)", re.sub(r"\\text\{[^}]*\}|\\mbox\{[^}]*\}\^?\d?", _blank, gold))
    if match:
        yield gold[: match.start(1)] + str(int(match.group(1)) + 1) + gold[match.end(1) :]


def _letter(gold: str, rng: random.Random) -> Iterator[str]:
    words = _words(gold)
    if len(words) == 1:
        yield gold.replace(words, "B" if words != "B" else "C")
    elif words:
        yield gold.replace(words, words[:-1] + ("a" if words[-1] != "a" else "o"))


def _words(gold: str) -> str:
    match = re.fullmatch(r"\\text\{\(?([A-Za-z]+)\)?\}", gold)
    return match.group(1) if match else ""


def _extra(gold: str, rng: random.Random) -> Iterator[str]:
    if re.fullmatch(r"-?\d+", gold):
        yield f"{gold}0"
        yield f"{gold}.5"
        yield f"{gold}, {int(gold) + 1}"
        yield f"{gold}\\sqrt{{2}}"
        yield f"{gold}x"
        yield f"{gold}!" if int(gold) > 2 else f"{gold}+1"


_MAKERS: dict[str, Callable[[str, random.Random], Iterator[str]]] = {
    "digit": _digit, "sign": _sign, "swap": _swap, "bracket": _bracket, "operator": _operator, "drop": _drop,
    "fraction": _fraction, "root": _root, "exponent": _exponent, "letter": _letter, "extra": _extra,
}  # fmt: skip
# another bracket, one element fewer, another word or letter is another answer, whatever the values are
_CERTAIN = ("bracket", "drop", "letter")


def same_value(a: str, b: str, *, by_construction: bool) -> bool:
    """Whether two answers have the same value, by latex2sympy and sympy; where it cannot read one of them, what the
    way of making them says, and that is different."""
    if by_construction:
        return False
    pieces = [_pieces(a), _pieces(b)]
    if len(pieces[0]) != len(pieces[1]):
        return False
    return all(x == y or _same_piece(x, y) for x, y in zip(*pieces, strict=True))


def _pieces(text: str) -> list[str]:
    plain = re.sub(r"\\(?:left|right|!)|\\(?:text|mbox)\{[^}]*\}(?:\^\d)?|\^\\circ|\\\$", "", text).replace(" ", "")
    return [p for p in re.split(r"[,()\[\]&]|\\\\|\\cup|\\begin\{pmatrix\}|\\end\{pmatrix\}", plain) if p]


def _same_piece(a: str, b: str) -> bool:
    values = [_values(a), _values(b)]
    if None in values:
        return False
    return all(abs(x - y) <= 1e-12 * max(1.0, abs(x), abs(y)) for x, y in zip(*values, strict=True))  # type: ignore[arg-type]


def _values(text: str) -> list[complex] | None:
    """Values at three points; None for what sympy has no number for."""
    import sympy
    from latex2sympy2_extended import latex2sympy

    try:
        left, equals, right = text.partition("=")
        first: Any = latex2sympy(left)
        found = first - latex2sympy(right) if equals else first
        symbols = sorted(found.free_symbols, key=str)
        points = [[sympy.Rational(k + 2 * j + 1, 7) for j in range(len(symbols))] for k in (1, 3, 6)]
        return [complex(sympy.N(found.subs(dict(zip(symbols, p, strict=True))))) for p in points]
    except Exception:
        return None


def all_items(golds: list[str], seed: int = 0) -> list[Item]:
    """Every rewriting and mutation of every gold answer."""
    rng = random.Random(seed)
    return [item for gold in golds for item in (*rewritten(gold), *mutated(gold, rng))]
