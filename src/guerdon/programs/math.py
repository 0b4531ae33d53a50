"""Equality of mathematical answers that needs a computer algebra system: math-verify, and a check of what it says.

math-verify's own time limits are switched off everywhere: they work by signals, in the main thread alone, and not at
all against one long multiplication. The process is killed instead.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import mpmath
import sympy

try:
    import math_verify
except ImportError as error:
    math_verify, MISSING = None, str(error)

from guerdon.ops.mathtext import Rules, judged, read, screen
from guerdon.ops.mathtext.expression import Node
from guerdon.programs import _numeric

# it warns at every call that its time limits are off
logging.getLogger("math_verify").setLevel(logging.ERROR)

_DIGITS = (30, 60)
_STYLE = re.compile(r"\\(?:left|right|displaystyle|[dt]?frac|cdot|times|text|mathrm)(?![A-Za-z])")


def verify(payload: Mapping[str, Any]) -> bool:
    r"""What math-verify alone says: ``verify(parse(gold), parse(answer))`` with its defaults.

    Example:
        >>> verify({"gold": r"\boxed{\frac{1}{2}}", "answer": r"so it is \boxed{0.5}"})
        True
    """
    return _says(_parsed(payload["gold"]), _parsed(payload["answer"]))


def equal(payload: Mapping[str, Any]) -> dict[str, str]:
    r"""Compare two answers: exact values, then values at points to 150 digits, then math-verify, confirmed.

    Args:
        payload: ``answer`` and ``gold`` as screened text, ``relative`` and ``units`` as in the verifier ``math``.

    Returns:
        ``relation``: ``equal``, ``different``, ``bad_answer`` or ``bad_gold`` where one cannot be read, ``missing``
        where math-verify is needed and not installed; ``by``: what decided.

    Example:
        >>> equal({"answer": r"\int_0^1 x\,dx", "gold": "1/2", "relative": 0.0, "units": "ignore"})
        {'relation': 'equal', 'by': 'confirmed'}
    """
    relative = payload["relative"]
    rules = Rules(relative, payload["units"], lambda a, b, e: _numeric.judge(a, b, e, relative))
    found = judged(payload["answer"], payload["gold"], rules)
    if found != "unknown":
        return {"relation": found, "by": "values"}
    if math_verify is None:
        return {"relation": "missing", "by": MISSING}
    return _confirmed(payload["answer"], payload["gold"], relative)


def readable(payload: Mapping[str, Any]) -> bool:
    """Whether an answer can be read and worked out at all; asked of a gold answer after a comparison ran out of time.

    Example:
        >>> readable({"text": "2^10"})
        True
    """
    text = screen(payload["text"]).text
    shifted = judged(f"{text}+1", text, Rules(0.0, "ignore", lambda a, b, e: _numeric.judge(a, b, e, 0.0)))
    return shifted != "unknown" or math_verify is None or bool(_objects(_parsed(f"${text}$")))


def _parsed(text: str) -> list[Any]:
    return math_verify.parse(text, parsing_timeout=0)  # type: ignore[union-attr]


def _says(gold: list[Any], answer: list[Any]) -> bool:
    return math_verify.verify(gold, answer, timeout_seconds=None)  # type: ignore[union-attr]


def _objects(parsed: list[Any]) -> list[Any]:
    return [p for p in parsed if isinstance(p, (sympy.Basic, sympy.MatrixBase))]


def _whole(parsed: list[Any], text: str) -> bool:
    """Whether math-verify read all of a text: it takes the first piece that it can, such as ``1`` of ``1-1/e``.

    It rewrites what it reads, so letters and digits are compared, without the names of commands of style.
    """
    return any(isinstance(p, str) and _bare(p) == _bare(text) for p in parsed)


def _bare(text: str) -> str:
    return "".join(c for c in _STYLE.sub("", text) if c.isalnum())


def _confirmed(answer: str, gold: str, relative: float) -> dict[str, str]:
    """What math-verify says in both directions, held against the values of what has been read.

    A side that our own parser reads is taken from it, the other from math-verify, if it has read all of it.
    """
    a, g = _parsed(f"${answer}$"), _parsed(f"${gold}$")
    left, right = _side(a, answer), _side(g, gold)
    # a gold answer that our own parser understands is sound, whatever it is compared with
    if right is None and not read(gold).understood:
        return {"relation": "bad_gold", "by": "math-verify"}
    if left is None or right is None:
        return {"relation": "bad_answer", "by": "math-verify"}
    if isinstance(left, Node) and isinstance(right, Node) and _numeric.precision(left, right) is None:
        return {"relation": "bad_answer", "by": "numbers too large to work out"}
    said = _says(g, a) and _says(a, g)
    found = _agree(left, right, relative)
    if found == "unknown":
        return {"relation": "equal" if said else "different", "by": "math-verify"}
    agreed = (found == "equal") == said
    return {"relation": found, "by": "confirmed" if agreed else "values against math-verify"}


def _side(parsed: list[Any], text: str) -> Any:
    """A formula of our own, else an object of sympy for the whole text, else None."""
    own = read(text)
    if own.kind == "value" and own.node is not None and not own.unit and not own.percent:
        return own.node
    objects = _objects(parsed)
    return objects[0] if objects and _whole(parsed, text) else None


def _agree(a: Any, b: Any, relative: float) -> str:
    """Two formulas by their values, part by part where they are collections."""
    if isinstance(a, (sympy.Tuple, sympy.Interval)) and type(a) is type(b) and len(a.args) == len(b.args):
        parts = [_agree(x, y, relative) for x, y in zip(a.args, b.args, strict=True)]
        return next((r for r in ("different", "unknown") if r in parts), "equal")
    if not (isinstance(a, (sympy.Expr, Node)) and isinstance(b, (sympy.Expr, Node))):
        return "equal" if a == b else "unknown"
    names = _names(a) | _names(b)
    return _numeric.agreement(
        lambda at: _at(a, at), lambda at: _at(b, at), names, relative=relative, digits=_DIGITS
    )  # fmt: skip


def _names(formula: Any) -> set[str]:
    return _numeric.symbols(formula) if isinstance(formula, Node) else {s.name for s in formula.free_symbols}


def _at(expression: Any, at: Mapping[str, Any]) -> Any:
    """The value of a formula of ours or of sympy's in mpmath's current precision."""
    if isinstance(expression, Node):
        return _numeric.value(expression, at, None)
    digits = mpmath.mp.dps
    known = {s: sympy.Float(at[s.name], digits) for s in expression.free_symbols}
    number = sympy.N(expression.subs(known), digits)
    if not number.is_number or not number.is_finite:
        raise _numeric.NoNumberError(str(expression)[:40])
    return number._to_mpmath(mpmath.mp.prec)
