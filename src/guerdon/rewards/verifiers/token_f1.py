"""Overlap of the words of two answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.overlap import bag_f1, words
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict


@method(
    paper=(
        Paper("arXiv:2506.09033", "Router-R1: Teaching LLMs Multi-Round Routing and Aggregation via Reinforcement "
              "Learning", "agentic/router-r1", where="the F1 form of the outcome reward"),
        Paper("arXiv:1606.05250", "SQuAD: 100,000+ Questions for Machine Comprehension of Text",
              where="section 6.1, the F1 score"),
    ),
    tags=("text overlap",),
    policy=Policy(
        several="The parser hands over one; words beyond the gold answer lower the precision.",
        empty="Failed with the floor.",
        copied="Paid by the share of its words that the gold answer has, so a long copy earns little.",
    ),
)  # fmt: skip
def token_f1(
    answer: Sequence[str | None], gold: Sequence[Any], *, normalise: Literal["squad", "text", "none"] = "squad"
) -> Verdict:
    r"""Score an answer by the overlap of its words with those of the best gold answer.

    .. math:: s = \max_g \frac{2 k_g}{|a| + |g|}, \qquad k_g = |a \cap g| \text{ as bags of words}

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the right answer; a list or tuple holds several accepted ones.
        normalise: ``squad`` drops case, ASCII punctuation and the articles a, an, the; ``text`` drops case, width and
            outer punctuation; ``none`` splits at white space only.

    Returns:
        The F1 of the bags, in [0, 1], scored. An answer without a word failed with 0; a gold answer without a word
        unscored.

    Raises:
        DataError: the columns have different lengths.
        UnknownNameError: no such normalisation.

    Example:
        >>> token_f1(["the red fox jumps", "A cat"], ["a quick red fox", ["the dog", "cat!"]]).score
        [0.6666666666666666, 1.0]

    Source: Rajpurkar et al. 2016; Router-R1's outcome reward with ``reward_metric`` f1.
    Differs: an answer of nothing but articles and punctuation failed instead of scoring 0; yes, no and noanswer get
        no special rule.
    """
    same_length("token_f1", answer=answer, gold=gold)
    words("", normalise)  # an unknown normalisation is refused before any row
    return verdict(_row(a or "", g, normalise) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, normalise: str) -> Row:
    golds = alternatives(gold)
    bags = [b for g in golds if (b := words(g, normalise))]
    if not bags:
        return unscored(f"gold has no words: {short(golds[0])}" if golds else "no gold answer")
    found = words(answer, normalise)
    if not found:
        return failed("no answer found" if not answer.strip() else f"answer has no words: {short(answer)}")
    return scored(max(bag_f1(found, bag) for bag in bags))
