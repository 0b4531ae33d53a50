"""A turn's reward by the sub-questions its tool calls solve, against the number of calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.answers import same_length
from guerdon.ops.overlap import missing_parts, parts_of
from guerdon.records import Task, ToolCall

_TAGS = ("<tool_call>", "</tool_call>")


@method(
    paper=Paper("arXiv:2508.08791", "Feedback-Driven Tool-Use Improvements in Large Language Models via Automated "
                "Build Environments", "agentic/feedback-tool-use", where="solve F1 and its variants"),
    tags=("tools",),
    golden="feedback-tool-use",
    default_source="code",
)  # fmt: skip
def solved_subgoals(
    tool_calls: Sequence[Sequence[ToolCall]],
    completion: Sequence[str | None],
    gold: Sequence[Any],
    task: Sequence[Task],
    *,
    form: Literal["f1", "precision", "rate", "product"] = "f1",
    empty: float = -0.5,
    malformed: float = -0.3,
    all_solved: float = 0.5,
) -> Float[Tensor, " batch"]:
    r"""Reward a turn for the open results that the outputs of its p calls contain, q of them.

    .. math:: R_{f1} = \frac{2q}{p + 1},\quad R_{precision} = \frac{q}{p},\quad R_{rate} = q,\quad
              R_{product} = \frac{q^2}{p}

    Without a readable call: ``empty`` for no text; ``malformed`` for leftover tags; 1/(1+u) for text that contains the
    gold answer while u results are open; ``all_solved`` for another text when none is open; else 0.

    Args:
        tool_calls: calls of the turn with their outputs; no output contains nothing, an empty name is a broken call.
        completion: the turn's text.
        gold: the final answer as text.
        task: reads ``fields["unsolved"]``, tool name to the list of gold results still to obtain; each call solves at
            most one result of its own tool, each result is solved once, and ``"red, blue"`` needs both parts.
        form: as above; f1 and precision pay for few calls, rate does not.
        empty, malformed, all_solved: rewards of turns without a call, any number.

    Returns:
        One value per row, at most max(q, 1) in general and 2 p / (p + 1) for f1; NaN where the task lists no open
        results.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "?", fields={"unsolved": {"f": ["1234"], "g": ["red, blue"]}})
        >>> calls = (ToolCall("f", output="it is 1,234"), ToolCall("h", output="nothing"))
        >>> solved_subgoals([calls, ()], ["", "the answer is 42"], ["42", "42"], [t, t]).tolist()  # 2/3 and 1/3
        [0.6666666865348816, 0.3333333432674408]

    Source: Ye et al. 2025; ``compute_solve_f1`` and its siblings of the release.
    Differs: whether everything is solved is read from the open results, not from a solve rate beside them; f1 exceeds
        1 for several calls that each solve one, as in the release.
    """
    same_length("solved_subgoals", tool_calls=tool_calls, completion=completion, gold=gold, task=task)
    rows = zip(tool_calls, completion, gold, task, strict=True)
    return torch.tensor([_turn(c, x or "", g, t, form, empty, malformed, all_solved) for c, x, g, t in rows])


def _turn(
    calls: Sequence[ToolCall], text: str, gold: Any, task: Task, form: str, empty: float, malformed: float, done: float
) -> float:
    unsolved = task.fields.get("unsolved")
    if not isinstance(unsolved, Mapping):
        return math.nan
    readable = [c for c in calls if c.name]
    if readable:
        p, q = len(readable), _solved(readable, unsolved)
        return {"f1": 2 * q / (p + 1), "precision": q / p, "rate": float(q), "product": q * q / p}[form]
    if not text.strip():
        return empty
    if calls or any(tag in text for tag in _TAGS):
        return malformed
    remaining = sum(len(results) for results in unsolved.values())
    if gold is not None and str(gold).strip() and not missing_parts(text, [str(gold)]):
        return 1 / (1 + remaining)
    return 0.0 if remaining else done


def _solved(calls: Sequence[ToolCall], unsolved: Mapping[str, Sequence[Any]]) -> int:
    left = {name: [str(r) for r in results] for name, results in unsolved.items()}
    count = 0
    for call in calls:
        results = left.get(call.name, [])
        hit = next((r for r in results if call.output and not missing_parts(call.output, parts_of(r) or [r])), None)
        if hit is not None:
            results.remove(hit)
            count += 1
    return count
