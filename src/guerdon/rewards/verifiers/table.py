"""Answers to questions about a table: lists of text, numbers and dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.denotation import Value, same_items, value_of
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, item_lists, scored, unscored, verdict

MAX_TEXT, MAX_ITEMS = 20_000, 200


@method(
    paper=(
        Paper("arXiv:1508.00305", "Compositional Semantic Parsing on Semi-Structured Tables",
              where="the evaluator of WikiTableQuestions"),
        Paper("", "TableGPT-R1: Advancing Tabular Reasoning Through Reinforcement Learning", "agentic/tablegpt-r1",
              where="rule verifier for short answers"),
    ),
    tags=("tables", "several answers"),
    sources={"separator": "code", "repeats": "ours"},
    policy=Policy(
        several="All items must be right and none may be left over, so answering twice is wrong.",
        empty="Failed with the floor.",
        copied="Counts like any other answer; a copied table has too many items.",
    ),
)  # fmt: skip
def table(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    separator: str = "|",
    repeats: Literal["count", "once"] = "count",
) -> Verdict:
    r"""Accept an answer whose items are those of the gold answer, in any order.

    .. math:: s = \mathbb{1}[\,\exists\text{ bijection } m:\; g_j \sim a_{m(j)}\;\forall j\,]

    Two items fit if their text is equal after folding, or they are equal numbers, or equal dates.

    Args:
        answer: parsed answers; items stand on lines of their own, between ``separator``, or in a JSON list; where the
            gold answer has several items, commas and a last "and" separate too.
        gold: the items, as text with ``separator`` (``\p`` and ``\n`` stand for a bar and a line break inside an item)
            or as a list; a list of lists holds several accepted answers.
        separator: what stands between items of text.
        repeats: ``count`` for bags, ``once`` drops repeated items on both sides, as the benchmark does.

    Returns:
        1 or 0, scored; no answer, and one of more than 20,000 characters or 200 items, failed with 0; no gold answer
        unscored. Folding drops diacritics, case, kinds of quotes and dashes, outer quotes, a final full stop, trailing
        footnote marks, citations and brackets. Numbers are equal to 1e-6; ``17 years`` fits ``17``, not ``17 days``;
        a percent sign and a word are units, ``million`` and its kin are factors. A date must agree in all of year,
        month and day, so ``October 17`` is not ``October 17, 1995``.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> table(["Ecuador, Chile", "26 January 1995", "100000", "Rome"], ["Chile|Ecuador", "January 26, 1995",
        ...       "100,000", "Paris"]).score
        [1.0, 1.0, 1.0, 0.0]

    Source: Pasupat and Liang 2015; the rules stated by the official evaluator, version 1.0.2.
    Differs: the evaluator reads numbers and dates of the gold answer from annotations of CoreNLP that are not in the
        data, here both sides are read by the same rules; it compares sets, here repeats count unless told otherwise.
    """
    same_length("table", answer=answer, gold=gold)
    return verdict(_row(a or "", g, separator, repeats) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, separator: str, repeats: str) -> Row:
    several = [v for items in item_lists(gold) if (v := _gold(items, separator))]
    if not several:
        return unscored("no gold answer")
    if len(answer) > MAX_TEXT:
        return failed(f"the answer is longer than {MAX_TEXT} characters")
    items = _items(answer, separator)
    if not items:
        return failed("no answer found")
    if len(items) > MAX_ITEMS:
        return failed(f"the answer has more than {MAX_ITEMS} items")
    return scored(any(_right(items, wanted, repeats) for wanted in several))


def _right(items: list[str], wanted: list[Value], repeats: str) -> bool:
    readings = [items]
    if len(items) == 1 and len(wanted) > 1:
        readings.append(_at_commas(items[0]))
    for reading in readings:
        found = [value_of(i) for i in reading]
        if same_items(*((_once(found), _once(wanted)) if repeats == "once" else (found, wanted))):
            return True
    return False


def _gold(items: Sequence[Any], separator: str) -> list[Value]:
    texts = [str(i) for i in items]
    if len(items) == 1 and isinstance(items[0], str):
        texts = [t.replace("\\n", "\n").replace("\\p", "|") for t in texts[0].split(separator)]
    return [value_of(t) for t in texts if t.strip()]


def _items(answer: str, separator: str) -> list[str]:
    text = answer.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            loaded = json.loads(text)
        except (ValueError, RecursionError):  # text in brackets that is no JSON is read as text
            loaded = None
        if isinstance(loaded, list) and not any(isinstance(i, (list, dict)) for i in loaded):
            return [str(i) for i in loaded]
    return [i.strip() for line in text.splitlines() for i in line.split(separator) if i.strip()]


def _at_commas(text: str) -> list[str]:
    parts = [p.strip() for p in text.split(", ") if p.strip()]
    last = parts[-1].removeprefix("and ").split(" and ") if parts else []
    return [p.strip() for p in [*parts[:-1], *last] if p.strip()]


def _once(values: list[Value]) -> list[Value]:
    kept: list[Value] = []
    for value in values:
        if not any(value.fits(k) for k in kept):
            kept.append(value)
    return kept
