"""Numbers that count as equal within a relative tolerance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import number_of, same_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict


@method(
    paper=Paper("arXiv:2505.24164", "Mixed-R1: Unified Reward Perspective For Reasoning Capability in Multimodal "
                "Large Language Models", "rewards/mixed-r1", where="chart reward"),
    sources={"relative": "unverified", "absolute_at_zero": "ours"},
    policy=Policy(
        several="The parser hands over one, the last; a list of numbers is no number.",
        empty="Failed with the floor.",
        copied="Counts like any other number.",
    ),
)  # fmt: skip
def numeric_close(
    answer: Sequence[str | None], gold: Sequence[Any], *, relative: float = 0.05, absolute_at_zero: float = 0.0
) -> Verdict:
    r"""Accept a number near enough to the gold number.

    .. math:: s = \mathbb{1}[|a - g| \le \rho |g|],\qquad s = \mathbb{1}[|a| \le \rho_0] \text{ where } g = 0

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the right number; a list or tuple holds several accepted ones.
        relative: tolerance :math:`\rho` as a share of the gold number, at least 0.
        absolute_at_zero: tolerance :math:`\rho_0` where the gold number is 0, at least 0.

    Returns:
        1 or 0, scored; an answer that is no number failed with 0; a gold answer that is no number unscored. Several
        answers are settled by the parser; percent signs are dropped on both sides; the bound is inclusive and exact.

    Raises:
        RecipeError: a tolerance is negative or not finite.
        DataError: the columns have different lengths.

    Example:
        >>> numeric_close(["105", "105.1", "94.9", "12"], ["100", "100", "100", "12%"]).score
        [1.0, 0.0, 0.0, 1.0]

    Source: the relaxed accuracy of chart questions, used by Mixed-R1 for numeric answers.
    Differs: the value 0.05 is the benchmark's convention, not confirmed in the paper; gold 0 has its own tolerance.
    """
    same_length("numeric_close", answer=answer, gold=gold)
    for name, value in (("relative", relative), ("absolute_at_zero", absolute_at_zero)):
        if not (math.isfinite(value) and value >= 0):
            raise RecipeError("a tolerance must be finite and at least 0", where=f"numeric_close.{name}", seen=value)
    # the decimal as written: 0.3 as a binary float is below 0.3 and would refuse the bound itself
    bounds = Fraction(str(relative)), Fraction(str(absolute_at_zero))
    return verdict(_row(a or "", g, *bounds) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, relative: Fraction, at_zero: Fraction) -> Row:
    golds = alternatives(gold)
    numbers = [n for g in golds if (n := number_of(g)) is not None]
    if not numbers:
        return unscored(f"gold is not a number: {short(golds[0])}" if golds else "no gold answer")
    if not answer.strip():
        return failed("no answer found")
    value = number_of(answer)
    if value is None:
        return failed(f"answer is not a number: {short(answer)}")
    return scored(any(abs(value - n) <= (relative * abs(n) if n else at_zero) for n in numbers))
