"""How many edits separate an answer from the gold answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from guerdon.errors import MachineError, RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import plain_text, same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, unscored, verdict


@method(
    paper=Paper("doi:10.1145/375360.375365", "A Guided Tour to Approximate String Matching",
                where="section 2, edit distance normalised by length"),
    tags=("text overlap",),
    default_source="ours",
    sources={"measure": "paper"},
    policy=Policy(
        several="The parser hands over one; text beyond the gold answer costs an edit per unit.",
        empty="Failed with the floor.",
        copied="Paid by its similarity, like any other text.",
    ),
)  # fmt: skip
def edit_similarity(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    measure: Literal["levenshtein", "indel", "osa"] = "levenshtein",
    unit: Literal["char", "word"] = "char",
    normalise: bool = True,
    threshold: float | None = None,
    max_chars: int = 20_000,
) -> Verdict:
    r"""Score an answer by one minus its edit distance from the best gold answer, relative to the longest distance.

    .. math:: s = \max_g \left(1 - \frac{d(a, g)}{D(|a|, |g|)}\right), \qquad
              D = \max(|a|, |g|)\ \text{ or, for indel, }\ |a| + |g|

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the right answer; a list or tuple holds several accepted ones.
        measure: ``levenshtein`` counts insertions, deletions and replacements, ``osa`` also swaps of neighbours,
            ``indel`` insertions and deletions alone.
        unit: what is edited: characters, or words.
        normalise: ignore case, width, runs of space and outer punctuation.
        threshold: accept with 1 from this similarity on, else 0; None pays the similarity itself.
        max_chars: a longer answer is failed: the work grows with the product of both lengths.

    Returns:
        The similarity in [0, 1], or 1 or 0 with a threshold, scored. An empty or too long answer failed with 0; an
        empty gold answer unscored.

    Raises:
        RecipeError: the threshold is not in [0, 1].
        MachineError: the package rapidfuzz is not installed.
        DataError: the columns have different lengths.

    Example:
        >>> edit_similarity(["kitten", "Sitting.", "a"], ["sitting"] * 3).score
        [0.5714285714285714, 1.0, 0.0]

    Source: Navarro 2001; computed by rapidfuzz.
    Differs: nothing.
    """
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise RecipeError("a similarity lies in [0, 1]", where="edit_similarity.threshold", seen=threshold)
    same_length("edit_similarity", answer=answer, gold=gold)
    options = (measure, unit, normalise, max_chars)
    return verdict(_row(a or "", g, options, threshold) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, options: tuple[str, str, bool, int], threshold: float | None) -> Row:
    measure, unit, normalise, max_chars = options
    golds = [u for g in alternatives(gold) if (u := _units(g, unit, normalise))]
    if not golds:
        return unscored("no gold answer" if not alternatives(gold) else "gold is empty")
    if len(answer) > max_chars:
        return failed(f"the answer has {len(answer)} characters, more than {max_chars}")
    found = _units(answer, unit, normalise)
    if not found:
        return failed("no answer found")
    best = max(_similarity(found, g, measure) for g in golds)
    return scored(best if threshold is None else best >= threshold)


def _units(text: str, unit: str, normalise: bool) -> str | list[str]:
    text = plain_text(text) if normalise else text
    return text.split() if unit == "word" else text


def _similarity(a: Sequence[str], b: Sequence[str], measure: str) -> float:
    try:
        from rapidfuzz import distance
    except ImportError as error:
        raise MachineError(
            "the package rapidfuzz is not installed", where="edit_similarity", seen=str(error),
            fix="pip install 'guerdon[text]'",
        ) from error  # fmt: skip
    by = {"levenshtein": distance.Levenshtein, "indel": distance.Indel, "osa": distance.OSA}[measure]
    return by.normalized_similarity(a, b)
