"""A query of a model on a small database: one SELECT in DuckDB, with nothing to reach outside.

DuckDB gets no files, no network, no extensions, one thread and a memory limit, and its settings are locked before the
query is read. That is one of two walls: the worker has its own limits on time and address space, because DuckDB's own
counts neither everything it allocates nor the time it needs to notice an interrupt.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guerdon.errors import MachineError
from guerdon.ops.result_rows import plain_cell

try:  # here, not in the function: the helper process imports once, before the time of any call is counted
    import duckdb
except ImportError as error:
    _MISSING: str = str(error)
else:
    _MISSING = ""

_LOCKED = {"enable_external_access": "false", "lock_configuration": "true"}
_TYPE = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*(?:\(\d+(?:, ?\d+)?\))?")


class SetupError(Exception):
    """The database of the task cannot be made; the text says why."""


def run(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of one query.

    The payload has ``query``, ``max_rows`` and ``memory_mb``, and the database: ``tables`` (name to rows, to a mapping
    with ``columns``, ``rows`` and perhaps ``types``, or to CSV text), or ``database``, a file below ``folder``. The
    value has ``rows`` and ``ordered`` (whether the query itself orders them, None where that cannot be seen), or
    ``error`` for a query that was refused or failed, or ``fault`` for a database that cannot be made.

    Raises:
        MachineError: the package duckdb is not installed.

    Example:
        >>> tables = {"t": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]}
        >>> run({"query": "SELECT b, a FROM t ORDER BY a DESC", "tables": tables, "max_rows": 10, "memory_mb": 64})
        {'rows': [[None, 2], ['x', 1]], 'ordered': True}
    """
    if _MISSING:
        raise MachineError("the package duckdb is not installed", seen=_MISSING, fix="pip install 'guerdon[data]'")
    try:
        base = _opened(payload)
    except (SetupError, duckdb.Error, OSError) as error:
        return {"fault": f"the database cannot be made: {_first_line(error)}"}
    with base:
        try:
            return _answered(base, payload["query"], payload["max_rows"])
        except (duckdb.Error, MemoryError) as error:
            return {"error": _first_line(error) or type(error).__name__}


def _answered(base: Any, query: str, max_rows: int) -> dict[str, Any]:
    statements = base.extract_statements(query)
    if len(statements) != 1:
        return {"error": f"one statement is allowed, found {len(statements)}"}
    if statements[0].type != duckdb.StatementType.SELECT:
        return {"error": f"only SELECT is allowed, found {statements[0].type.name}"}
    found = base.execute(statements[0]).fetchmany(max_rows + 1)
    if len(found) > max_rows:
        return {"error": f"more than {max_rows} rows"}
    return {"rows": [[plain_cell(c) for c in row] for row in found], "ordered": _ordered(base, query)}


def _ordered(base: Any, query: str) -> bool | None:
    """Whether the outermost level has an ORDER BY, from DuckDB's own syntax tree."""
    try:
        tree = json.loads(base.execute("SELECT json_serialize_sql(?)", [query]).fetchone()[0])
        return any(m["type"] == "ORDER_MODIFIER" for m in tree["statements"][0]["node"]["modifiers"])
    except (duckdb.Error, ValueError, KeyError, IndexError, RecursionError):
        return None


def _opened(payload: Mapping[str, Any]) -> Any:
    """The database of the task, with nothing left that a query could change or reach."""
    base = _from_file(payload) if "database" in payload else _connected(payload, ":memory:")
    for name, table in payload.get("tables", {}).items():
        _create(base, name, table)
    for name, value in _LOCKED.items():
        base.execute(f"SET {name} = {value}")
    return base


def _from_file(payload: Mapping[str, Any]) -> Any:
    path = _inside(payload["folder"], payload["database"])
    if path.suffix in (".duckdb", ".db"):
        return _connected(payload, str(path), read_only=True)
    reader = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet"}.get(path.suffix)
    if reader is None:
        raise SetupError(f"{path.name} is none of .duckdb, .db, .csv, .tsv, .parquet")
    base = _connected(payload, ":memory:")
    base.execute(f"CREATE TABLE {_quoted(path.stem)} AS FROM {reader}(?)", [str(path)])
    return base


def _connected(payload: Mapping[str, Any], where: str, read_only: bool = False) -> Any:
    return duckdb.connect(where, read_only=read_only, config={
        "threads": "1", "memory_limit": f"{payload['memory_mb']}MB", "temp_directory": "",
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        "allow_community_extensions": "false", "python_enable_replacements": "false",
    })  # fmt: skip


def _inside(folder: str, name: str) -> Path:
    root = Path(folder).resolve()
    path = (root / name).resolve()
    if not folder or not path.is_relative_to(root) or not path.is_file():
        raise SetupError(f"no file {name!r} in the allowed folder")
    return path


def _create(base: Any, name: str, table: Any) -> None:
    columns, rows, types = _table(name, table)
    by_column: list[list[Any]] = [list(c) for c in zip(*rows, strict=True)] or [[] for _ in columns]
    types = types or [_type_of(c) for c in by_column]
    if not all(_TYPE.fullmatch(t) for t in types) or len(types) != len(columns):
        raise SetupError(f"table {name!r} needs one plain type per column, found {types}")
    listed = ", ".join(f"{_quoted(c)} {t}" for c, t in zip(columns, types, strict=True))
    base.execute(f"CREATE TABLE {_quoted(name)} ({listed})")
    if rows:
        given = [[None if v is None else str(v) for v in c] for c in by_column]
        values = ", ".join(f"unnest(?::VARCHAR[])::{t}" for t in types)
        base.execute(f"INSERT INTO {_quoted(name)} SELECT {values}", given)


def _table(name: str, table: Any) -> tuple[list[str], Sequence[Sequence[Any]], list[str]]:
    """Column names, rows and given types of a table in any of its forms."""
    types: list[str] = []
    if isinstance(table, str):
        lines = [r for r in csv.reader(io.StringIO(table)) if r]
        columns = lines[0] if lines else []
        rows: Sequence[Any] = _typed([[v if v != "" else None for v in r] for r in lines[1:]], len(columns))
    elif isinstance(table, Mapping):
        columns, rows, types = list(table["columns"]), table["rows"], list(table.get("types", ()))
    else:
        columns = list(dict.fromkeys(k for r in table for k in r))
        rows = [[r.get(c) for c in columns] for r in table]
    if not columns or any(len(r) != len(columns) for r in rows):
        raise SetupError(f"table {name!r} needs columns, and rows that have them all")
    return [str(c) for c in columns], rows, types


def _typed(rows: list[list[str | None]], width: int) -> list[list[Any]]:
    """Cells of CSV text as numbers where the whole column is."""
    if any(len(r) != width for r in rows):
        raise SetupError("a line of the CSV text has another number of cells than the first")
    out: list[list[Any]] = [list(r) for r in rows]
    for j in range(width):
        for kind in (int, float):
            try:
                column = [None if r[j] is None else kind(str(r[j])) for r in rows]
            except ValueError:
                continue
            for row, value in zip(out, column, strict=True):
                row[j] = value
            break
    return out


def _type_of(column: Sequence[Any]) -> str:
    kinds = {type(v) for v in column if v is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        largest = max(abs(v) for v in column if v is not None)
        return "BIGINT" if largest < 2**63 else "HUGEINT" if largest < 2**127 else "VARCHAR"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else ""
