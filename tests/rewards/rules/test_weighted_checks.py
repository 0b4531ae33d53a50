from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Task
from guerdon.rewards.rules.weighted_checks import weighted_checks
from guerdon.runtime.sandbox.protocol import CaseOutcome, CaseResult

SHORT = {"name": "words", "max": 3, "weight": 0.5}
SHOUT = {"name": "ends_with", "suffix": "!", "weight": 0.3}
GREET = {"program": "def check(t): return 'hello' in t.lower()", "weight": 0.2}


def task(*checks):
    return Task("1", "q", fields={"checks": list(checks)})


def job(*results):
    cases = [CaseResult(CaseOutcome.RETURNED, v) if not isinstance(v, CaseOutcome) else CaseResult(v) for v in results]
    return Reply(Outcome.DONE, cases)


def scripted(*replies, texts, tasks, **how):
    sent = []

    def answer(calls):
        sent.extend(calls)
        return list(replies)

    return drive(weighted_checks.exchange(texts, tasks, **how), answer).tolist(), sent


def test_declared_checks_need_nobody():
    texts = ["Hello there!", "Hello there.", "Well, hello to all!", ""]
    found, sent = scripted(texts=texts, tasks=[task(SHORT, SHOUT)] * 4)
    assert found == pytest.approx([0.8, 0.5, 0.3, 0.5])
    assert sent == []
    assert weighted_checks(texts, [task(SHORT, SHOUT)] * 4, normalize=True).tolist() == pytest.approx(
        [1.0, 0.625, 0.375, 0.625]
    )


def test_one_job_per_program_and_one_case_per_text():
    tasks = [task(SHORT, GREET), task(GREET), task(GREET)]
    found, sent = scripted(job(True, False), texts=["Hello you", "Bye", "Hello you"], tasks=tasks)
    assert found == pytest.approx([0.7, 0.0, 0.2])
    assert [c.payload["cases"] for c in sent] == [[{"args": ["Hello you"]}, {"args": ["Bye"]}]]
    assert (sent[0].channel, sent[0].program, sent[0].payload["entry"]) == ("sandbox", "function", "check")


@pytest.mark.parametrize("outcome", [o for o in CaseOutcome if o not in ("returned", "unavailable")])
def test_a_check_that_fails_to_answer_does_not_hold(outcome):
    """Check 4 of the dossier: weights .5, .3, .2 with the third check raising give .8."""
    assert scripted(job(outcome), texts=["Hi!"], tasks=[task(SHORT, SHOUT, GREET)])[0] == pytest.approx([0.8])


def test_whose_fault():
    tasks = [task(SHORT, GREET), task(SHORT)]
    for reply, value in (
        (job(CaseOutcome.UNAVAILABLE), math.nan), (Reply(Outcome.UNAVAILABLE), math.nan), (job(), math.nan),
        (Reply(Outcome.RAISED), math.nan), (Reply(Outcome.TIMEOUT), 0.5), (Reply(Outcome.MEMORY), 0.5),
    ):  # fmt: skip
        found, _ = scripted(reply, texts=["Hi", "Hi"], tasks=tasks)
        assert found == pytest.approx([value, 0.5], nan_ok=True)


@pytest.mark.parametrize(
    "checks",
    [None, [], "words", [1], [{"name": "wrods", "max": 3}], [{"name": "words"}], [{**SHORT, "weight": "big"}],
     [{**SHORT, "weight": math.nan}], [{"program": 3}]],
)  # fmt: skip
def test_checks_that_cannot_be_used_are_our_fault(checks):
    found, sent = scripted(texts=["Hi!"], tasks=[Task("1", "q", fields={"checks": checks})])
    assert math.isnan(found[0])
    assert sent == []


def test_programs_in_the_real_sandbox():
    from guerdon.runtime.sandbox.channel import default_sandbox

    if default_sandbox().level < 2:
        pytest.skip("no sandbox of level 2 or more on this machine (guerdon doctor)")
    hang = {"program": "def check(t):\n    while True: pass", "weight": 1.0}
    found = weighted_checks(["Hello", "Bye"], [task(SHORT, GREET, hang)] * 2, seconds=0.3)
    assert found.tolist() == pytest.approx([0.7, 0.5])


def test_errors():
    with pytest.raises(RecipeError, match="limit"):
        weighted_checks(["a"], [task(SHORT)], seconds=0.0)
    with pytest.raises(DataError, match="one value per signal"):
        weighted_checks(["a"], [])
    assert math.isnan(weighted_checks(["a"], [task({**SHORT, "weight": 0.0})], normalize=True).item())
