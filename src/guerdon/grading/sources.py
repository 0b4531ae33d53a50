"""Where rows come from: a data file, or the rollouts a run has stored."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from guerdon.errors import DataError
from guerdon.grading.batch import Item
from guerdon.records import Task
from guerdon.records.jsonl import Reader
from guerdon.records.model import Rollout
from guerdon.records.run import ROLLOUTS, RunFolder
from guerdon.tasks._rows import existing, read_rows

PEEK = 100  # rows looked at to learn the columns
_CHUNK = 1 << 20
_PARTLY = ("tokens", "detail", "steps", "truncated", "v")  # kept for some rollouts only, or of another shape


class Source(Protocol):
    """Rows in a fixed order, and the file they stand in."""

    path: Path

    def items(self) -> Iterator[Item]:
        """Every row from the first one, numbered from 1; starts anew at each call."""
        ...


@dataclass(frozen=True)
class Digest:
    """What a file holds: size, hash, and its number of lines where those are rows."""

    size: int
    sha256: str
    rows: int | None


class FileSource:
    """Rows of a JSONL, JSON or parquet file, plain or gzipped."""

    def __init__(self, path: str | Path):
        self.path = existing(str(path))

    def items(self) -> Iterator[Item]:
        """Every row; what is wrong with a row stands in its place."""
        for number, (place, row) in enumerate(read_rows(str(self.path), None, None, None), start=1):
            yield Item(number, place, row)


class RunSource:
    """The stored rollouts of a run as rows, in the order written; damaged lines come last, as errors.

    Columns are the fields of a rollout, ``group_id`` (unique over the run) and, with ``tasks``, the task itself.

    Args:
        run: the run.
        kind: ``train``, ``eval`` or None for all.
        tasks: finds a task by its id; None where no reward reads it.
    """

    def __init__(self, run: RunFolder, kind: str | None = None, tasks: Callable[[str], Task | None] | None = None):
        self.path, self.kind, self.tasks = run.file(ROLLOUTS), kind, tasks

    def items(self) -> Iterator[Item]:
        """Every stored rollout."""
        log = Reader(self.path)
        number = 0
        for line, record in log.numbered():
            if self.kind is not None and record.get("kind", "train") != self.kind:
                continue
            number += 1
            yield Item(number, f"{self.path}:{line}", self._row(record))
        for problem in log.problems:
            number += 1
            where = f"{self.path}:{problem.line}"
            yield Item(number, where, DataError(problem.reason, where=where))

    def _row(self, record: Mapping[str, Any]) -> Mapping[str, Any] | DataError:
        try:
            rollout = Rollout.from_data(record)
        except DataError as error:
            return error
        except (TypeError, ValueError, AttributeError) as error:
            return DataError(f"not a rollout record: {error}")
        row: dict[str, Any] = {k: v for k, v in vars(rollout).items() if k not in _PARTLY}
        row["group_id"] = f"{rollout.kind}:{rollout.step}:{rollout.group}"
        if self.tasks is not None:
            task = self.tasks(rollout.task_id)
            if task is None:
                return DataError("the task of this rollout is not among those of the recipe", seen=rollout.task_id)
            row["task"] = task
        return row


def peek(source: Source) -> dict[str, None]:
    """The columns of the first rows, in the order they appear.

    Raises:
        DataError: no row among the first can be read; the first problem is named.
    """
    columns: dict[str, None] = {}
    problem: DataError | None = None
    rows = 0
    for item in itertools.islice(source.items(), PEEK):
        if isinstance(item.row, DataError):
            problem = problem or item.row
        else:
            rows += 1
            columns.update(dict.fromkeys(map(str, item.row)))
    if not rows:
        raise problem or DataError("the file is empty", where=str(source.path), seen="no row")
    return columns


def digest(path: Path) -> Digest:
    """Size, SHA-256 and, for plain JSONL, the number of lines of a file; read once, in pieces."""
    found, size, lines, last = hashlib.sha256(), 0, 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    plain = path.suffix.lower() in (".jsonl", ".ndjson")
    return Digest(size, found.hexdigest(), lines + (last != b"\n") if plain else _parquet_rows(path))


def _parquet_rows(path: Path) -> int | None:
    if path.suffix.lower() not in (".parquet", ".pq"):
        return None
    import pyarrow.parquet  # a parquet file was read before this, so it is there

    with pyarrow.parquet.ParquetFile(path) as table:
        return table.metadata.num_rows
