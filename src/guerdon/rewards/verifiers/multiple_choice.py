"""Multiple choice: letters, option texts, and both."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import MAX_ANSWER, choice_of, plain_text, same_length
from guerdon.records import Task, Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict

_LED = re.compile(r"[(\[]?([A-Za-z])[)\].:]+ *(\S.*)", re.DOTALL)
_BEFORE = re.compile(r"(?:the )?(?:correct )?(?:answers?|options?|choices?)(?: (?:is|are))?:? +", re.IGNORECASE)
_BETWEEN = re.compile(r"(?: *[,;&/+] *| +)(?:(?:and|or) +)?", re.IGNORECASE)
_ONE = re.compile(r"[(\[]?([A-Za-z])[)\]]?")


@method(
    paper=(
        Paper("arXiv:2510.10104", "Answer-Consistent Chain-of-thought Reinforcement Learning For Multi-modal Large "
              "Language Models", "rewards/acre", where="accuracy term"),
        Paper("arXiv:2505.24164", "Mixed-R1: Unified Reward Perspective For Reasoning Capability in Multimodal "
              "Large Language Models", "rewards/mixed-r1", where="matching reward"),
    ),
    tags=("exact match", "choices"),
    default_source="ours",
    policy=Policy(
        several="As `several` says: refused, the last one, or compared as a set.",
        empty="Failed with the floor.",
        copied="An option copied from the prompt is an answer like any other; a copy of all options names several.",
    ),
)  # fmt: skip
def multiple_choice(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    task: Sequence[Task] | None = None,
    *,
    several: Literal["refuse", "last", "set"] = "refuse",
    field: str = "options",
) -> Verdict:
    r"""Accept the right option, by its letter or by its text.

    .. math:: s = \mathbb{1}[\,O(a) = O(g)\,],\qquad O(x) = \text{the option that } x \text{ names}

    Args:
        answer: parsed answers: ``B``, ``(b)``, ``B. Paris``, ``Option B``, ``Paris``; ``""`` or None for none.
        gold: the right option, as a letter or as text; a list or tuple holds several accepted ones.
        task: the task of every row; ``fields[field]`` holds the options, as a list (A, B, ...) or by letter. Without
            options only letters are read.
        several: what an answer that names several options is worth: ``refuse`` fails it, ``last`` reads the last one,
            ``set`` asks for exactly the letters of the gold answer (``"A, C"``).
        field: the field of the task with the options.

    Returns:
        1 or 0, scored. An answer that names no option, a letter beyond the options, or a letter with the text of
        another option (``B. Paris`` where A is Paris) failed with 0; a gold answer that is no option unscored.

    A letter wins over a text that is that letter. Texts are compared without case, width, outer punctuation and runs of
    space. An option whose text equals the right option's is right too: nobody can tell them apart.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "Capital of France?", fields={"options": ["Paris", "Rome", "Paris."]})
        >>> multiple_choice(["(a)", "paris", "C", "B. Paris", "A or B"], ["A"] * 5, [t] * 5).score
        [1.0, 1.0, 1.0, 0.0, 0.0]

    Source: the accuracy terms of ACRE and Mixed-R1.
    Differs: the papers compare letters only.
    """
    same_length("multiple_choice", answer=answer, gold=gold, task=task if task is not None else answer)
    options = [_options(t.fields.get(field)) for t in task] if task is not None else [{}] * len(answer)
    return verdict(_row(a or "", g, o, several) for a, g, o in zip(answer, gold, options, strict=True))


def _options(given: Any) -> dict[str, str]:
    """Option texts in their plain form by letter."""
    if isinstance(given, Mapping):
        return {str(k).strip().upper(): plain_text(str(v)) for k, v in given.items()}
    texts = [str(o).strip() for o in given or ()]
    # options often carry their own letters, which are no part of the text
    led = [m and m[1].upper() for m in map(_LED.fullmatch, texts)]
    if texts and led == list(string.ascii_uppercase[: len(texts)]):
        texts = [_rest(t) for t in texts]
    return dict(zip(string.ascii_uppercase, map(plain_text, texts), strict=False))


def _rest(text: str) -> str:
    """What follows the letter of ``B. Paris``."""
    match = _LED.fullmatch(text.strip())
    return match[2] if match else ""


def _row(answer: str, gold: Any, options: Mapping[str, str], several: str) -> Row:
    golds = alternatives(gold)
    named = [_named(g, options, "set" if several == "set" else "refuse") for g in golds]
    right = [{options.get(letter) or letter for letter in n} for n in named if not isinstance(n, str)]
    if not right:
        return unscored(f"gold is no option: {short(golds[0])}" if golds else "no gold answer")
    if not answer.strip():
        return failed("no answer found")
    found = _named(answer, options, several)
    if isinstance(found, str):
        return failed(f"{found}: {short(answer)}")
    return scored({options.get(letter) or letter for letter in found} in right)


def _named(text: str, options: Mapping[str, str], several: str) -> list[str] | str:
    """The letters that a text names, or why it names none."""
    if len(text) > MAX_ANSWER:
        return "the answer is too long"
    plain, letter = plain_text(text), choice_of(text)
    same = [k for k, option in options.items() if option and option == plain]
    if letter is not None and (not options or letter in options):
        said = plain_text(_rest(text))
        if said in options.values() and said != options[letter]:
            return "the letter and the text are of different options"
        return [letter]
    if same or letter is not None:
        return same[:1] or "no such option"
    parts = _BETWEEN.split(_BEFORE.sub("", " ".join(text.split()), count=1).rstrip("."))
    letters = [m[1].upper() for m in map(_ONE.fullmatch, parts) if m]
    if len(letters) < len(parts):
        return "the answer names no option"
    if options and not set(letters) <= set(options):
        return "no such option"
    if several == "refuse" and len(set(letters)) > 1:
        return "the answer names several options"
    return letters if several == "set" else letters[-1:]
