"""Structured answers block by block: the cells of a grid, the rows, the lines of a plan."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict

_GAP = re.compile(r"[\s,;|\[\]()]+")
Grid = list[tuple[str, ...]]


@method(
    paper=Paper("arXiv:2601.22491", "SSL: Sweet Spot Learning for Differentiated Guidance in Agentic Optimization",
                "rewards/sweet-spot", where="block-based score of structured answers"),
    tags=("partial credit", "planning"),
    default_source="ours",
    sources={"split": "paper"},
    policy=Policy(
        several="The parser hands over one; blocks beyond the gold ones lower the score.",
        empty="Failed with the floor.",
        copied="Cells that the prompt shows count too, so a copied puzzle is paid for its given cells.",
    ),
)  # fmt: skip
def block_match(
    answer: Sequence[str | None], gold: Sequence[Any], *, split: Literal["cells", "rows", "lines"] = "cells"
) -> Verdict:
    r"""Score a structured answer by the share of its blocks that are right and in their place.

    .. math:: s = \frac{|\{k : a_k = g_k\}|}{\max(|a|, |g|)}

    Args:
        answer: parsed answers: a grid as lines of text, or as JSON.
        gold: the solution, as text or as a list of rows; a list of texts holds several accepted ones.
        split: ``cells`` compares cell by cell; ``rows`` whole rows of cells; ``lines`` whole lines of text. Cells stand
            between white space, commas and bars; in a line without any of them every character is a cell.

    Returns:
        The share in [0, 1], scored; an answer without blocks failed with 0; a gold answer without blocks unscored.
        Empty lines count nowhere.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> block_match(["12\n34", "1 2\n4 3", "1,2"], [[[1, 2], [3, 4]]] * 3).score
        [1.0, 0.5, 0.5]
        >>> block_match(["left\nup"], ["left\ndown\nup"], split="lines").score
        [0.3333333333333333]

    Source: SSL's reasoning tasks: S before its tiers.
    Differs: the paper divides by the blocks of the solution; here a longer answer divides by its own.
    """
    same_length("block_match", answer=answer, gold=gold)
    return verdict(_row(a or "", g, split) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, split: str) -> Row:
    several = isinstance(gold, (list, tuple)) and bool(gold) and all(isinstance(g, str) for g in gold)
    grids = [g for given in (gold if several else [gold]) if (g := _grid(given, split))]
    if not grids:
        return unscored("no gold answer" if gold is None else "the gold answer has no blocks")
    if not _grid(answer, split):
        return failed("no answer found" if not answer.strip() else "the answer has no blocks")
    # a column of numbers is cut into lines, not into digits
    answers = [_grid(answer, split, whole=all(len(r) == 1 for r in g)) for g in grids]
    return scored(max(_share(a, g, split) for a, g in zip(answers, grids, strict=True)))


def _share(found: Grid, wanted: Grid, split: str) -> float:
    if split != "cells":
        return sum(a == b for a, b in zip(found, wanted, strict=False)) / max(len(found), len(wanted))
    right = sum(x == y for a, b in zip(found, wanted, strict=False) for x, y in zip(a, b, strict=False))
    return right / max(sum(map(len, found)), sum(map(len, wanted)))


def _grid(given: Any, split: str, *, whole: bool = False) -> Grid:
    rows = _json_rows(given) if isinstance(given, str) else given
    if isinstance(rows, (list, tuple)):
        nested = [r if isinstance(r, (list, tuple)) else [r] for r in rows]
        return [tuple(str(c).strip() for c in r) for r in nested if r]
    lines = [line.strip() for line in str(given if given is not None else "").splitlines()]
    if split == "lines":
        return [(line,) for line in lines if line]
    cut = [(line, tuple(c for c in _GAP.split(line) if c)) for line in lines]
    return [tuple(line) if r == (line,) and not whole else r for line, r in cut if r]


def _json_rows(text: str) -> Any:
    """A grid written as JSON; None for text that is none."""
    if not text.lstrip().startswith("[["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # text that only looks like JSON is read as lines
        return None
