"""Answers that must fit a regular expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, unscored, verdict, without_value

MAX_PATTERN = 10_000


@method(
    paper=Paper(
        "arXiv:2110.14168", "Training Verifiers to Solve Math Word Problems", "rewards/verifiers-baseline",
        where="pattern rules of common suites; the deadline is this library's",
    ),
    tags=("format",),
    aliases=("regex",),
    default_source="ours",
    policy=Policy(
        several="With mode full the whole answer must fit; with mode search one fitting place is enough.",
        empty="Failed with the floor, also where the pattern would fit the empty text.",
        copied="Counts like any other text.",
    ),
)  # fmt: skip
@outside
def regex_match(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    mode: Literal["full", "search"] = "full",
    ignore_case: bool = False,
    multiline: bool = False,
    dotall: bool = False,
    seconds: float = 0.25,
    max_text: int = 20_000,
) -> Exchange[Verdict]:
    r"""Accept an answer that fits the pattern.

    .. math:: s = \mathbb{1}[a \in L(g)]

    Args:
        answer: parsed answers, ``""`` or None for none; outer white space is removed.
        gold: a pattern of Python's ``re``; a list or tuple holds several, of which one must fit.
        mode: ``full`` the whole answer fits; ``search`` a part of it.
        ignore_case, multiline, dotall: the flags of ``re``.
        seconds: processor time per row; a quarter leaves the rest of a second to noticing it and to a fresh worker.
        max_text: a longer answer is not read.

    Returns:
        1 or 0, scored. An empty answer, one that is too long, and one on which the pattern needs more than its time
        failed with 0; a gold answer that is no pattern, and a worker that could not run, unscored.

    Raises:
        RecipeError: ``seconds`` is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> from guerdon.outside import drive
        >>> from guerdon.programs.patterns import match
        >>> from guerdon.records import Outcome
        >>> exchange = regex_match.exchange(["2024-05-06", "May 6"], [r"\d{4}-\d\d-\d\d"] * 2)
        >>> drive(exchange, lambda calls: [Reply(Outcome.DONE, match(c.payload)) for c in calls]).score
        [1.0, 0.0]

    Source: the pattern checks of common reward code, run in a worker because backtracking is exponential: the
        pattern ``(a+)+$`` needs about 2^n steps on n times ``a`` and a ``b``.
    Differs: there is no fallback to another engine, so a verdict does not depend on what is installed.
    """
    if not seconds > 0:
        raise RecipeError("a time limit must be positive", where="regex_match.seconds", seen=seconds)
    same_length("regex_match", answer=answer, gold=gold)
    flags = [n for n, on in (("ignore_case", ignore_case), ("multiline", multiline), ("dotall", dotall)) if on]
    rows: list[Row | tuple[str, ...]] = [
        _row((a or "").strip(), g, max_text) for a, g in zip(answer, gold, strict=True)
    ]  # fmt: skip
    asked = list(dict.fromkeys(r for r in rows if isinstance(r[0], str)))  # equal rows are asked once
    calls = [
        Call("pool", "patterns.match", {"text": a[0], "patterns": list(a[1:]), "mode": mode, "flags": flags}, seconds)
        for a in asked
    ]  # fmt: skip
    replies = (yield calls) if calls else []
    found = dict(zip(asked, replies, strict=True))
    return verdict(_judged(found[r]) if isinstance(r[0], str) else r for r in rows)  # type: ignore[index,misc]


def _row(answer: str, gold: Any, max_text: int) -> Row | tuple[str, ...]:
    """The outcome of a row that needs no call, else its text and patterns."""
    patterns = [p for p in alternatives(gold) if p]
    if not patterns:
        return unscored("no gold answer")
    if max(map(len, patterns)) > MAX_PATTERN:
        return unscored(f"the pattern is longer than {MAX_PATTERN} characters")
    if not answer:
        return failed("no answer found")
    if len(answer) > max_text:
        return failed(f"the answer is longer than {max_text} characters")
    return (answer, *patterns)


def _judged(reply: Reply) -> Row:
    if not reply.ok:
        return without_value(reply, "the match")
    return unscored(reply.value["fault"]) if "fault" in reply.value else scored(reply.value["matched"])
