"""Answers that must be JSON of a given form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.tool_text import is_json, load_json
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored, verdict, without_value

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


@method(
    paper=Paper("arXiv:2501.10868", "JSONSchemaBench: A Rigorous Benchmark of Structured Outputs for Language Models",
                where="validity of the output"),
    tags=("format",),
    default_source="ours",
    policy=Policy(
        several="One JSON value; text around it, or a second value, is no JSON. Of a fenced block its content counts.",
        empty="Failed with the floor.",
        copied="Counts like any other value.",
    ),
)  # fmt: skip
@outside
def json_schema(
    answer: Sequence[str | None],
    task: Sequence[Task],
    *,
    formats: bool = True,
    seconds: float = 2.0,
    max_text: int = 100_000,
) -> Exchange[Verdict]:
    r"""Accept a JSON value that satisfies the schema of its task.

    .. math:: s = \mathbb{1}[\,\mathrm{json}(a) \models S\,]

    Args:
        answer: parsed answers; JSON, or a fenced block that holds nothing but JSON.
        task: reads ``fields["schema"]``, a JSON schema as a mapping or as JSON text; ``$schema`` names the draft, else
            2020-12.
        formats: whether ``format`` is checked; a format without a check here makes the row unscored.
        seconds: processor time per row.
        max_text: a longer answer is not read.

    Returns:
        1 or 0, scored, with the first problem and its place as reason. An answer that is no JSON, too long, or on which
        the schema needs more than its time failed with 0. A task without a schema, a schema that is none or refers to
        an address, and a worker that could not run are unscored.

    Raises:
        RecipeError: ``seconds`` is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> from guerdon.outside import drive
        >>> from guerdon.programs.schemas import validate
        >>> from guerdon.records import Outcome
        >>> t = Task("1", "", fields={"schema": {"type": "array", "items": {"type": "integer"}}})
        >>> exchange = json_schema.exchange(["[1, 2]", '[1, "2"]', "[1,"], [t, t, t])
        >>> v = drive(exchange, lambda calls: [Reply(Outcome.DONE, validate(c.payload)) for c in calls])
        >>> v.score, v.reason[1]
        ([1.0, 0.0, 0.0], "at [1]: '2' is not of type 'integer'")

    Source: the JSON Schema specification through the package jsonschema.
    Differs: NaN, repeated keys, integers of more than 400 digits and nesting deeper than 32 are no JSON here; nothing
        is fetched, so ``$ref`` reaches only into the schema itself.
    """
    if not seconds > 0:
        raise RecipeError("a time limit must be positive", where="json_schema.seconds", seen=seconds)
    same_length("json_schema", answer=answer, task=task)
    rows = [_row((a or "").strip(), t, formats, max_text) for a, t in zip(answer, task, strict=True)]
    calls = [Call("pool", "schemas.validate", r, seconds) for r in rows if isinstance(r, Mapping)]
    replies = iter((yield calls) if calls else [])
    return verdict(_judged(next(replies)) if isinstance(r, Mapping) else r for r in rows)


def _row(answer: str, task: Task, formats: bool, max_text: int) -> Row | Mapping[str, Any]:
    """The outcome of a row that needs no call, else the payload of its call."""
    schema = task.fields.get("schema")
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError) as error:
            return unscored(f"the schema is no JSON: {error}")
    if not isinstance(schema, (Mapping, bool)):
        return unscored("the task brings no schema")
    if not answer:
        return failed("no answer found")
    if len(answer) > max_text:
        return failed(f"the answer is longer than {max_text} characters")
    fenced = _FENCE.fullmatch(answer) if answer.startswith("```") else None
    value = load_json(fenced.group(1) if fenced else answer)
    if not is_json(value):
        return failed(f"the answer is no JSON: {short(answer)}")
    return {"schema": schema, "value": value, "formats": formats}


def _judged(reply: Reply) -> Row:
    if not reply.ok:
        return without_value(reply, "the check")
    if "fault" in reply.value:
        return unscored(reply.value["fault"])
    problems = reply.value["problems"]
    return scored(not problems, problems[0] if problems else "")
