"""The scoring steps that newer versions of reasoning-gym try after a data set's own rule."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import math_verify
from math_verify.parser import LatexExtractionConfig

from guerdon.programs import reasoning_gym

# it warns at every call that its time limits are off; the pool has its own
logging.getLogger("math_verify").setLevel(logging.ERROR)

_UNWRAPPED = re.compile(r"\\(?:text|mathrm)\{([^}]*)\}")
_PAREN = re.compile(r"\\\((.*?)\\\)")


def score(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The data set's own rule, for the answer and the LaTeX-stripped answer, and then the steps of the cascade.

    Args:
        payload: as for :func:`guerdon.programs.reasoning_gym.score`, and likewise what it returns.

    Example:
        >>> entry = {"question": "1 + 2 =", "answer": "3", "metadata": {}}
        >>> score({"dataset": "chain_sum", "config": {}, "entry": entry, "answer": r"\\text{3}"})
        {'score': 1.0}
    """
    answer, expected = payload["answer"], payload["entry"].get("answer")
    first = reasoning_gym.score(payload)
    if "score" not in first or first["score"] >= 0.99 or not isinstance(expected, str):
        return first
    native, plain = [first["score"]], strip_latex(answer)
    if plain != answer:
        native.append(reasoning_gym.score({**payload, "answer": plain}).get("score", 0.0))
    return {"score": cascade({"answer": answer, "expected": expected, "native": native})}


def cascade(payload: Mapping[str, Any]) -> float:
    r"""The last steps of reasoning-gym's newer scoring: text, LaTeX-stripped text, floats within 1 %, math-verify.

    Args:
        payload: ``answer`` and ``expected``; ``native`` the scores of the data set's own rule for the answer as it is
            and, where stripping changed it, for the LaTeX-stripped answer (:func:`strip_latex`).

    Returns:
        The first step's value of at least 0.99, else the largest.

    Example:
        >>> cascade({"answer": "100", "expected": "101", "native": [0.0]})
        1.0
    """
    answer, expected = payload["answer"], payload["expected"]
    best = 0.0
    for step in (
        *payload["native"],
        same_text(answer, expected),
        same_text(strip_latex(answer), strip_latex(expected)),
    ):
        if step >= 0.99:
            return float(step)
        best = max(best, float(step))
    if close(answer, expected) or _math_match(answer, expected):
        return 1.0
    unwrapped = [t.replace("\\mathrm", "\\text") for t in (answer, expected)]
    return max(best, float(_math_match(*unwrapped)))


def close(answer: Any, expected: Any) -> bool:
    """The cascade's float step: within 1 % of the larger of the two, or within 0.01."""
    try:
        a, e = float(answer), float(expected)
    except (TypeError, ValueError):
        return False
    return abs(a - e) <= max(0.01 * max(abs(a), abs(e)), 0.01)


def same_text(answer: str, expected: str) -> float:
    """1 for equal text in any case of letters, outer space aside."""
    return float(answer.strip().lower() == expected.strip().lower())


def strip_latex(text: str) -> str:
    r"""Text without the LaTeX that the cascade looks through; ``\boxed`` and ``$`` stay.

    Example:
        >>> strip_latex(r"\text{Alice}~and \( x \)")
        'Alice and x'
    """
    text = _PAREN.sub(r"\1", text)
    text = _UNWRAPPED.sub(r"\1", text).replace("\\\\", " ").replace("~", " ").replace("\\", "")
    return " ".join(text.split())


def _math_match(answer: str, expected: str) -> bool:
    sides = []
    for text in (expected, answer):
        config = [LatexExtractionConfig()]
        sides.append(math_verify.parse(f"${_unfenced(text)}$", config, parsing_timeout=0))
    if math_verify.verify(*sides, timeout_seconds=None):
        return True
    return bool(sides[0] and sides[1]) and close(sides[1][0], sides[0][0])


def _unfenced(text: str) -> str:
    text = text.strip().strip("$").strip()
    for opened, closed in (("\\[", "\\]"), ("\\(", "\\)"), ("\\,", "\\,")):
        if text.startswith(opened) and text.endswith(closed) and len(text) > len(opened) + len(closed):
            return text[len(opened) : -len(closed)].strip()
    return text
