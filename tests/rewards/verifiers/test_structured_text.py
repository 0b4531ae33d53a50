"""Any text at all, and hostile text, for every verifier of structured answers: one stable verdict, no exception."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.outside import drive
from guerdon.programs.patterns import match
from guerdon.programs.schemas import validate
from guerdon.providers.tool_calls import tool_calls
from guerdon.records import Outcome, Reply, Status, Task, Verdict
from guerdon.rewards.verifiers.contains_all import contains_all
from guerdon.rewards.verifiers.instruction_constraints import instruction_constraints
from guerdon.rewards.verifiers.json_schema import json_schema
from guerdon.rewards.verifiers.numeric_range import numeric_range
from guerdon.rewards.verifiers.regex_match import regex_match
from guerdon.rewards.verifiers.set_overlap import set_overlap
from guerdon.rewards.verifiers.table import table
from guerdon.rewards.verifiers.token_f1 import token_f1
from guerdon.rewards.verifiers.tool_call_match import tool_call_match
from guerdon.rewards.verifiers.unit_quantity import unit_quantity

RULES = [{"name": "words", "max": 5}, {"name": "json"}]
TASK = Task("1", "?", fields={"schema": {"type": "object"}, "constraints": RULES})
CALL = [{"name": "f", "arguments": {"x": 1}}]


def _schemas(text):
    send = lambda calls: [Reply(Outcome.DONE, validate(c.payload)) for c in calls]  # noqa: E731
    return drive(json_schema.exchange([text], [TASK]), send)


def _patterns(text):
    send = lambda calls: [Reply(Outcome.DONE, match(c.payload)) for c in calls]  # noqa: E731
    return drive(regex_match.exchange([text], ["[a-z]+"]), send)


VERIFIERS: dict[str, Callable[[str | None], Verdict]] = {
    "token_f1": lambda t: token_f1([t], ["a b"]),
    "contains_all": lambda t: contains_all([t], ["alpha, beta"]),
    "set_overlap": lambda t: set_overlap([t], [["a", "b"]]),
    "set_overlap brackets": lambda t: set_overlap([t], [["a", "z"]], items="brackets"),
    "numeric_range": lambda t: numeric_range([t], ["[1, 2]"]),
    "table": lambda t: table([t], ["a|2"]),
    "tool_call_match": lambda t: tool_call_match(tool_calls([t]), [CALL]),
    "instruction_constraints": lambda t: instruction_constraints([t], [TASK], loose=True),
    "unit_quantity": lambda t: unit_quantity([t], ["5 m"]),
    "json_schema": _schemas,
    "regex_match": _patterns,
}
HOSTILE = {
    "100 kB of one letter": "a" * 100_000,
    "open brackets": "[" * 100_000,
    "open objects": '{"a":' * 20_000,
    "open calls": "<tool_call>" * 9_000,
    "combining marks": "e" + "\u0301" * 20_000,
    "digits": "9" * 100_000,
    "white space": " \t\n" * 33_000,
    "bars": "a|" * 50_000,
    "brackets with words": "[[a]] " * 16_000,
    "marks": "x" + "*" * 50_000,
    "surrogate": "a\ud800b",
    "controls": "a\u202e\u200b\ufeff\0b",
    "fullwidth": "\uff11\uff12",
    "fences": "```\n" * 20_000,
    "quotes": '"' * 100_000,
}


@pytest.mark.parametrize("name", VERIFIERS)
@given(text=st.one_of(st.none(), st.text(max_size=120), st.text("[]{}<>|\"',:*`0123456789ab \n", max_size=60)))
def test_any_text(name, text):
    first, second = VERIFIERS[name](text), VERIFIERS[name](text)
    assert first.status == second.status
    assert first.score == second.score
    assert first.status[0] in (Status.SCORED, Status.FAILED)  # the gold side is sound: never ours
    if not (text or "").strip():
        assert first.status == [Status.FAILED]


@pytest.mark.parametrize("name", VERIFIERS)
def test_hostile_text(name):
    for kind, text in HOSTILE.items():
        start = time.process_time()
        verdict = VERIFIERS[name](text)
        assert verdict.status[0] in (Status.SCORED, Status.FAILED), kind
        assert verdict.score[0] < 1 or kind in ("100 kB of one letter", "quotes"), kind
        assert len(verdict.reason[0]) < 1000, kind
        assert time.process_time() - start < 5, kind  # generous: what is not linear needs minutes
        json.dumps(verdict.reason)
