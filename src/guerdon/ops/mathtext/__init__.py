r"""Final answers of mathematics, read and compared exactly in plain Python, bounded in time.

``screen`` looks at size and characters, ``structure`` reads lists, intervals, units and words, ``expression`` reads
formulas, ``exact`` and ``evaluate`` give them exact values, ``compare`` decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from guerdon.ops.mathtext.compare import Relation, Rules, relation
from guerdon.ops.mathtext.screen import screen
from guerdon.ops.mathtext.structure import Answer, read

_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_MARKS = " .,;:`*_$"  # around an answer, never one


@dataclass(frozen=True)
class Decision:
    """``relation`` is ``equal``, ``different``, ``unknown``, ``bad_answer`` or ``bad_gold``, with the reason."""

    relation: str
    reason: str = ""


def decide(answer: str, gold: str, rules: Rules) -> Decision:
    r"""Compare two answers as text; takes microseconds to a few milliseconds, whatever they hold.

    Example:
        >>> decide(r"\frac{1}{2}", "0.5", Rules()).relation, decide("x^2-1", "(x-1)(x+1)", Rules()).relation
        ('equal', 'equal')
        >>> decide(r"\int_0^1 x dx", "0.5", Rules()).relation, decide("7" * 500, "7", Rules())
        ('unknown', Decision(relation='bad_answer', reason='more than 400 digits in a row'))
    """
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(gold) and not rules.relative:
        return Decision("equal" if int(answer) == int(gold) else "different")
    a, g = screen(answer), screen(gold)
    if g.problem or not g.text.strip(_MARKS):
        return Decision("bad_gold", g.problem or "no gold answer")
    if a.problem or not a.text.strip(_MARKS):
        return Decision("bad_answer", a.problem or "no answer found")
    return Decision("equal" if a.text == g.text else judged(a.text, g.text, rules), a.note)


def judged(answer: str, gold: str, rules: Rules) -> Relation:
    """Compare two screened answers."""
    a, g = read(answer), read(gold)
    found = relation(a, g, rules)
    if found != "equal" and (a.kind == "list") != (g.kind == "list") and ("," in answer and "," in gold):
        # 100,200 beside 100, 200 is a list of two
        again = relation(read(answer, thousands=False), read(gold, thousands=False), rules)
        return "equal" if again == "equal" else found
    return found


__all__ = ["Answer", "Decision", "Relation", "Rules", "decide", "judged", "read", "screen"]
