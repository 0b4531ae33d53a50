"""Answers that are sets: ids, names, options."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, item_lists, scored, unscored, verdict

_BRACKETS = re.compile(r"\[\[([^\[\]]*)\]\]")
_LIST = re.compile(r"[,;\n]")


@method(
    paper=Paper("arXiv:2510.01932", "Veri-R1: Toward Precise and Faithful Claim Verification via Online Reinforcement "
                "Learning", "agentic/veri-r1", where="evidence reward and validity weight"),
    tags=("citations", "several answers"),
    golden="veri-r1",
    sources={"form": "paper", "empty": "code", "items": "ours"},
    presets=(
        Preset("set_overlap/evidence", params={"form": "jaccard", "items": "brackets"}, note="Veri-R1's I"),
        Preset("set_overlap/validity", params={"form": "half", "items": "brackets", "empty": 1.0},
               note="Veri-R1's V: 1 for all ids, 1/2 for at least half of them"),
    ),
    policy=Policy(
        several="Every item counts once; items beyond the gold set cost in jaccard, f1 and exact, not in coverage and "
        "half.",
        empty="Failed with the floor; where the gold set is empty too, the value of `empty`, or 1.",
        copied="Items copied from the prompt count like any others.",
    ),
)  # fmt: skip
def set_overlap(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    form: Literal["jaccard", "coverage", "f1", "exact", "half"] = "jaccard",
    items: Literal["list", "brackets"] = "list",
    empty: float | None = 0.0,
) -> Verdict:
    r"""Score a set by its overlap with the gold set.

    .. math:: J = \frac{|A \cap G|}{|A \cup G|},\quad C = \frac{|A \cap G|}{|G|},\quad
              F_1 = \frac{2|A \cap G|}{|A|+|G|},\quad
              H = 1 \text{ if } C = 1,\; \tfrac12 \text{ if } |A \cap G| \ge \lceil |G|/2 \rceil,\; 0

    Args:
        answer: parsed answers; a JSON list, or text whose items ``items`` finds.
        gold: the set, as text of the same form or as a list; a list of lists holds several accepted sets, of which the
            best counts.
        form: ``jaccard`` :math:`J`, ``coverage`` :math:`C`, ``f1``, ``half`` :math:`H`, ``exact`` for equal sets.
        items: ``list`` splits at commas, semicolons and line breaks; ``brackets`` reads every ``[[id]]``.
        empty: score where the gold set is empty (``""`` or an empty list), whatever was answered; None gives 1 for an
            empty answer and 0 for any other.

    Returns:
        The overlap in [0, 1], scored; an answer without an item failed with 0; no gold answer unscored. Items are
        trimmed, brought to Unicode NFC and compared as they are; order and repeats do not count.

    Raises:
        RecipeError: ``empty`` is not in [0, 1].
        DataError: the columns have different lengths.

    Example:
        >>> set_overlap(["a, b, x, y", "a", "z"], [["a", "b"], ["a", "b", "c"], ["a"]]).score
        [0.5, 0.3333333333333333, 0.0]
        >>> set_overlap(["Evidence: [[a]] [[b]]"], [["a", "b", "c"]], form="half", items="brackets").score
        [0.5]

    Source: He et al. 2025, the evidence reward I and the validity weight V, with the authors' released function.
    Differs: a completion without any id failed with 0, where the release counts it as an ordinary 0.
    """
    if empty is not None and not 0.0 <= empty <= 1.0:
        raise RecipeError("a score lies in [0, 1]", where="set_overlap.empty", seen=empty, allowed="[0, 1] or None")
    same_length("set_overlap", answer=answer, gold=gold)
    return verdict(_row(a or "", g, form, items, empty) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, form: str, items: str, empty: float | None) -> Row:
    several = [_gold(g, items) for g in item_lists(gold)]
    if not several:
        return unscored("no gold answer")
    found = _items(answer, items)
    if not found and all(several):
        return failed("no answer found" if not answer.strip() else "the answer has no items")
    return scored(max(_overlap(found, wanted, form, empty) for wanted in several))


def _gold(given: Sequence[Any], items: str) -> frozenset[str]:
    if len(given) == 1 and isinstance(given[0], str):
        return _items(given[0], items) or _clean(given)
    return _clean(given)


def _items(text: str, items: str) -> frozenset[str]:
    if items == "brackets":
        return _clean(_BRACKETS.findall(text))
    if text.lstrip().startswith("["):
        try:
            loaded = json.loads(text)
        except (ValueError, RecursionError):  # text that only looks like JSON is read as a list of words
            loaded = None
        if isinstance(loaded, list):
            return _clean(loaded)
    return _clean(_LIST.split(text))


def _clean(items: Sequence[Any]) -> frozenset[str]:
    return frozenset(t for i in items if (t := unicodedata.normalize("NFC", str(i)).strip()))


def _overlap(found: frozenset[str], wanted: frozenset[str], form: str, empty: float | None) -> float:
    if not wanted:
        return float(not found) if empty is None else empty
    shared = len(found & wanted)
    if form == "exact":
        return float(found == wanted)
    if form == "coverage":
        return shared / len(wanted)
    if form == "f1":
        return 2 * shared / (len(found) + len(wanted))
    if form == "half":
        return 1.0 if shared == len(wanted) else 0.5 if shared >= (len(wanted) + 1) // 2 else 0.0
    return shared / len(found | wanted)
