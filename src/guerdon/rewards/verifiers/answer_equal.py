"""Equality of the parsed answer and the gold answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import Normalise, answer_key, same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict


@method(
    paper=(
        Paper(
            "arXiv:2110.14168", "Training Verifiers to Solve Math Word Problems", "rewards/verifiers-baseline",
            where="exact match of the final number",
        ),
        Paper("arXiv:2505.24164", "Mixed-R1: Unified Reward Perspective For Reasoning Capability in Multimodal "
              "Large Language Models", "rewards/mixed-r1", where="matching reward"),
        Paper("arXiv:2510.10104", "Answer-Consistent Chain-of-thought Reinforcement Learning For Multi-modal Large "
              "Language Models", "rewards/acre", where="accuracy term"),
        Paper("arXiv:2506.09033", "Router-R1: Teaching LLMs Multi-Round Routing and Aggregation via Reinforcement "
              "Learning", "agentic/router-r1", where="exact match form of the outcome reward"),
    ),
    tags=("exact match",),
    presets=(
        Preset("string_match", params={"normalise": "text"}, note="without case, width and outer punctuation"),
        Preset("string_match/exact", params={"normalise": "none"}, note="as written"),
        Preset("string_match/squad", params={"normalise": "squad"}, note="exact match of question answering"),
    ),
    policy=Policy(
        several="The parser hands over one, the last; an answer that itself lists several ('3 or 4') has no form as a "
        "number or a choice.",
        empty="Failed with the floor.",
        copied="Counts like any other: it is right if it is equal.",
    ),
    default_source="ours",
)  # fmt: skip
def answer_equal(
    answer: Sequence[str | None], gold: Sequence[Any], *, normalise: Normalise = "none"
) -> Verdict:  # fmt: skip
    r"""Accept an answer that equals the gold answer in a chosen normal form.

    .. math:: s_i = \mathbb{1}[key(a_i) \in \{key(g) : g \in gold_i\}]

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the right answer; a list or tuple holds several accepted ones.
        normalise: ``none`` as written; ``text`` without case, width, invisible characters, runs of space and outer
            punctuation; ``squad`` without case, ASCII punctuation and articles; ``choice`` the letter of an option;
            ``number`` the exact rational value of an integer, decimal, fraction or number with thousands separators
            (0.333 is not 1/3; 50% is 50).

    Returns:
        1 or 0, scored. No answer, or one without the normal form ("twelve" as a number), failed with 0. A gold answer
        without the normal form is our fault: unscored.

    Several answers in one completion are settled by the parser, which hands over the last one; an answer that itself
    lists several ("3 or 4") has no normal form as a number or a choice. Whether an answer merely repeats the prompt
    does not matter here: it is right if it is equal.

    Raises:
        DataError: the columns have different lengths.
        UnknownNameError: no such normal form.

    Example:
        >>> v = answer_equal(["1,000.0", "999", "", "5"], ["1000", "1000", "1000", "?"], normalise="number")
        >>> v.score, [s.name for s in v.status]
        ([1.0, 0.0, 0.0, nan], ['SCORED', 'SCORED', 'FAILED', 'UNSCORED'])

    Source: Cobbe et al. 2021; Mixed-R1's matching reward (``text``); ACRE's accuracy term (``choice``).
    Differs: verl compares strings after removing ``,`` and ``$``, so 42.0 is not 42 there; ``number`` compares values.
    """
    same_length("answer_equal", answer=answer, gold=gold)
    return verdict(_row(a or "", g, normalise) for a, g in zip(answer, gold, strict=True))


_FORM = {"none": "an answer", "text": "text", "squad": "text", "choice": "a choice", "number": "a number"}


def _row(answer: str, gold: Any, normalise: str) -> Row:
    golds = alternatives(gold)
    keys = {key for g in golds if (key := answer_key(g, normalise)) is not None}
    if not keys:
        return unscored(f"gold is not {_FORM[normalise]}: {short(golds[0])}" if golds else "no gold answer")
    if not answer.strip():
        return failed("no answer found")
    key = answer_key(answer, normalise)
    if key is None:
        return failed(f"answer is not {_FORM[normalise]}: {short(answer)}")
    return scored(key in keys)
