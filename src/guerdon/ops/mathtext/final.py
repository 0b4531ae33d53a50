"""The final answer of a worked solution, whatever convention it follows."""

from __future__ import annotations

import re

from guerdon.errors import UnknownNameError
from guerdon.ops.answers import FORMATS, MAX_TEXT, extract_answer

_BOX = re.compile(r"\\f?boxed\s*\{")
_STEP = re.compile(r"\\.|[{}]", re.DOTALL)
_BETWEEN = re.compile(r"[\s$.,;\\()\[\]]*(?:and|or|,|;)[\s$\\()\[\]]*")
_SENTENCE = re.compile(r"(?<!\d)[.!?](?=\s|$)|(?<=\d)\.(?=\s+[A-Z])|\s(?:because|since|so that|which|as)\s|[;:]\s")
_MATHS = re.compile(r"(?<!\\)\$((?:\\.|[^$\\])+)\$")


def final_answer(text: str, extract: str = "auto", several: str = "join") -> tuple[str, str]:
    r"""The final answer and ``""``, or ``""`` and why there is none.

    ``auto`` takes the last box; without a box the last ``####`` line; without that what follows the last ``Answer:``
    or ``answer is``, up to the end of the sentence; else the last number. Boxes joined by nothing but "and", "or" or a
    comma are one list with ``several="join"``.

    Example:
        >>> final_answer(r"so \boxed{1} and \boxed{2}."), final_answer("The answer is $12$ apples, since 3*4=12.")
        (('1, 2', ''), ('12', ''))
        >>> final_answer("it is 7 or 8"), final_answer(r"\boxed{1"), final_answer("no idea")
        (('8', ''), ('', 'the last box is not closed'), ('', 'no answer found'))
    """
    tail = text[-MAX_TEXT:]
    if extract in ("auto", "boxed"):
        boxes = _boxes(tail)
        if boxes is None:
            return "", "the last box is not closed"
        if boxes:
            return _found(_joined(boxes, tail) if several == "join" else tail[slice(*boxes[-1][1:])])
        if extract == "boxed":
            return "", "no answer found"
    if extract != "auto":
        if extract not in FORMATS:
            raise UnknownNameError("answer format", extract, ("auto", *FORMATS))
        found = extract_answer(tail, extract, max_answer=MAX_TEXT)
        return _found(_sentence(found) if extract == "answer_line" else found)
    if "####" in tail:
        return _found(extract_answer(tail, "hash", max_answer=MAX_TEXT))
    line = extract_answer(tail, "answer_line", max_answer=MAX_TEXT)
    return _found(_sentence(line) if line else extract_answer(tail, "last_number", max_answer=MAX_TEXT))


def bare_gold(gold: str) -> str:
    r"""A gold answer without the box or the ``####`` line that it may still stand in.

    Example:
        >>> bare_gold(r"We get $\boxed{7}$."), bare_gold("7")
        ('7', '7')
    """
    return final_answer(gold)[0] or gold if "####" in gold or _BOX.search(gold) else gold


def _found(answer: str) -> tuple[str, str]:
    answer = answer.strip()
    return (answer, "") if answer else ("", "no answer found")


def _boxes(text: str) -> list[tuple[int, int, int]] | None:
    """Start of the command, and start and end of the inside, of every outermost box; None if the last never closes."""
    if "boxed" not in text:
        return []
    boxes: list[tuple[int, int, int]] = []
    at = 0
    while match := _BOX.search(text, at):
        depth, end = 1, -1
        for step in _STEP.finditer(text, match.end()):
            depth += {"{": 1, "}": -1}.get(step.group(), 0)
            if depth == 0:
                end = step.start()
                break
        if end < 0:
            # only the last box may decide: an unclosed one swallows what follows
            return None
        boxes.append((match.start(), match.end(), end))
        at = end
    return boxes


def _joined(boxes: list[tuple[int, int, int]], text: str) -> str:
    """The last box, with the boxes before it from which only "and", "or" or a comma separates it."""
    first = len(boxes) - 1
    while first and _BETWEEN.fullmatch(text[boxes[first - 1][2] + 1 : boxes[first][0]]):
        first -= 1
    return ", ".join(text[a:b].strip() for _, a, b in boxes[first:])


def _sentence(line: str) -> str:
    """What a sentence names as the answer: its formula, if it has one, else all up to its end."""
    cut = _SENTENCE.search(line)
    first = (line[: cut.start()] if cut else line).strip()
    formula = _MATHS.search(line)
    return formula.group(1) if formula and formula.start() < max(len(first), 1) else first
