"""The sentence on top: did it work, and how sure is that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guerdon.report.headline import Row, paired
from guerdon.report.load import Run
from guerdon.report.stats import Estimate, newcombe
from guerdon.report.words import percent, points


def sentence(runs: Sequence[Run], table: Sequence[Row]) -> tuple[str, str]:
    """The answer to "did it work?" and its tone: ``good``, ``bad``, ``flat`` or ``none``."""
    held = {r.run: r for r in table if r.label == "Held-out accuracy" and r.after is not None}
    if len(runs) > 1:
        return _several(runs, held)
    if 0 in held:
        return _single(held[0])
    train = next((r for r in table if r.label == "Training accuracy"), None)
    if train is None or train.after is None or train.before is None:
        steps = runs[0].steps
        return (
            f"Not known: {steps} steps recorded, no accuracy measured"
            if steps
            else "Nothing to judge yet: no step is recorded"
        ), "none"
    return (
        f"Not known: there is no held-out evaluation. Training accuracy went from {percent(train.before.value)} "
        f"to {percent(train.after.value)}", "none",
    )  # fmt: skip


def _single(row: Row) -> tuple[str, str]:
    after, before, change = row.after, row.before, row.change
    assert after is not None
    if before is None or change is None:
        return (
            f"Held-out accuracy ends at {percent(after.value)}; there is no evaluation before training to compare with",
            "none",
        )
    span = f"from {percent(before.value)} to {percent(after.value)}"
    if not change.known:
        return f"Held-out accuracy went {span}; the number of tasks is not recorded, so there is no interval", "none"
    if row.direction > 0:
        return f"It worked: held-out accuracy rose {span}", "good"
    if row.direction < 0:
        return f"It did not work: held-out accuracy fell {span}", "bad"
    return f"No effect shown: held-out accuracy went {span}, within the uncertainty of the evaluation", "flat"


@dataclass(frozen=True)
class _Lead:
    """The run that ends highest, the next one, and how far they are apart."""

    first: int
    second: int
    gap: Estimate
    paired: bool


def _lead(runs: Sequence[Run], held: dict[int, Row]) -> _Lead | None:
    ends = {i: row.after for i, row in held.items() if row.after is not None}
    if len(ends) < 2:
        return None
    first, second = sorted(ends, key=lambda i: ends[i].value, reverse=True)[:2]
    a, b = ends[second], ends[first]
    stored = [runs[i].rollouts.evaluations for i in (second, first)]
    if all(stored):
        gap = paired(*(known[max(known)] for known in stored))
        # only where both numbers are the ones of the stored rollouts
        if gap is not None and abs(gap.value - (b.value - a.value)) < 1e-3:
            return _Lead(first, second, gap, True)
    known = a.known and b.known
    return _Lead(first, second, newcombe(a, b) if known else Estimate(b.value - a.value), False)


def _several(runs: Sequence[Run], held: dict[int, Row]) -> tuple[str, str]:
    lead = _lead(runs, held)
    if lead is None:
        return f"{len(runs)} runs, of which fewer than two have a held-out evaluation to compare", "none"
    a, b = held[lead.second].after, held[lead.first].after
    assert a is not None
    assert b is not None
    first, second = runs[lead.first].name, runs[lead.second].name
    if not lead.gap.known:
        return (
            f"{first} ends at {percent(b.value)} held-out accuracy, {second} at {percent(a.value)}; no interval known",
            "none",
        )
    if lead.gap.low > 0:
        rest = f"{percent(b.value)} held-out accuracy, next is {second} with {percent(a.value)}"
        return f"{first} is ahead: {rest}", "good"
    return (
        f"No winner shown: {first} ends at {percent(b.value)} held-out accuracy, {second} at {percent(a.value)}, "
        "within the uncertainty of the evaluation", "flat",
    )  # fmt: skip


def aside(runs: Sequence[Run], table: Sequence[Row]) -> str:
    """The interval and the count behind the sentence, and what they do not cover."""
    held = {r.run: r for r in table if r.label == "Held-out accuracy" and r.after is not None}
    lead = _lead(runs, held) if len(runs) > 1 else None
    change = lead.gap if lead else held[0].change if 0 in held and len(runs) == 1 else None
    if change is None or not change.known:
        return ""
    how = f"{change.n:,} {change.unit}"
    how += ", task by task" if lead and lead.paired else ", as if the tasks differed" if lead else ""
    return (
        f"{'Difference' if lead else 'Change'} {points(change.value)} points, 95% interval {points(change.low)} to "
        f"{points(change.high)}, {how}. It covers the choice of held-out tasks, not the choice of training seed."
    )
