"""Queries judged by the rows they return on the task's own small database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task, Verdict
from guerdon.rewards.verifiers._query import Rules, Wanted, accepted, judged
from guerdon.rewards.verifiers._rows import Row, failed, unscored, verdict

_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)
MAX_QUERY = 10_000


@dataclass(frozen=True)
class _Asked:
    """A row that needs calls: the query of the completion and the accepted results."""

    query: str
    wanted: Sequence[Wanted]


@method(
    paper=Paper("", "TableGPT-R1: Advancing Tabular Reasoning Through Reinforcement Learning", "agentic/tablegpt-r1",
                where="execution match for SQL"),
    tags=("tables", "code"),
    aliases=("query_result",),
    default_source="ours",
    policy=Policy(
        several="One statement; two are refused. Of a fenced block its content counts.",
        empty="Failed with the floor. A query without rows is right where the gold result has none, unless empty_gold "
        "says otherwise.",
        copied="A copied query counts like any other.",
    ),
)  # fmt: skip
@outside
def sql(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    task: Sequence[Task],
    *,
    ordered: bool | None = None,
    types: Literal["loose", "strict"] = "loose",
    relative: float = 1e-6,
    empty_gold: Literal["accepted", "unscored"] = "accepted",
    seconds: float = 5.0,
    memory_mb: int = 256,
    max_rows: int = 10_000,
    folder: str = "",
) -> Exchange[Verdict]:
    r"""Accept a query whose result is that of the gold query.

    .. math:: s = \mathbb{1}[\,D(a) \equiv D(g)\,]

    The result is a bag of rows, or a list of rows where the gold query has an ORDER BY at its outermost level.

    Args:
        answer: parsed answers; one SELECT statement in DuckDB's dialect, with or without a fenced block around it.
        gold: a query; or rows, as a list of lists or of mappings, or ``{"rows": [...], "ordered": ...}``; a list of
            queries holds several accepted ones.
        task: reads ``fields["tables"]``, table name to rows (mappings), to ``{"columns", "rows", "types"}`` or to CSV
            text, or ``fields["database"]``, a .duckdb, .csv, .tsv or .parquet file below ``folder``.
        ordered: whether the order of the rows counts; None asks the gold query.
        types: ``loose`` lets 1 equal 1.0 and true, and a date its text; ``strict`` asks for the same type.
        relative: tolerance for numbers of which one is no integer, as a share of the larger, or absolute below 1.
        empty_gold: a gold result without rows is accepted as it is, or leaves the row unscored, because every query
            that returns nothing equals it.
        seconds, memory_mb: processor time and DuckDB's memory per query.
        max_rows: a longer result fails.
        folder: the only folder that database files may lie in; ``""`` allows none.

    Returns:
        1 or 0, scored. A query that is refused, fails, needs too much or returns too much failed with 0. A gold query
        that does, a database that cannot be made, and a worker that could not run are unscored. Columns are compared
        by position without their names, NULL equals NULL, repeated rows count.

    Raises:
        RecipeError: a limit or a tolerance is out of range.
        DataError: the columns have different lengths.

    Example:
        >>> from guerdon.outside import drive
        >>> from guerdon.programs.sql import run
        >>> from guerdon.records import Outcome
        >>> t = Task("1", "", fields={"tables": {"t": [{"a": 1}, {"a": 2}, {"a": 2}]}})
        >>> queries = ["SELECT a FROM t ORDER BY a DESC", "SELECT DISTINCT a FROM t", "DROP TABLE t"]
        >>> v = drive(sql.exchange(queries, ["SELECT a FROM t"] * 3, [t] * 3),
        ...           lambda calls: [Reply(Outcome.DONE, run(c.payload)) for c in calls])
        >>> v.score, v.reason[2]
        ([1.0, 0.0, 0.0], 'only SELECT is allowed, found DROP')

    Source: execution match as TableGPT-R1 uses it for SQL labels.
    Differs: benchmarks often compare sets of rows, which calls a query with a missing DISTINCT right. Among rows that
        tie in the gold ORDER BY the order counts too. DuckDB is not SQLite: its dialect is stricter about GROUP BY.
    """
    _check(seconds, memory_mb, max_rows, relative)
    same_length("sql", answer=answer, gold=gold, task=task)
    limits = {"max_rows": max_rows, "memory_mb": memory_mb, "folder": folder}
    rows = [_row(a or "", g, t) for a, g, t in zip(answer, gold, task, strict=True)]
    calls: dict[tuple[int, str], Call] = {}  # the samples of one prompt share its gold query
    for found, one in zip(rows, task, strict=True):
        if isinstance(found, _Asked):
            for query in (found.query, *[w.query for w in found.wanted if w.query]):
                payload = {"query": query, **limits, **_database(one)}
                # the worker's wall is wider than DuckDB's own, so that its message names the reason
                calls.setdefault((id(one), query), Call("pool", "sql.run", payload, seconds, 2 * memory_mb + 256))
    answered = (yield list(calls.values())) if calls else ()
    replies: dict[int, dict[str, Reply]] = {}
    for (owner, query), reply in zip(calls, answered, strict=True):
        replies.setdefault(owner, {})[query] = reply
    rules = Rules(ordered, types, relative, empty_gold)
    return verdict(
        judged(r.query, r.wanted, replies[id(one)], rules) if isinstance(r, _Asked) else r
        for r, one in zip(rows, task, strict=True)
    )


def _check(seconds: float, memory_mb: int, max_rows: int, relative: float) -> None:
    for name, value in (("seconds", seconds), ("memory_mb", memory_mb), ("max_rows", max_rows)):
        if not 0 < value < float("inf"):
            raise RecipeError("a limit must be positive and finite", where=f"sql.{name}", seen=value)
    if not 0 <= relative < 1:
        raise RecipeError("a relative tolerance lies in [0, 1)", where="sql.relative", seen=relative)


def _row(answer: str, gold: Any, task: Task) -> Row | _Asked:
    """The outcome of a row that needs no call, else what to ask."""
    if not _database(task):
        return unscored("the task brings no tables")
    wanted = accepted(gold)
    if not wanted:
        return unscored("no gold answer" if gold is None else "the gold answer is neither a query nor rows")
    fenced = _FENCE.search(answer)
    query = (fenced.group(1) if fenced else answer).strip()
    if not query:
        return failed("no answer found")
    if len(query) > MAX_QUERY:
        return failed(f"the query is longer than {MAX_QUERY} characters")
    return _Asked(query, wanted)


def _database(task: Task) -> dict[str, Any]:
    if isinstance(task.fields.get("database"), str):
        return {"database": task.fields["database"]}
    return {"tables": task.fields["tables"]} if isinstance(task.fields.get("tables"), Mapping) else {}
