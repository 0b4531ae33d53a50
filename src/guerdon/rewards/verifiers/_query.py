"""Accepted results of a query: gold queries and gold rows, and how a reply is judged against them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.ops.result_rows import Types, plain_cell, same_rows
from guerdon.records import Reply
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, without_value

_QUERY = re.compile(r"\s*(?:--|/\*|\(|(?:select|with|from|values|table|describe|show|summarize)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """One accepted result: the query that gives it, or its rows."""

    query: str = ""
    rows: Sequence[Sequence[Any]] = ()
    ordered: bool = False


@dataclass(frozen=True)
class Rules:
    """What makes two results the same; ``ordered`` None asks the gold query."""

    ordered: bool | None
    types: Types
    relative: float
    empty_gold: str


def accepted(gold: Any) -> list[Wanted]:
    """Accepted results of a gold answer in any of its forms; empty where it is none."""
    if isinstance(gold, str):
        return [Wanted(query=gold.strip())] if _QUERY.match(gold) else []
    if isinstance(gold, Mapping):
        rows = _rows(gold.get("rows"))
        return [] if rows is None else [Wanted(rows=rows, ordered=bool(gold.get("ordered")))]
    if isinstance(gold, (list, tuple)) and gold and all(isinstance(g, str) or _is_result(g) for g in gold):
        return [w for g in gold for w in accepted(g)]
    rows = _rows(gold)
    return [] if rows is None else [Wanted(rows=rows)]


def _is_result(gold: Any) -> bool:
    return isinstance(gold, Mapping) and isinstance(gold.get("rows"), (list, tuple))


def _rows(gold: Any) -> list[list[Any]] | None:
    if not isinstance(gold, (list, tuple)) or not all(isinstance(r, (list, tuple, Mapping)) for r in gold):
        return None
    return [[plain_cell(c) for c in (r.values() if isinstance(r, Mapping) else r)] for r in gold]


def judged(query: str, wanted: Sequence[Wanted], replies: Mapping[str, Reply], rules: Rules) -> Row:
    """The outcome of a row from the replies to its query and to its gold queries."""
    results, faults = [], []
    for w in wanted:
        rows, order, fault = _result(w, replies, rules)
        if fault:
            faults.append(fault)
        else:
            results.append((rows, order))
    if not results:
        return unscored(faults[0])
    reply = replies[query]
    if not reply.ok:
        return without_value(reply, "the query")
    if "fault" in reply.value:
        return unscored(reply.value["fault"])
    if "error" in reply.value:
        return failed(reply.value["error"])
    rows = reply.value["rows"]
    same = any(same_rows(rows, r, ordered=o, relative=rules.relative, types=rules.types) for r, o in results)
    return scored(same, "" if same else "the result differs")


def _result(w: Wanted, replies: Mapping[str, Reply], rules: Rules) -> tuple[Sequence[Sequence[Any]], bool, str]:
    """The rows of an accepted result, whether their order counts, and why it cannot be used where it cannot."""
    rows, order = w.rows, w.ordered
    if w.query:
        reply = replies[w.query]
        if not reply.ok:
            return (), False, f"the gold query ended with {reply.outcome}"
        if "rows" not in reply.value:
            return (), False, reply.value.get("fault") or f"the gold query failed: {reply.value['error']}"
        rows, order = reply.value["rows"], reply.value["ordered"]
    order = order if rules.ordered is None else rules.ordered
    if order is None:
        return (), False, "it cannot be seen whether the gold query orders its rows: say ordered"
    if not rows and rules.empty_gold == "unscored":
        return (), False, "the gold result has no rows"
    return rows, order, ""
