"""Quantities: a number with a unit, in whatever unit it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.units import Quantity, read_quantity
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict


@method(
    paper=Paper("arXiv:2307.10635", "SciBench: Evaluating College-Level Scientific Problem-Solving Abilities of Large "
                "Language Models", where="numeric answers with units, relative tolerance"),
    tags=("numbers", "units"),
    default_source="ours",
    policy=Policy(
        several="The parser hands over one; two quantities are none.",
        empty="Failed with the floor.",
        copied="Counts like any other quantity.",
    ),
)  # fmt: skip
def unit_quantity(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    relative: float = 0.01,
    absolute: float = 0.0,
    bare: Literal["wrong", "gold_unit"] = "wrong",
) -> Verdict:
    r"""Accept a quantity that equals the gold quantity after conversion.

    .. math:: s = \mathbb{1}[\,|a_{[g]} - g| \le \max(\rho |g|, \alpha)\,], \qquad a_{[g]} \text{ in the unit of } g

    Args:
        answer: parsed answers such as ``36 km/h``, ``3.0 x 10^8 m/s`` or LaTeX.
        gold: the right quantity; a list or tuple holds several accepted ones.
        relative: tolerance :math:`\rho` as a share of the gold number, at least 0; 1% lets three digits be rounded.
        absolute: tolerance :math:`\alpha` in the unit of the gold answer, at least 0.
        bare: an answer without a unit, where the gold answer has one, is wrong, or is read in the gold unit.

    Returns:
        1 or 0, scored, with another dimension or a missing unit as reason; an answer that is no quantity or names an
        unknown unit failed with 0; such a gold answer unscored. Conversion is exact; temperatures in °C and °F are
        converted with their origin and compared in the unit of the gold answer.

    Raises:
        RecipeError: a tolerance is negative or not finite.
        DataError: the columns have different lengths.

    Example:
        >>> unit_quantity(["36 km/h", "10 m", "20 °C", "293 K"], ["10 m/s", "10 m/s", "68 °F", "20 °C"]).score
        [1.0, 0.0, 1.0, 1.0]

    Source: the answers with units of college-level science sets; factors are those of the SI brochure, 9th edition,
        and of the international yard and pound.
    Differs: the benchmark compares numbers alone and asks for the unit in the prompt; here the unit is read. Radians,
        currencies and ambiguous units are not read, nor is ``a/b c``.
    """
    same_length("unit_quantity", answer=answer, gold=gold)
    for name, value in (("relative", relative), ("absolute", absolute)):
        if not (math.isfinite(value) and value >= 0):
            raise RecipeError("a tolerance must be finite and at least 0", where=f"unit_quantity.{name}", seen=value)
    # the decimals as written, for exact bounds
    bounds = Fraction(str(relative)), Fraction(str(absolute))
    return verdict(_row(a or "", g, bounds, bare) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, bounds: tuple[Fraction, Fraction], bare: str) -> Row:
    golds = alternatives(gold)
    wanted = [q for g in golds if (q := read_quantity(g)) is not None]
    if not wanted:
        return unscored(f"gold is not a quantity: {short(golds[0])}" if golds else "no gold answer")
    if not answer.strip():
        return failed("no answer found")
    found = read_quantity(answer)
    if found is None:
        return failed(f"answer is not a quantity of known units: {short(answer)}")
    reasons = [_fault(found, q, bounds, bare) for q in wanted]
    return scored("" in reasons, "" if "" in reasons else reasons[0])


def _fault(found: Quantity, wanted: Quantity, bounds: tuple[Fraction, Fraction], bare: str) -> str:
    """Why a quantity is not the wanted one, ``""`` where it is."""
    if found.unit is None and wanted.unit is not None and wanted.unit.dimension:
        if bare == "wrong":
            return "the unit is missing"
        found = Quantity(found.number, wanted.unit)
    value = found.within(wanted)
    if value is None:
        return "the unit measures something else"
    allowed = max(bounds[0] * abs(wanted.number), bounds[1])
    return "" if abs(value - wanted.number) <= allowed else "the value differs"
