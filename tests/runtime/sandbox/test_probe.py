from __future__ import annotations

import pytest

from guerdon.runtime.sandbox import local, probe
from guerdon.runtime.sandbox.protocol import CaseOutcome, CaseResult
from guerdon.runtime.sandbox.run import LaneError


def test_what_is_measured_is_what_runs():
    found = probe.measure()
    if found.level != 3:
        pytest.skip(f"no isolation of level 3 here: {found.reason}")
    assert [(p.name, p.detail) for p in found.proofs if not p.works] == []
    assert len(found.proofs) == 6
    assert 0 < found.run_seconds < found.start_seconds


def test_without_isolation_the_reason_is_given(monkeypatch):
    def no(level, *args):
        raise LaneError("no such tool")

    monkeypatch.setattr(local, "Lane", no)
    monkeypatch.delenv("GUERDON_TRUST_CODE", raising=False)
    found = probe.measure()
    assert (found.level, found.proofs) == (0, ())
    assert "no such tool" in found.reason


@pytest.mark.parametrize(
    ("result", "held"),
    [
        (CaseResult(CaseOutcome.RETURNED, False), True),
        (CaseResult(CaseOutcome.RETURNED, True), False),
        (CaseResult(CaseOutcome.RETURNED, None), False),
        (CaseResult(CaseOutcome.RAISED, error="PermissionError"), True),
        (CaseResult(CaseOutcome.UNAVAILABLE, error="no"), False),
    ],
)
def test_a_proof_holds_only_when_the_attempt_failed(result, held):
    assert probe._proof("x", result).works is held
