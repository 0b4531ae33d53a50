"""Rows of a query's result as plain data, and whether two results are the same."""

from __future__ import annotations

import datetime
import decimal
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from guerdon.ops.overlap import pairs

Rows: TypeAlias = Sequence[Sequence[Any]]
Types: TypeAlias = Literal["loose", "strict"]
MAX_LOOSE = 500


def tagged(kind: str, value: Any) -> dict[str, Any]:
    """A cell that JSON has no type for, such as a date."""
    return {"$": kind, "v": value}


def plain_cell(value: Any) -> Any:
    """A value of a database as plain data; what JSON has no type for is tagged.

    Example:
        >>> plain_cell(decimal.Decimal("1.50")), plain_cell((1, None))
        ({'$': 'decimal', 'v': '1.50'}, [1, None])
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else tagged("float", str(value))
    if isinstance(value, decimal.Decimal):
        return tagged("decimal", str(value))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return tagged(type(value).__name__, value.isoformat())
    if isinstance(value, datetime.timedelta):
        return tagged("interval", value.total_seconds())
    if isinstance(value, bytes):
        return tagged("blob", value.hex())
    if isinstance(value, (list, tuple)):
        return [plain_cell(v) for v in value]
    if isinstance(value, Mapping) and value.keys() == {"$", "v"}:
        return dict(value)  # tagged before, in stored results
    if isinstance(value, Mapping):
        return tagged("map", [[plain_cell(k), plain_cell(v)] for k, v in value.items()])
    return tagged(type(value).__name__, str(value))


def same_rows(
    found: Rows, wanted: Rows, *, ordered: bool = False, relative: float = 1e-6, types: Types = "loose"
) -> bool:
    """Whether two results hold the same rows, each as often; columns stand in order and have no names.

    Args:
        found, wanted: rows of cells: None, booleans, numbers, text, lists, and cells of :func:`tagged`.
        ordered: whether the order of the rows counts.
        relative: numbers of which one is no integer are equal to this share of the larger, and of 1 near 0.
        types: ``loose`` lets 1 equal 1.0 and True, and a date its ISO text; ``strict`` asks for the same type.

    Example:
        >>> same_rows([[1, "a"], [None, "b"]], [[None, "b"], [1.0, "a"]])
        True
        >>> same_rows([[1], [1], [2]], [[1], [2], [2]]), same_rows([[1], [2]], [[2], [1]], ordered=True)
        (False, False)
    """
    if len(found) != len(wanted) or {len(r) for r in found} != {len(r) for r in wanted}:
        return False
    if ordered:
        return all(_same_row(f, w, relative, types) for f, w in zip(found, wanted, strict=True))
    # equal rows leave in one pass; only rows that differ in writing or in the last digits are compared in pairs
    keys = [[_key(r) for r in rows] for rows in (found, wanted)]
    common = Counter(keys[0]) & Counter(keys[1])
    left, right = (_rest(rows, names, common) for rows, names in zip((found, wanted), keys, strict=True))
    if len(left) > MAX_LOOSE:
        left, right = sorted(left, key=_place), sorted(right, key=_place)
        return all(_same_row(f, w, relative, types) for f, w in zip(left, right, strict=True))
    return -1 not in pairs([{j for j, f in enumerate(left) if _same_row(f, w, relative, types)} for w in right])


def same_cell(a: Any, b: Any, *, relative: float = 1e-6, types: Types = "loose") -> bool:
    """Whether two cells are equal; NULL equals NULL alone, NaN equals NaN.

    Example:
        >>> same_cell(0.1 + 0.2, 0.3), same_cell(None, 0), same_cell("2020-01-01", tagged("date", "2020-01-01"))
        (True, False, True)
    """
    if a is None or b is None:
        return a is b
    if types == "strict" and _kind(a) != _kind(b):
        return False
    a, b = _plain(a), _plain(b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return _same_number(a, b, relative)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(
            same_cell(x, y, relative=relative, types=types) for x, y in zip(a, b, strict=True)
        )
    return type(a) is type(b) and a == b


def _same_number(a: int | float, b: int | float, relative: float) -> bool:
    if a == b or (isinstance(a, int) and isinstance(b, int)):
        return a == b
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.isnan(a) and math.isnan(b)
    return abs(a - b) <= relative * max(1.0, abs(a), abs(b))


def _same_row(found: Sequence[Any], wanted: Sequence[Any], relative: float, types: Types) -> bool:
    return all(same_cell(f, w, relative=relative, types=types) for f, w in zip(found, wanted, strict=True))


def _kind(cell: Any) -> str:
    return cell["$"] if isinstance(cell, Mapping) else type(cell).__name__


def _plain(cell: Any) -> Any:
    """A cell without its type: what loose comparison looks at."""
    if isinstance(cell, Mapping):
        value = cell["v"]
        return float(value) if cell["$"] in ("decimal", "float") else value
    return list(cell) if isinstance(cell, tuple) else cell


def _key(row: Sequence[Any]) -> str:
    """A name that only equal rows of equal types share."""
    return repr([(_kind(c), c) for c in row])


def _rest(rows: Rows, names: Sequence[str], common: Counter[str]) -> list[Sequence[Any]]:
    left, out = Counter(common), []
    for row, name in zip(rows, names, strict=True):
        if left[name]:
            left[name] -= 1
        else:
            out.append(row)
    return out


def _place(row: Sequence[Any]) -> list[tuple[str, float, str]]:
    """Where a row sorts: by rounded numbers and text, so that equal rows stand in the same places."""
    return [_rank(_plain(c)) for c in row]


def _rank(value: Any) -> tuple[str, float, str]:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return "number", float(f"{value:.4g}"), ""
    return type(value).__name__, 0.0, repr(value)
