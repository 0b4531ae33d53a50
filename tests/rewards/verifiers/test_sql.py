from __future__ import annotations

import csv
import datetime
import math
import time
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("duckdb")

from guerdon.errors import DataError, RecipeError
from guerdon.outside import drive
from guerdon.programs.sql import run
from guerdon.records import Outcome, Reply, Status, Task
from guerdon.rewards.verifiers.sql import sql

WIKITQ = Path(__file__).parents[4] / "shared" / "data" / "wikitq"
TASK = Task("1", "?", fields={"tables": {"t": [
    {"name": "a", "n": 1, "x": 0.1}, {"name": "b", "n": 2, "x": 0.2}, {"name": "b", "n": 3, "x": None},
]}})  # fmt: skip


def here(calls):
    """Run the program in this process."""
    return [Reply(Outcome.DONE, run(c.payload)) for c in calls]


def judged(answers, gold, task=TASK, send=here, **options):
    golds = gold if isinstance(gold, list) and len(gold) == len(answers) else [gold] * len(answers)
    return drive(sql.exchange(answers, golds, [task] * len(answers), **options), send)


@pytest.mark.parametrize(
    ("query", "gold", "score"),
    [
        ("SELECT name FROM t", "SELECT name FROM t", 1.0),
        ("SELECT t.name AS other FROM t", "select name from t", 1.0),  # names of columns do not count
        ("SELECT name FROM t ORDER BY n DESC", "SELECT name FROM t", 1.0),  # the gold query does not order
        ("SELECT n FROM t", "SELECT n FROM t ORDER BY n", 1.0),
        ("SELECT n FROM t ORDER BY n DESC", "SELECT n FROM t ORDER BY n", 0.0),
        ("SELECT DISTINCT name FROM t", "SELECT name FROM t", 0.0),  # repeated rows count
        ("SELECT sum(x) FROM t", "SELECT 0.3", 1.0),  # 0.1 + 0.2 in binary
        ("SELECT x FROM t WHERE n = 3", "SELECT NULL", 1.0),
        ("SELECT x FROM t WHERE n = 3", "SELECT 0", 0.0),
        ("SELECT n, name FROM t", "SELECT name, n FROM t", 0.0),  # columns by position
        ("SELECT 2.0", "SELECT 2", 1.0),
        ("SELECT n FROM t WHERE n > 5", "SELECT 1 WHERE false", 1.0),
        ("```sql\nSELECT count(*) FROM t;\n```", "SELECT 3", 1.0),
        ("SELECT 3", ("SELECT 4", "SELECT 3"), 1.0),  # several accepted queries
        ("SELECT name, n FROM t WHERE n < 3", {"rows": [["b", 2], ["a", 1]]}, 1.0),
        ("SELECT name, n FROM t WHERE n < 3", {"rows": [["b", 2], ["a", 1]], "ordered": True}, 0.0),
        ("SELECT DATE '2020-01-02', 1.5", [(datetime.date(2020, 1, 2), Decimal("1.50"))], 1.0),
        ("SELECT n FROM t", ({"n": 1}, {"n": 2}, {"n": 3}), 1.0),
    ],
)  # fmt: skip
def test_scores(query, gold, score):
    v = judged([query], [gold])
    assert (v.score, v.status) == ([score], [Status.SCORED])


def test_options():
    assert judged(["SELECT n FROM t ORDER BY n DESC"], "SELECT n FROM t ORDER BY n", ordered=False).score == [1.0]
    assert judged(["SELECT n FROM t ORDER BY n DESC"], "SELECT n FROM t", ordered=True).score == [0.0]
    assert judged(["SELECT 2.0::DOUBLE"], "SELECT 2", types="strict").score == [0.0]
    assert judged(["SELECT 1.01"], "SELECT 1.0", relative=0.02).score == [1.0]
    assert judged(["SELECT 1 WHERE false"], "SELECT 2 WHERE false", empty_gold="unscored").status == [Status.UNSCORED]
    assert judged(["SELECT n FROM t"], "SELECT 1", max_rows=2).status == [Status.FAILED]


def test_whose_fault():
    bad = ["", None, "```sql\n```", "x" * 10_001, "SELECT nothing FROM t", "DROP TABLE t"]
    v = judged(bad, ["SELECT 1"] * 6)
    assert v.status == [Status.FAILED] * 6
    ours = judged(["SELECT 1"] * 5, [None, "the capital", "SELECT nothing FROM t", [1, 2], 7])
    assert ours.status == [Status.UNSCORED] * 5
    assert all(math.isnan(s) for s in ours.score)
    assert "the gold query failed" in ours.reason[2]
    for fields in ({}, {"tables": {"t": []}}, {"database": "../x.csv"}):
        assert judged(["SELECT 1"], "SELECT 1", Task("2", "?", fields=fields)).status == [Status.UNSCORED]


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DONE])
def test_whose_fault_a_missing_reply_is(outcome):
    def send(calls):
        return [Reply(outcome) if "9" in c.payload["query"] else r for c, r in zip(calls, here(calls), strict=True)]

    theirs = outcome in (Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASHED, Outcome.REFUSED)
    assert judged(["SELECT 9"], "SELECT 1", send=send).status == [Status.FAILED if theirs else Status.UNSCORED]
    # whatever happens to the gold query is our fault
    assert judged(["SELECT 1"], "SELECT 9", send=send).status == [Status.UNSCORED]


def test_equal_queries_on_one_task_are_sent_once():
    sent = []

    def send(calls):
        sent.extend(c.payload["query"] for c in calls)
        return here(calls)

    v = judged(["SELECT 1", "SELECT 2", "SELECT 1", ""], "SELECT 1", send=send)
    assert v.score == [1.0, 0.0, 1.0, 0.0]
    assert sorted(sent) == ["SELECT 1", "SELECT 2"]


def test_errors():
    for options in ({"seconds": 0.0}, {"memory_mb": 0}, {"max_rows": 0}, {"relative": 1.0}):
        with pytest.raises(RecipeError, match="sql"):
            judged(["SELECT 1"], "SELECT 1", **options)
    with pytest.raises(DataError, match="one value per signal"):
        drive(sql.exchange(["SELECT 1"], [], []), here)


BOMBS = [
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r",
    "SELECT list(range) FROM range(1000000000)",
    "SELECT unnest(range(1000000000))",
    "SELECT repeat('x', 4000000000)",
    "SELECT regexp_matches(repeat('a', 100000000), '(a*)*b')",
    "SELECT * FROM range(100000) a, range(100000) b ORDER BY random()",
]  # fmt: skip


def test_bombs_end_in_a_worker_and_the_next_query_is_answered():
    """Time and memory bombs of 0.7 seconds and 128 MB each, with an honest query among them."""
    sql(["SELECT 1"], ["SELECT 1"], [TASK])  # the workers start once
    start = time.monotonic()
    v = sql([*BOMBS, "SELECT 1"], ["SELECT 1"] * 10, [TASK] * 10, seconds=0.7, memory_mb=128)
    assert v.status == [Status.FAILED] * 9 + [Status.SCORED]
    assert v.score == [0.0] * 9 + [1.0]
    assert time.monotonic() - start < 60  # nine bombs on two shared cores; a query that is not stopped runs for hours


def test_real_tables():
    """25 tables of WikiTableQuestions as CSV text: every cell is found by a query, and a changed one is noticed."""
    files = sorted(WIKITQ.glob("csv/*/*.csv"))
    if not files:
        pytest.skip("no wikitq beside the repository (shared/data/wikitq)")
    queries, wrong, golds, tasks = [], [], [], []
    for file in files[:25]:
        with file.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream, escapechar="\\", doublequote=False))
        columns = [f"c{i}" for i in range(len(lines[0]))]
        rows = [r for r in lines[1:] if len(r) == len(columns)]
        tasks.append(Task(file.stem, "?", fields={"tables": {"t": {"columns": columns, "rows": rows}}}))
        queries.append("SELECT * FROM t")
        wrong.append("SELECT * EXCLUDE (c0), c0 || '~' FROM t")
        golds.append({"rows": rows[::-1]})
    assert drive(sql.exchange(queries, golds, tasks), here).score == [1.0] * 25
    assert drive(sql.exchange(wrong, golds, tasks), here).score == [0.0] * 25
