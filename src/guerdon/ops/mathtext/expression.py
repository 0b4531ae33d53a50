r"""Formulas as people and models write them, LaTeX or plain, read into a small tree.

Reads numbers, ``\frac``, roots, powers, functions, factorials, letters and greek letters with subscripts, ``+ - ± * /``
and multiplication by standing side by side. What it cannot read to the last character it refuses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MAX_DEPTH, MAX_MARKS = 64, 6


class UnreadableError(Exception):
    """The text is no formula of the kinds known here."""


@dataclass(frozen=True)
class Node:
    """A part of a formula: ``num`` a fraction, ``sym`` a name, or an operation on ``parts``."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


GREEK = tuple(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "  # noqa: SIM905
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar".split()
)
FUNCTIONS = tuple("arcsin arccos arctan arccot sinh cosh tanh sin cos tan cot sec csc log ln exp".split())  # noqa: SIM905
_GREEK_LETTERS = {
    c: unicodedata.name(c).split()[-1].lower() for c in "αβγδεζηθικμνξρστυφχψω"
} | {c: unicodedata.name(c).split()[-1].capitalize() for c in "ΓΔΘΞΣΦΨΩ"} | {"λ": "lambda", "Λ": "Lambda"}  # fmt: skip

_NUMBER = re.compile(
    r"(?:(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?(?:\.(?=[\s)}\]]|$))?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII
)
_MIXED = re.compile(
    r"\s*(?:\\[dtc]?frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))|\s(\d+)\s*/\s*(\d+))", re.ASCII
)
_REPEATING = re.compile(r"(\d*)\.(\d*)\\overline\s*\{\s*(\d+)\s*\}", re.ASCII)
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_WORD = re.compile(r"[A-Za-z]+")
_SPACE = re.compile(r"(?:\s|\\[,;:!> ]|\\q?quad\b|~|&)+")
_NAMES = re.compile("|".join(FUNCTIONS))
_STYLES = ("mathrm", "text", "mathbf", "boldsymbol", "mathit", "mbox", "operatorname", "vec", "hat", "bar", "overline")


DEGREE = Node("div", None, (Node("sym", "π"), Node("num", Fraction(180))))


def parse(text: str) -> Node:
    r"""Read a whole formula.

    Raises:
        UnreadableError: some of it is no formula of the kinds known here.

    Example:
        >>> parse(r"-\frac12").kind, parse("2x+1").kind
        ('neg', 'add')
    """
    reader = _Reader(text)
    node = reader.sum()
    reader.space()
    if reader.at != len(text):
        raise UnreadableError(f"{text[reader.at :][:20]!r} is not understood")
    return node


class _Reader:
    def __init__(self, text: str):
        self.text, self.at, self.depth = text, 0, 0

    # -- characters

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match:
            self.at = match.end()

    def peek(self) -> str:
        self.space()
        return self.text[self.at : self.at + 1]

    def take(self, *options: str) -> str:
        """The first option that stands here, eaten; a command is not the start of a longer command."""
        self.space()
        for option in options:
            if self.text.startswith(option, self.at):
                end = self.at + len(option)
                if option[0] == "\\" and option[-1].isalpha() and self.text[end : end + 1].isalpha():
                    continue
                self.at = end
                return option
        return ""

    def need(self, option: str) -> None:
        if not self.take(option):
            raise UnreadableError(f"{option!r} is missing")

    def deeper(self, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnreadableError("nested too deep")
        node = read()
        self.depth -= 1
        return node

    # -- grammar

    def sum(self) -> Node:
        return self.deeper(self._sum)

    def _sum(self) -> Node:
        parts = []
        while True:
            sign = self.take("+-", "-+", "+", "-", "\\pm", "\\mp", "±", "∓")
            if parts and not sign:
                break
            term = self.term()
            if sign in ("-", "+-", "-+"):
                term = Node("neg", None, (term,))
            elif sign in ("\\pm", "±", "\\mp", "∓"):
                term = Node("pm", -1 if sign in ("\\mp", "∓") else 1, (term,))
            parts.append(term)
        return parts[0] if len(parts) == 1 else Node("add", None, tuple(parts))

    def term(self) -> Node:
        # a * b / c * d read from the left is a b d over c; flat, so that a long product is no deep tree
        above, below = [self.factor()], []
        while True:
            sign = self.take("\\cdot", "\\times", "**", "*", "/", "\\div", "\\ast")
            if sign == "**":
                raise UnreadableError("** needs a base")
            if sign:
                minus = bool(self.take("-"))
                other = self.factor()
                (below if sign in ("/", "\\div") else above).append(Node("neg", None, (other,)) if minus else other)
            elif self.starts_factor():
                if self.text[self.at].isdigit() and _ends_in_digit(self.text, self.at):
                    raise UnreadableError("two numbers side by side")
                above.append(self.factor())
            else:
                return Node("div", None, (_product(above), _product(below))) if below else _product(above)

    def starts_factor(self) -> bool:
        c = self.peek()
        if c == "\\":
            match = _COMMAND.match(self.text, self.at)
            return bool(match) and (match.group(1) in _FACTORS or match.group(1) in _STYLES)  # type: ignore[union-attr]
        return bool(c) and (c.isalnum() or c in "({[.√π∞" or c in _GREEK_LETTERS)

    def factor(self) -> Node:
        return self.deeper(self._factor)

    def _factor(self) -> Node:
        node = self.base()
        for _ in range(MAX_MARKS):
            if self.take("^", "**"):
                node = Node("pow", None, (node, self.exponent()))
            elif self.take("!"):
                node = Node("fact", None, (node,))
            elif self.take("°"):
                node = Node("mul", None, (node, DEGREE))
            else:
                return node
        raise UnreadableError("too many exponents and factorial signs")

    def exponent(self) -> Node:
        if self.peek() == "{":
            return self.group("{", "}")
        if self.take("-"):
            return Node("neg", None, (self.factor(),))
        if not self.peek().isdigit():
            return self.factor()
        node = self.number() if _plain_power(self.text, self.at) else self.digit()
        if self.take("^", "**"):  # 2^3^2 is 2^9
            node = Node("pow", None, (node, self.deeper(self.exponent)))
        return node

    def group(self, opened: str, closed: str) -> Node:
        self.need(opened)
        node = self.sum()
        self.need(closed)
        return node

    def digit(self) -> Node:
        c = self.peek()
        if not c.isdigit():
            raise UnreadableError("a digit is missing")
        self.at += 1
        return Node("num", Fraction(int(c)))

    def argument(self) -> Node:
        """What a command takes: a group in braces, or one digit, letter or command."""
        c = self.peek()
        if c == "{":
            return self.group("{", "}")
        if c.isdigit():
            return self.digit()
        return self.deeper(self.base)

    def base(self) -> Node:
        c = self.peek()
        if c.isdigit() or (c == "." and self.text[self.at + 1 : self.at + 2].isdigit()):
            return self.number()
        if c in ("(", "[", "{"):
            return self.group(c, {"(": ")", "[": "]", "{": "}"}[c])
        if c == "|":
            return Node("fn", "abs", (self.group("|", "|"),))
        if c == "√":
            self.at += 1
            return Node("root", 2, (self.argument(),)) if self.peek() in "({" else Node("root", 2, (self.factor(),))
        if c == "\\":
            return self.command()
        if c in ("π", "∞"):
            self.at += 1
            return Node("sym", c)
        if c in _GREEK_LETTERS:
            self.at += 1
            return self.symbol(_GREEK_LETTERS[c])
        if c.isascii() and c.isalpha():
            return self.word()
        raise UnreadableError(f"{self.text[self.at :][:20]!r} is not understood")

    def number(self) -> Node:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise UnreadableError("a number is missing")
        self.at = match.end()
        if self.text[self.at : self.at + 1] == "_":
            raise UnreadableError("a number with a subscript")
        if "\\overline" in self.text:
            repeating = _REPEATING.match(self.text, match.start())
            if repeating:
                self.at = repeating.end()
                return Node("num", _repeating(*repeating.groups()))
        value = decimal(match.group())
        if match.group().isdigit():
            mixed = _MIXED.match(self.text, self.at)
            if mixed:
                top, bottom = (int(g) for g in mixed.groups() if g is not None)
                if 0 < top < bottom:
                    self.at = mixed.end()
                    return Node("num", value + Fraction(top, bottom))
                raise UnreadableError("a number before an improper fraction")
        return Node("num", value)

    def word(self) -> Node:
        """Letters: names of functions, ``pi``, and else at most three letters, each a factor."""
        match = _WORD.match(self.text, self.at)
        assert match is not None
        letters = match.group()
        for name, kind in (("sqrt", "root"), ("pi", "sym"), ("infinity", "inf"), ("inf", "inf"), ("abs", "abs")):
            if letters.startswith(name) and (name not in ("abs", "inf") or letters == name):
                self.at += len(name)
                if kind == "root":
                    return Node("root", 2, (self.argument() if self.peek() in "({" else self.factor(),))
                if kind == "abs":
                    return Node("fn", "abs", (self.argument(),))
                return Node("sym", "π" if name == "pi" else "∞")
        named = _NAMES.match(letters)
        if named:
            self.at += named.end()
            return self.function(named.group())
        if len(letters) > 3:
            raise UnreadableError(f"{letters!r} is a word")
        self.at += 1
        return self.symbol(letters[0])

    def symbol(self, name: str) -> Node:
        while self.text[self.at : self.at + 1] == "_":
            self.at += 1
            match = re.compile(r"\{\s*\w{1,8}\s*\}|\w").match(self.text, self.at)
            if match is None:
                raise UnreadableError("a subscript is not understood")
            self.at = match.end()
            name += "_" + match.group().strip("{} ")
        if self.text[self.at : self.at + 1] == "'":
            raise UnreadableError("a derivative")
        if name in "fgh" and self.text[self.at : self.at + 1] == "(":
            return Node("fn", name, (self.group("(", ")"),))
        return Node("i") if name == "i" else Node("sym", name)

    def command(self) -> Node:
        match = _COMMAND.match(self.text, self.at)
        if match is None:
            raise UnreadableError(f"{self.text[self.at :][:10]!r} is not understood")
        name = match.group(1)
        self.at = match.end()
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return Node("div", None, (self.argument(), self.argument()))
        if name in ("binom", "dbinom", "tbinom"):
            return Node("fn", "binom", (self.argument(), self.argument()))
        if name == "sqrt":
            degree = 2
            if self.take("["):
                found = self.number()
                self.need("]")
                degree = int(found.value) if found.value.denominator == 1 and 2 <= found.value <= 64 else 0
            if not degree:
                raise UnreadableError("a root of this degree")
            return Node("root", degree, (self.argument(),))
        if name in _STYLES:
            return self.styled()
        if name == "pi":
            return Node("sym", "π")
        if name == "infty":
            return Node("sym", "∞")
        if name in GREEK:
            return self.symbol(name.removeprefix("var"))
        if name in FUNCTIONS:
            return self.function(name)
        if name in ("lvert", "vert"):
            inner = self.sum()
            if not self.take("\\rvert", "\\vert"):
                raise UnreadableError("a bar is missing")
            return Node("fn", "abs", (inner,))
        raise UnreadableError(f"\\{name} is not understood")

    def styled(self) -> Node:
        r"""``\mathrm{e}`` is e; a word set as text is no factor."""
        self.need("{")
        end = self.text.find("}", self.at)
        inner = self.text[self.at : end].strip()
        if len(inner) != 1 or not inner.isalpha():
            raise UnreadableError(f"{inner[:20]!r} is a word")
        self.at = end + 1
        return self.symbol(inner)

    def function(self, name: str) -> Node:
        parts: list[Node] = []
        raised = None
        if self.take("_"):
            if name != "log":
                raise UnreadableError(f"{name} has no base")
            parts.append(self.argument())
        if self.take("^"):
            raised = self.group("{", "}") if self.peek() == "{" else self.argument()
        if raised == Node("neg", None, (Node("num", Fraction(1)),)) and name in ("sin", "cos", "tan", "cot"):
            name, raised = "arc" + name, None
        if self.peek() and self.peek() in "({[":
            inner = self.group(self.peek(), {"(": ")", "{": "}", "[": "]"}[self.peek()])
        else:
            factors = [self.factor()]
            while self.starts_factor() and self.peek() != "(" and not self.before_function():
                factors.append(self.factor())
            inner = _product(factors)
            if self.take("/"):
                inner = Node("div", None, (inner, self.factor()))
        node = Node("fn", name, (inner, *parts))
        return node if raised is None else Node("pow", None, (node, raised))

    def before_function(self) -> bool:
        match = _COMMAND.match(self.text, self.at) or _WORD.match(self.text, self.at)
        return match is not None and bool(_NAMES.match(match.group().lstrip("\\")))


_FACTORS = {
    "frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", "tbinom", "sqrt", "pi", "infty", "lvert", *GREEK, *FUNCTIONS
}  # fmt: skip


def _product(factors: list[Node]) -> Node:
    return factors[0] if len(factors) == 1 else Node("mul", None, tuple(factors))


def decimal(text: str) -> Fraction:
    """A number as written, exactly."""
    digits, _, exponent = text.replace(",", "").lower().partition("e")
    if len(exponent.lstrip("+-")) > 3:
        raise UnreadableError("an exponent too large")
    return Fraction(digits.rstrip(".") if digits != "." else "0") * Fraction(10) ** int(exponent or 0)


def _repeating(whole: str, fixed: str, again: str) -> Fraction:
    """0.1\\overline{6} is 1/6."""
    start = Fraction(int((whole + fixed) or "0"), 10 ** len(fixed))
    return start + Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(fixed))


def _ends_in_digit(text: str, at: int) -> bool:
    return text[:at].rstrip().endswith(tuple("0123456789"))


def _plain_power(text: str, at: int) -> bool:
    """Whether the digits after ``^`` are one exponent: LaTeX raises one digit only, plain text all of them."""
    return "\\" not in text or not text[at : at + 2].isdigit()
