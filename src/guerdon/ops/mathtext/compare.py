"""Two answers that have been read: equal, different, or not known here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from guerdon.ops.answers import choice_of, plain_text
from guerdon.ops.mathtext import exact
from guerdon.ops.mathtext.evaluate import evaluate, magnitude
from guerdon.ops.mathtext.exact import HardError, UndefinedError, Value
from guerdon.ops.mathtext.expression import DEGREE, Node
from guerdon.ops.mathtext.structure import Answer
from guerdon.ops.mathtext.units import ANGLE, unit_of

Relation = Literal["equal", "different", "unknown"]
Units = Literal["ignore", "strict"]
Judge = Callable[[Node, Node, bool], Relation]

CHOICES = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Rules:
    """How two answers are compared.

    ``relative`` is the tolerance for real numbers, 0 for exact. ``units`` says whether a unit that only one side names
    matters. ``judge`` decides two formulas, or two equations brought to zero (third argument true).
    """

    relative: float = 0.0
    units: Units = "ignore"
    judge: Judge | None = None

    def decide(self, a: Node, b: Node, equations: bool = False) -> Relation:
        """What the exact values say, and the judge where they say nothing."""
        found = exactly(a, b, self.relative, equations)
        if found == "unknown" and self.judge is not None:
            return self.judge(a, b, equations)
        return found


def exactly(a: Node, b: Node, relative: float = 0.0, equations: bool = False) -> Relation:
    """Two formulas by their exact values.

    Example:
        >>> from guerdon.ops.mathtext.expression import parse
        >>> exactly(parse("1/sqrt(2)"), parse("sqrt(2)/2")), exactly(parse("1/2^99"), parse("1/2^98"))
        ('equal', 'different')
    """
    if a == b:
        return "equal"
    ends = _end(a), _end(b)
    try:
        if ends != (0, 0):
            for node, end in ((a, ends[0]), (b, ends[1])):
                if not end and _defined(node) is None:
                    return "different"
            return "equal" if ends[0] == ends[1] else "different"
        x, y = _defined(a), _defined(b)
        if x is None or y is None:
            return "unknown" if x is y else "different"  # 1/0 equals no number
        same = exact.proportional(x, y) if equations else exact.equal(x, y)
    except HardError:
        return "unknown" if equations else _by_size(a, b)
    if same:
        return "equal"
    if relative and not equations and _near(x, y, relative):
        return "equal"
    if x.opaque or y.opaque:
        return "unknown" if equations else _by_size(a, b)
    return "different"


def _by_size(a: Node, b: Node) -> Relation:
    """Numbers too large to write out, such as towers of powers, differ if their sizes do."""
    x, y = magnitude(a), magnitude(b)
    if x is None or y is None or x == y:
        return "unknown"
    return "different" if abs(x - y) > 64 + 1e-6 * min(abs(x), abs(y)) else "unknown"


def _defined(node: Node) -> Value | None:
    try:
        return evaluate(node)
    except UndefinedError:
        return None


def _end(node: Node) -> int:
    """1 for infinity, -1 for minus infinity, 0 for anything else."""
    if node.kind == "neg":
        return -_end(node.parts[0])
    return int(node.kind == "sym" and node.value == "∞")


def _near(x: Value, y: Value, relative: float) -> bool:
    p, q = x.rational(), y.rational()
    if p is not None and q is not None:
        # the decimal as written: 0.3 as a binary float is below 0.3 and would refuse the bound itself
        return abs(p - q) <= Fraction(str(relative)) * abs(q)
    a, b = exact.approximate(x), exact.approximate(y)
    return a is not None and b is not None and abs(a - b) <= relative * abs(b)


def relation(a: Answer, g: Answer, rules: Rules) -> Relation:
    """How an answer relates to the gold answer."""
    if a.kind == g.kind == "text":
        return "equal" if _same_words(a.text, g.text) else "different"
    renamed = bool(a.name and g.name and a.name != g.name)
    if not renamed and a.text and _compact(a.text) == _compact(g.text):
        return "equal"
    if _is_choice(a) or _is_choice(g):
        letters = choice_of(_bare_text(a.text)), choice_of(_bare_text(g.text))
        if None not in letters:
            return "equal" if letters[0] == letters[1] else "different"
    if _letters(a.text) and _letters(g.text) and _same_words(a.text, g.text):
        return "equal"
    if "raw" in (a.kind, g.kind):
        return "different" if "text" in (a.kind, g.kind) else "unknown"
    if "equation" in (a.kind, g.kind) or renamed:
        return _equations(a, g, rules)
    return _by_kind(replace(a, name=""), replace(g, name=""), rules)


def _by_kind(a: Answer, g: Answer, rules: Rules) -> Relation:
    kinds = {a.kind, g.kind}
    if "base" in kinds:
        return _base(a, g, rules)
    if kinds == {"value"}:
        return _value(a, g, rules)
    if kinds == {"tuple"}:
        if len(a.items) == 2 and a.mark != g.mark:
            return "different"
        return _in_order(a.items, g.items, rules)
    if kinds == {"matrix"}:
        return _in_order(a.items, g.items, rules) if a.mark == g.mark else "different"
    if kinds == {"matrix", "tuple"}:
        # a vector may be written as a point
        return _in_order(a.items, g.items, rules) if "1" in (a.mark, g.mark) else "different"
    if kinds == {"tuple", "list"}:
        # [1, 2] is an interval, [1, 2, 3] a list in brackets
        listed = "()" in (a.mark, g.mark) or len(a.items) > 2
        return _in_order(a.items, g.items, rules) if listed else "different"
    if kinds == {"set"}:
        return _any_order(_distinct(a.items, rules), _distinct(g.items, rules), rules)
    if kinds <= {"list", "set"} or kinds == {"union"}:
        return _any_order(a.items, g.items, rules)
    if "list" in kinds:
        # 3/2 or 1.5 is one answer, said twice
        left, right = _single(a, rules), _single(g, rules)
        return relation(left, right, rules) if left.kind != "list" and right.kind != "list" else "different"
    if "set" in kinds and len(a.items or g.items) == 1 and kinds & {"value", "text"}:
        return relation(a.items[0] if a.kind == "set" else a, g.items[0] if g.kind == "set" else g, rules)
    return "different"


def _in_order(a: Sequence[Answer], g: Sequence[Answer], rules: Rules) -> Relation:
    if len(a) != len(g):
        return "different"
    return _all(relation(x, y, rules) for x, y in zip(a, g, strict=True))


def _all(found) -> Relation:
    out: Relation = "equal"
    for one in found:
        if one == "different":
            return "different"
        out = "unknown" if one == "unknown" else out
    return out


def _any_order(a: Sequence[Answer], g: Sequence[Answer], rules: Rules) -> Relation:
    """Whether the items can be paired: equal pairs first, then with pairs that are not known."""
    if len(a) != len(g):
        return "different"
    table = [[relation(x, y, rules) for y in g] for x in a]
    if _paired([[r == "equal" for r in row] for row in table]):
        return "equal"
    return "unknown" if _paired([[r != "different" for r in row] for row in table]) else "different"


def _paired(fits: list[list[bool]]) -> bool:
    owner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j, fit in enumerate(fits[i]):
            if fit and j not in seen:
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    return all(place(i, set()) for i in range(len(fits)))


def _distinct(items: Sequence[Answer], rules: Rules) -> list[Answer]:
    out: list[Answer] = []
    for item in items:
        if all(relation(item, other, rules) != "equal" for other in out):
            out.append(item)
    return out


def _single(a: Answer, rules: Rules) -> Answer:
    return items[0] if a.kind == "list" and len(items := _distinct(a.items, rules)) == 1 else a


def _value(a: Answer, g: Answer, rules: Rules) -> Relation:
    assert a.node is not None
    assert g.node is not None
    if a.percent != g.percent:
        if a.unit or g.unit:
            return "different"
        left, right = _hundredth(a.node, a.percent), _hundredth(g.node, g.percent)
        found = rules.decide(left, right)
        return found if found == "equal" or rules.units == "strict" else _or(found, rules.decide(a.node, g.node))
    x, y = unit_of(a.unit) if a.unit else None, unit_of(g.unit) if g.unit else None
    if x and y:
        if x[0] != y[0]:
            return "different"
        return rules.decide(_times(a.node, x[1]), _times(g.node, y[1]))
    if rules.units == "strict" and not _same_words(a.unit, g.unit):
        return "different"
    found = rules.decide(a.node, g.node)
    angle = {u[0] for u in (x, y) if u}
    if found == "different" and angle == {ANGLE} and rules.units == "ignore":
        # 30° is π/6
        left, right = (Node("mul", None, (n, DEGREE)) if u else n for n, u in ((a.node, x), (g.node, y)))
        return rules.decide(left, right)
    return found


def _or(first: Relation, second: Relation) -> Relation:
    if "equal" in (first, second):
        return "equal"
    return "unknown" if "unknown" in (first, second) else "different"


def _hundredth(node: Node, percent: bool) -> Node:
    return Node("div", None, (node, Node("num", Fraction(100)))) if percent else node


def _times(node: Node, factor: Fraction) -> Node:
    return node if factor == 1 else Node("mul", None, (node, Node("num", factor)))


def _base(a: Answer, g: Answer, rules: Rules) -> Relation:
    """Numerals with a base: the gold answer says which base was asked for, and may be answered without naming it."""
    if g.kind == "base":
        if a.kind == "base":
            return "equal" if (a.unit, a.mark) == (g.unit, g.mark) else "different"
        return "equal" if rules.units == "ignore" and _compact(a.text) == g.unit else "different"
    value = _numeral(a.unit, int(a.mark))
    if value is None or g.node is None:
        return "different"
    return rules.decide(Node("num", Fraction(value)), g.node)


def _numeral(digits: str, base: int) -> int | None:
    try:
        return int(digits, base)
    except ValueError:
        return None


def _equations(a: Answer, g: Answer, rules: Rules) -> Relation:
    """``y = 2x + 3`` and ``2x - y = -3`` are one line; values, intervals and points are no equations."""
    left, right = _to_zero(a), _to_zero(g)
    return "different" if left is None or right is None else rules.decide(left, right, True)


def _to_zero(a: Answer) -> Node | None:
    if a.kind == "equation":
        return a.node
    if a.kind != "value" or not a.name or "(" in a.name:
        return None
    return Node("add", None, (Node("sym", a.name), Node("neg", None, (a.node or Node("sym", ""),))))


def _is_choice(a: Answer) -> bool:
    """Whether it can only be the letter of an option: ``B`` or ``(B)``, not ``x``."""
    bare = _bare_text(a.text).strip("() ")
    return len(bare) == 1 and bare in CHOICES


def _bare_text(text: str) -> str:
    return text.replace("\\text{", " ").replace("}", " ").replace("{", " ").strip() if "{" in text else text


def _letters(text: str) -> bool:
    bare = _bare_text(text).replace(" ", "")
    return len(bare) > 2 and bare.isalpha()


def _same_words(a: str, b: str) -> bool:
    return plain_text(_bare_text(a)) == plain_text(_bare_text(b))


def _compact(text: str) -> str:
    return "".join(itertools.filterfalse(str.isspace, text))
