"""Instructions that a program can check: lengths, words, letters, case, lists, quotes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from guerdon.errors import DataError, UnknownNameError
from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import same_length
from guerdon.ops.constraints import unmet
from guerdon.records import Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict

MAX_TEXT = 200_000


@method(
    paper=Paper("arXiv:2311.07911", "Instruction-Following Evaluation for Large Language Models",
                where="verifiable instructions, strict and loose accuracy"),
    tags=("instructions", "format"),
    sources={"credit": "paper", "loose": "paper", "after": "ours"},
    presets=(Preset("instruction_constraints/fraction", params={"credit": "fraction"},
                    note="instruction level instead of prompt level"),),
    policy=Policy(
        several="The text after the last end of thinking is judged as a whole.",
        empty="Failed with the floor, also where every constraint would be met by no text.",
        copied="Counts like any other text: a copied prompt may meet keyword constraints.",
    ),
)  # fmt: skip
def instruction_constraints(
    completion: Sequence[str | None],
    task: Sequence[Task],
    *,
    credit: Literal["all", "fraction"] = "all",
    loose: bool = False,
    after: str = "</think>",
) -> Verdict:
    r"""Score a text by the constraints of its task that it meets.

    .. math:: s = \prod_c \mathbb{1}[c(x)] \quad\text{or}\quad s = \frac{1}{n}\sum_c \mathbb{1}[c(x)]

    Args:
        completion: generated text.
        task: reads ``fields["constraints"]``, a list of mappings with ``name`` and the values of the constraint:
            counts with ``min`` and ``max`` (words, sentences, paragraphs, lines, characters, bullets, numbered,
            highlights, placeholders, capital_words, sections, parts), keywords, keyword_count, forbidden_words,
            forbidden_characters, letter_count, case, starts_with, ends_with, first_word, quoted, json, title,
            postscript, one_of.
        credit: all constraints or nothing, or their share.
        loose: a constraint is also met where the text meets it without its first line, its last line, or its asterisks.
        after: only what follows the last such mark is judged; ``""`` for the whole text.

    Returns:
        The credit, scored, with every unmet constraint as reason; a text without anything, or of more than 200,000
        characters, failed with 0. A task without constraints, an unknown constraint (the nearest is named) and one with
        wrong values are unscored.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> rules = [{"name": "words", "max": 3}, {"name": "ends_with", "suffix": "!"}]
        >>> t = Task("1", "", fields={"constraints": rules})
        >>> v = instruction_constraints(["Hello there!", "Hello there."], [t, t])
        >>> v.score, v.reason[1]
        ([1.0, 0.0], "ends_with: it does not end with '!'")

    Source: Zhou et al. 2023, the idea and most of the kinds; prompt-level accuracy is ``credit="all"``.
    Differs: names, values and code are this library's; words with an apostrophe or hyphen count once, where the
        benchmark counts runs of letters; there is no language detection.
    """
    same_length("instruction_constraints", completion=completion, task=task)
    return verdict(_row(c or "", t, credit, loose, after) for c, t in zip(completion, task, strict=True))


def _row(completion: str, task: Task, credit: str, loose: bool, after: str) -> Row:
    rules = task.fields.get("constraints")
    if not isinstance(rules, (list, tuple)) or not rules or not all(isinstance(r, Mapping) for r in rules):
        return unscored("the task lists no constraints")
    text = completion.rpartition(after)[2].strip() if after else completion.strip()
    try:
        for rule in rules:
            unmet("", rule)  # a rule that cannot be used is our fault, whatever the text is
        if not text:
            return failed("no text to judge")
        if len(text) > MAX_TEXT:
            return failed(f"the text is longer than {MAX_TEXT} characters")
        missed = [why for r in rules if (why := _unmet(text, r, loose))]
    except (UnknownNameError, DataError) as error:
        return unscored(f"{error.what}: {error.fix or error.seen}")
    share = 1 - len(missed) / len(rules)
    return scored(share if credit == "fraction" else not missed, "; ".join(missed))


def _unmet(text: str, rule: Mapping[str, Any], loose: bool) -> str:
    first = unmet(text, rule)
    if not first or not loose:
        return first
    return "" if any(v and not unmet(v, rule) for v in _variants(text)) else first


def _variants(text: str) -> Iterator[str]:
    """The text without its first line, its last line and its asterisks, in every combination but none."""
    lines = text.split("\n")
    for start, end, bare in itertools.islice(itertools.product((0, 1), (0, 1), (False, True)), 1, None):
        kept = "\n".join(lines[start : len(lines) - end]).strip()
        yield kept.replace("*", "") if bare else kept
