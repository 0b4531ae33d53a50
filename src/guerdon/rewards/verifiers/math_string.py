"""Mathematical answers compared as strings, as common training recipes do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import MAX_ANSWER, MAX_TEXT, same_length
from guerdon.ops.mathtext import strings
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, unscored, verdict

_EXTRACT: dict[str, Callable[[str], str]] = {
    "answer_line": strings.answer_line, "boxed": strings.last_box, "hash": strings.hash_number,
    "last_number": strings.last_number,
}  # fmt: skip
_NORMALISE: dict[str, Callable[[str], str]] = {
    "none": lambda text: text, "hendrycks": strings.hendrycks, "minerva": strings.minerva,
}  # fmt: skip


@method(
    paper=(
        Paper("arXiv:2110.14168", "Training Verifiers to Solve Math Word Problems", "rewards/verifiers-baseline",
              where="the #### line"),
        Paper("arXiv:2103.03874", "Measuring Mathematical Problem Solving With the MATH Dataset",
              "rewards/verifiers-baseline", where="the grader's normal form"),
        Paper("arXiv:2503.14476", "DAPO: An Open-Source LLM Reinforcement Learning System at Scale",
              "rewards/verifiers-baseline", where="rule-based reward"),
    ),
    tags=("mathematics", "exact match"),
    golden="verifiers-baseline",
    default_source="code",
    presets=(
        Preset("math_string/verl_gsm8k", params={"extract": "hash", "normalise": "none", "tail": 300},
               note="verl's GSM8K reward, strict"),
        Preset("math_string/verl_gsm8k_flexible", params={"extract": "last_number", "normalise": "none", "tail": 300},
               note="verl's GSM8K reward, flexible"),
        Preset("math_string/verl_math", params={"extract": "boxed", "normalise": "hendrycks", "tail": None},
               note="verl's MATH reward"),
        Preset("math_string/verl_dapo", params={"extract": "answer_line", "normalise": "minerva", "tail": 300},
               note="verl's DAPO reward, as 1 and 0 instead of 1 and -1"),
    ),
    policy=Policy(
        several="The last one in the chosen convention counts.",
        empty="Failed with the floor.",
        copied="Counts like any other: it is right if its string is equal.",
    ),
)  # fmt: skip
def math_string(
    completion: Sequence[str | None],
    gold: Sequence[Any],
    *,
    extract: Literal["answer_line", "boxed", "hash", "last_number"] = "answer_line",
    normalise: Literal["none", "hendrycks", "minerva"] = "minerva",
    tail: int | None = 300,
) -> Verdict:
    r"""Accept a completion whose final answer is the gold answer as a string, in a chosen normal form.

    .. math:: s_i = \mathbb{1}[norm(extract(last_{tail}(completion_i))) \in \{norm(g) : g \in gold_i\}]

    Args:
        completion: generated text; None is an empty one.
        gold: the bare right answer; a list or tuple holds several accepted ones.
        extract: ``answer_line`` what follows the last ``Answer:``; ``boxed`` the last box; ``hash`` the number after
            the last ``####``, without commas; ``last_number`` the last run of digits, points and commas.
        normalise: ``none`` as it stands; ``hendrycks`` and ``minerva`` the normal forms of those graders.
        tail: characters read, counted from the end; None for all, at most 100,000.

    Returns:
        1 or 0, scored; no answer, or one longer than 2,000 characters, failed with 0; no gold answer unscored.

    These are the rules of widely used recipes with their blind spots: ``#### 42.`` is not 42, ``1/4`` is not ``0.25``,
    words such as ``square`` are deleted wherever they stand. The verifier ``math`` has none of these.

    Raises:
        RecipeError: ``tail`` is below 1.
        DataError: the columns have different lengths.
        UnknownNameError: no such way to extract or normalise.

    Example:
        >>> math_string(["2+40=42\n#### 42", "#### 42."], ["42", "42"], extract="hash", normalise="none").score
        [1.0, 0.0]
        >>> math_string(["Answer: $x = \\frac12$", "Answer: 0.5"], [r"\frac{1}{2}", r"\frac{1}{2}"]).score
        [1.0, 0.0]

    Source: the reward functions of verl for GSM8K, MATH and DAPO.
    Differs: 0 instead of -1 for a wrong answer of DAPO; an answer of more than 2,000 characters is none.
    """
    same_length("math_string", completion=completion, gold=gold)
    for what, value, known in (("answer format", extract, _EXTRACT), ("normalisation", normalise, _NORMALISE)):
        if value not in known:
            raise UnknownNameError(what, value, known, where="math_string")
    if tail is not None and tail < 1:
        raise RecipeError("at least one character must be read", where="math_string.tail", seen=tail, allowed=">= 1")
    size = min(tail or MAX_TEXT, MAX_TEXT)
    return verdict(
        _row((c or "")[-size:], g, _EXTRACT[extract], _NORMALISE[normalise])
        for c, g in zip(completion, gold, strict=True)
    )


def _row(text: str, gold: Any, extract: Callable[[str], str], normalise: Callable[[str], str]) -> Row:
    golds = alternatives(gold)
    if not any(golds):
        return unscored("no gold answer")
    answer = extract(text)
    if not answer:
        return failed("no answer found")
    if len(answer) > MAX_ANSWER:
        return failed(f"longer than {MAX_ANSWER:,} characters")
    return scored(normalise(answer) in {normalise(g) for g in golds})
