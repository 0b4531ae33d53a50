"""Properties of verifiers: an empty answer, and whose fault a missing reply is."""

from __future__ import annotations

from typing import Any

from guerdon.conformance.case import Case, NotApplicable, PropertyError
from guerdon.conformance.subject import Subject
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status

_TEXTS = ("answer", "completion")


def empty_answer(s: Subject, case: Case) -> None:
    """A verifier pays no more than its floor for an empty answer."""
    texts = [n for n in _TEXTS if n in s.names]
    if s.card.stage != "verifier" or not texts or "accepts_empty" in s.card.traits:
        raise NotApplicable("not a verifier of text, or one that may accept no text")
    given = {**case.inputs(), **{n: [""] * case.length("batch") for n in texts}}
    verdict = verdict_of(s, s.build()(given))
    floor = s.card.policy.floor if s.card.policy else 0.0
    for i, (score, status) in enumerate(zip(verdict.score, verdict.status, strict=True)):
        if status.counts and score > floor:
            raise PropertyError("an empty answer is paid", where=f"row {i}", seen=f"{score} {status.name}",
                                allowed=f"failed with {floor:g}, scored with it, or unscored")  # fmt: skip


def faults(s: Subject, case: Case) -> None:
    """A missing reply fails the completion only where the completion is at fault; otherwise the row is unscored."""
    if s.card.kind != "call":
        raise NotApplicable("asks nobody outside")
    given = {n: v for n, v in case.inputs().items() if n in s.names}  # no masks of the axes it writes
    for outcome in Outcome:
        if outcome is Outcome.DONE:
            continue
        asked: list[Any] = []

        def answer(calls, outcome=outcome, asked=asked):
            asked += calls
            return [Reply(outcome, reason="as the check asked") for _ in calls]

        result = drive(s.method.target.exchange(**given, **s.params), answer)  # type: ignore[attr-defined]
        if not asked:
            raise NotApplicable("the input drawn needs no call")
        wanted = Status.FAILED if Reply(outcome).theirs else Status.UNSCORED
        status = verdict_of(s, result).status
        if wanted not in status:
            raise PropertyError(f"a call that ended {outcome} must leave a row {wanted.name}",
                                seen=[x.name for x in status])  # fmt: skip


def verdict_of(s: Subject, result: Any) -> Any:
    """The verdict of a verifier, which stands before the signals it writes."""
    return result[0] if s.card.writes and isinstance(result, tuple) else result
