"""Provider of the steps of a completion."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.segments import Rule, segment_ends
from guerdon.records.model import Turn


@dataclass(frozen=True)
class _Step:
    """A step of one row: the policy's turn, and the places of its decisions."""

    turn: int
    places: list[int]


@method(
    paper=Paper(
        "arXiv:2404.05046", "FGAIF: Aligning Large Vision-Language Models with Fine-grained AI Feedback",
        "process/fgaif", where="the sub-sentences",
    ),
    scope="rollout_batch",
    writes=("step_id", "step_end", "step_mask", "step_text", "turn_of_step"),
    tags=("multi-step",),
    default_source="ours",
    golden="fgaif",
    sources={"min_words": "code"},
)  # fmt: skip
def segment_text(
    token_text: Sequence[Sequence[str]],
    mask: Bool[Tensor, "batch time"],
    turns: Sequence[Sequence[Turn]] | None = None,
    terminated: Bool[Tensor, "batch time"] | None = None,
    *,
    rule: Literal["separator", "sentence", "subsentence", "turn"] = "separator",
    separator: str = "\n\n",
    min_words: int = 5,
) -> tuple[
    Int[Tensor, "batch time"], Int[Tensor, "batch step"], Bool[Tensor, "batch step"], list[Any],
    Int[Tensor, "batch step"],
]:  # fmt: skip
    r"""Cut every completion into steps, and say of each decision to which step it belongs.

    .. math:: step(t) = \#\{\text{ends} \le \text{start of token } t\}

    The text is that of the row's own tokens, one after the other, so that a place in the text is a token whatever
    the tokenizer. A token across an end belongs to the step in which it begins.

    Args:
        token_text: decoded text of each token.
        mask: the policy's own decisions; others belong to no step.
        turns: where given, no step crosses the end of one of the policy's turns; without them a row is one turn.
        terminated: where given, a token that only ends the row is no step of its own but part of the one before it.
        rule: cut after each ``separator``; after sentences (``. ! ?`` before white space, and line ends); also after
            clauses (``, ; ! ?`` with enough words on both sides); or only between turns.
        separator: text that ends a step.
        min_words: fewest words of a clause, at least 1.

    Returns:
        The signals ``step_id`` (counted from 0 in each row), ``step_end`` (place of a step's last decision),
        ``step_mask``, ``step_text`` and ``turn_of_step`` (number of the policy's turn, from 0). There are as many
        steps as the longest row has, at least 1.

    Raises:
        RecipeError: an empty separator, or ``min_words`` below 1.

    Example:
        >>> text = [["2", "+3", "\n", "=", "5", "<end>"], ["7", "<end>", "", "", "", ""]]
        >>> mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
        >>> step_id, step_end, step_mask, step_text, _ = segment_text(text, mask, separator="\n")
        >>> step_id.tolist()
        [[0, 0, 0, 1, 1, 1], [0, 0, -1, -1, -1, -1]]
        >>> step_end.tolist(), step_mask.tolist(), step_text[0]
        ([[2, 5], [1, 0]], [[True, True], [True, False]], ['2+3\n', '=5<end>'])

    Source: the released segmenter of FGAIF for clauses; the other rules are common ones.
    Differs: clauses are cut within sentences; whether exactly ``min_words`` words after a mark suffice is not known,
        here they do. A tokenizer that loses the space before a word when tokens are decoded one by one hides sentence
        ends; use ``separator`` or ``turn`` with it.
    """
    if not separator or min_words < 1:
        raise RecipeError(
            "a separator has text, and a clause words", where="segment_text", seen=(separator, min_words),
            fix="leave the value out that you do not need",
        )  # fmt: skip
    rows: list[list[_Step]] = []
    for i, places in enumerate(mask.tolist()):
        own = [t for t, ok in enumerate(places) if ok]
        found: list[_Step] = []
        for turn, part in enumerate(_by_turn(own, turns[i] if turns is not None else None)):
            texts = [token_text[i][t] for t in part]
            units = [0] * len(part) if rule == "turn" else _units(texts, rule, separator, min_words)
            if terminated is not None and len(part) > 1 and bool(terminated[i, part[-1]]):
                units[-1] = units[-2]
            grouped = itertools.groupby(zip(units, part, strict=True), key=lambda pair: pair[0])
            found += [_Step(turn, [t for _, t in group]) for _, group in grouped]
        rows.append(found)
    step_id, step_end, step_mask, turn_of_step = _padded(rows, mask)
    step_text = [["".join(token_text[i][t] for t in step.places) for step in steps] for i, steps in enumerate(rows)]
    return step_id, step_end, step_mask, step_text, turn_of_step


def _units(texts: Sequence[str], rule: Rule, separator: str, min_words: int) -> list[int]:
    """The unit in which each token begins."""
    ends = segment_ends("".join(texts), rule, separator=separator, min_words=min_words)
    starts = itertools.accumulate((len(x) for x in texts[:-1]), initial=0)
    return [min(bisect_right(ends, start), max(len(ends) - 1, 0)) for start in starts]


def _by_turn(own: Sequence[int], turns: Sequence[Turn] | None) -> list[list[int]]:
    """The row's own decisions in each of its turns that has any; decisions outside all turns are left out."""
    if turns is None:
        return [list(own)] if own else []
    parts = [[t for t in own if turn.start <= t < turn.end] for turn in turns]
    return [part for part in parts if part]


def _padded(rows: Sequence[Sequence[_Step]], mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Step of each decision; last decision, existence and turn of each step."""
    width = max((len(steps) for steps in rows), default=0) or 1
    ids = torch.full(mask.shape, -1)
    ends, turn_of = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
    exists = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, steps in enumerate(rows):
        for s, step in enumerate(steps):
            ids[i, step.places] = s
            ends[i, s], turn_of[i, s], exists[i, s] = step.places[-1], step.turn, True
    device = mask.device
    return ids.to(device), ends.to(device), exists.to(device), turn_of.to(device)
