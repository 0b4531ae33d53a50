from __future__ import annotations

import json
import math

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.outside import drive
from guerdon.programs.schemas import validate
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.json_schema import json_schema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "born": {"type": "string", "format": "date"}},
    "required": ["name"],
    "additionalProperties": False,
}


def task(schema):
    return Task("1", "?", fields={"schema": schema})


def here(calls):
    """Run the program in this process."""
    return [Reply(Outcome.DONE, validate(c.payload)) for c in calls]


def judged(answers, schema=PERSON, send=here, **options):
    return drive(json_schema.exchange(answers, [task(schema)] * len(answers), **options), send)


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        ('{"name": "Ada", "born": "1815-12-10"}', 1.0, ""),
        ('```json\n{"name": "Ada"}\n```', 1.0, ""),
        ('{"name": "Ada", "born": "1815-13-10"}', 0.0, "at ['born']: '1815-13-10' is not a 'date'"),
        ('{"born": "1815-12-10"}', 0.0, "at the top: 'name' is a required property"),
        ('{"name": 7}', 0.0, "at ['name']: 7 is not of type 'string'"),
        ("[]", 0.0, "at the top: [] is not of type 'object'"),
    ],
)
def test_scores(answer, score, reason):
    v = judged([answer])
    assert (v.score, v.status, v.reason) == ([score], [Status.SCORED], [reason])


@pytest.mark.parametrize(
    "answer",
    ["", None, "Ada", '{"name": "Ada"', '{"name": "Ada"} {}', '{"name": "a", "name": "b"}', '{"name": NaN}',
     "[" * 99_000, '{"a": ' + "9" * 500 + "}", "x" * 100_001, 'Sure: {"name": "Ada"}'],
)  # fmt: skip
def test_what_is_no_json_failed_without_a_call(answer):
    def never(calls):
        raise AssertionError("no row needs a call")

    v = judged([answer], send=never)
    assert (v.score, v.status) == ([0.0], [Status.FAILED])


@pytest.mark.parametrize(
    "schema", [None, "{", 3, [], {"type": "strin"}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "#"}]
)
def test_a_schema_that_cannot_be_used_is_unscored(schema):
    v = judged(['{"name": "Ada"}'], schema)
    assert v.status == [Status.UNSCORED]
    assert math.isnan(v.score[0])


def test_schema_as_text_and_formats_off():
    assert judged(['{"name": "Ada"}'], json.dumps(PERSON)).score == [1.0]
    assert judged(['{"name": "Ada", "born": "never"}'], formats=False).score == [1.0]


def test_replies_find_their_rows():
    v = judged(["", '{"name": "a"}', "{", "{}"])
    assert v.status == [Status.FAILED, Status.SCORED, Status.FAILED, Status.SCORED]
    assert v.score == [0.0, 1.0, 0.0, 0.0]
    for outcome, status in ((Outcome.TIMEOUT, Status.FAILED), (Outcome.RAISED, Status.UNSCORED)):
        found = judged(["{}"], send=lambda calls, o=outcome: [Reply(o)])
        assert found.status == [status]


def test_errors():
    with pytest.raises(RecipeError, match="time limit"):
        judged(["{}"], seconds=-1)
    with pytest.raises(DataError, match="one value per signal"):
        drive(json_schema.exchange(["{}"], []), here)


def test_a_hostile_pattern_of_a_schema_ends_in_a_worker():
    catastrophic = {"type": "string", "pattern": "^(a+)+$"}
    tasks = [task(catastrophic), task(PERSON), task({"type": "integer"})]
    v = json_schema([json.dumps("a" * 40 + "b"), '{"name": "Ada"}', "5"], tasks, seconds=0.5)
    assert v.status == [Status.FAILED, Status.SCORED, Status.SCORED]
    assert v.score == [0.0, 1.0, 1.0]
