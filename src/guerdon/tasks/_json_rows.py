"""Rows of JSON files, read strictly: UTF-8, no NaN, no repeated keys, no torn lines."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guerdon.errors import DataError

Rows = Iterator[tuple[str, dict[str, Any] | DataError]]  # place, and the row or what is wrong with it
LINE_LIMIT = 64 * 2**20  # bytes; a longer line is a damaged file, not a row


def _bytes(file: Path) -> Iterator[bytes]:
    """The lines of a plain or gzipped file."""
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
        while line := stream.readline(LINE_LIMIT + 1):
            yield line


def jsonl_rows(file: Path) -> Rows:
    """One object per line; blank lines are passed over."""
    number, line = 0, b""
    try:
        for number, line in enumerate(_bytes(file), start=1):
            if len(line) > LINE_LIMIT:
                raise DataError("the line is too long", where=f"{file}:{number}", allowed=f"{LINE_LIMIT} bytes")
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield f"{file}:{number}", _object(text, f"{file}:{number}", torn=not line.endswith(b"\n"))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        where = f"{file}:{number + 1}"
        yield where, _damaged(where, error)
        return
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror}", where=str(file), fix="check its rights"
        ) from error
    if number == 0:
        raise DataError("the file is empty", where=str(file), fix="write one JSON object per line")


def _object(raw: bytes, where: str, *, torn: bool = False) -> dict[str, Any] | DataError:
    """One row, or what is wrong with it."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return DataError(
            f"not UTF-8 at byte {error.start + 1} of the line", where=where, seen=raw[error.start : error.start + 8],
            fix="convert the file, for instance with iconv -t UTF-8",
        )  # fmt: skip
    row = _parse(text, where)
    if isinstance(row, DataError):
        if torn:
            return DataError(
                "the last line is torn: it ends inside a JSON value", where=where, seen=text.strip()[-60:],
                fix="the writer was cut off: delete this line or write the file again",
            )  # fmt: skip
        return row
    if not isinstance(row, dict):
        fix = "a file that is one list needs format: json" if isinstance(row, list) else 'write {"prompt": …} per line'
        return DataError("a row is a JSON object", where=where, seen=_show(row), allowed="{…}", fix=fix)
    return row


class _Literal(ValueError):
    """A number that JSON does not have."""


class _Twice(ValueError):
    """A key that stands twice in an object."""


def _refuse(literal: str) -> Any:
    raise _Literal(literal)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [k for k, _ in pairs]
        raise _Twice(next(k for k in keys if keys.count(k) > 1))
    return row


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except _Literal as error:
        return DataError(
            f"{error} is not JSON", where=where, seen=text.strip(), fix="write null, or leave the field out"
        )
    except _Twice as error:
        return DataError(f"field {str(error)!r} stands twice", where=where, seen=text.strip(), fix="keep one of them")
    except RecursionError:
        return DataError("nested too deep to be read", where=where, seen=text[:40], fix="flatten the row")
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        return DataError(
            f"not JSON: {error.msg} at {at}", where=where, seen=text[max(0, error.pos - 20) : error.pos + 20].strip(),
            fix="write one JSON object per line, keys and texts in double quotes",
        )  # fmt: skip
    except ValueError as error:  # a number too long for Python
        return DataError(f"not readable: {error}", where=where, seen=text.strip(), fix="write long numbers as text")


def json_rows(file: Path) -> Rows:
    """One list of objects."""
    try:
        raw = b"".join(_bytes(file))
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            "not UTF-8", where=f"{file}:{line}", seen=raw[error.start : error.start + 8], fix="convert the file"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"the compressed file is damaged: {error}", where=str(file), fix="copy the file again"
        ) from error
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror}", where=str(file), fix="check its rights"
        ) from error
    if not text.strip():
        raise DataError("the file is empty", where=str(file), fix="write a list of JSON objects")
    rows = _parse(text, str(file))
    if isinstance(rows, DataError):
        raise rows
    if not isinstance(rows, list):
        fix = "one object per line is format: jsonl" if isinstance(rows, dict) else "write [{…}, {…}]"
        raise DataError("the file is not a list of rows", where=str(file), seen=_show(rows), allowed="[{…}]", fix=fix)
    for number, row in enumerate(rows, start=1):
        where = f"{file}[{number}]"
        bad = DataError("a row is a JSON object", where=where, seen=_show(row), allowed="{…}", fix="write {…}")
        yield where, row if isinstance(row, dict) else bad
    if not rows:
        raise DataError("the file is empty", where=str(file), seen="[]", fix="write a list of JSON objects")


def _damaged(where: str, error: Exception) -> DataError:
    return DataError(f"the compressed file is damaged: {error}", where=where, fix="copy the file again")


def _unreadable(file: Path, error: OSError) -> DataError:
    return DataError(f"the file cannot be read: {error.strerror}", where=str(file), fix="check its rights")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
