from __future__ import annotations

import pytest

from guerdon.programs.schemas import validate


def problems(schema, value, formats=True):
    return validate({"schema": schema, "value": value, "formats": formats})


def test_schemas():
    assert problems({"type": "integer"}, 3) == {"problems": []}
    assert problems({"type": "integer"}, "3") == {"problems": ["at the top: '3' is not of type 'integer'"]}
    nested = {"properties": {"a": {"items": {"minimum": 0}}}}
    assert problems(nested, {"a": [1, -1]})["problems"] == ["at ['a'][1]: -1 is less than the minimum of 0"]
    assert problems({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}, None) == {"problems": []}
    assert problems(True, 1) == {"problems": []}
    assert len(problems(False, 1)["problems"]) == 1
    assert len(problems({"items": {"type": "string"}}, [1] * 1000)["problems"]) == 20


def test_formats():
    assert problems({"format": "ipv4"}, "1.2.3.4") == {"problems": []}
    assert len(problems({"format": "ipv4"}, "1.2.3.400")["problems"]) == 1
    assert problems({"format": "ipv4"}, "1.2.3.400", formats=False) == {"problems": []}
    assert "cannot be checked" in problems({"properties": {"a": {"format": "no-such"}}}, {})["fault"]
    assert problems({"enum": [{"format": "no-such"}]}, {"format": "no-such"}) == {"problems": []}


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "intger"}, "not a JSON schema"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "which it does not hold"),  # nothing is fetched
        ({"$ref": "file:///etc/passwd"}, "which it does not hold"),
        ({"$ref": "#/nowhere"}, "which it does not hold"),
        ({"$ref": "#"}, "refers to itself"),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_fault(schema, fault):
    assert fault in problems(schema, "x")["fault"]


def test_a_broken_pattern_in_a_schema_is_a_fault():
    assert "fault" in problems({"pattern": "("}, "x")
