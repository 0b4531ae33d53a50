"""Live logs: one JSON object per line, appended so that a crash costs nothing that was acknowledged.

Covered: a kill loses no finished write; a full disk leaves whole lines only; a torn last line, damaged lines and lines
of another version are named, and every intact line is still read. Not covered: a changed character inside a text that
leaves the line valid (checkpoints carry hashes, logs do not).
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from guerdon.errors import DataError, RunError
from guerdon.records.model import SCHEMA, Rollout
from guerdon.runtime.files import disk_errors

MAX_LINE = 1 << 26
_HUGE = re.compile(rb"\d[eE]\+?\d{3}")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Problem:
    """A line, or a file, that could not be read; ``line`` counts from 1, 0 is the file itself."""

    where: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.where}, line {self.line}: {self.reason}" if self.line else f"{self.where}: {self.reason}"


class Writer:
    """Appends records to a log.

    A torn last line left by a crash is cut off when the log is opened, and ``notes`` says so. One writer per file: the
    lock of the run folder sees to that.

    Args:
        path: the file; made when missing.

    Raises:
        MachineError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> log = Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> with Writer(log) as writer:
        ...     writer.write([{"v": 1, "step": 0}, {"v": 1, "step": 1}])
        ...     writer.offset()
        34
        >>> [r["step"] for r in Reader(log)]
        [0, 1]
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.notes: list[str] = []
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors(self.path, needed=0, intact="everything written before"):
            self._fd = os.open(self.path, flags, 0o666)
        self._size = os.fstat(self._fd).st_size
        self._mend()

    def write(self, records: Iterable[Mapping[str, Any] | Rollout]) -> None:
        """Append records with a single write; on return the operating system has them all.

        Raises:
            DataError: a record without ``v``, or with a value that JSON cannot hold; nothing is written then.
            MachineError: the disk is full; the log ends where it ended before the call.
        """
        lines = [r.data() if isinstance(r, Rollout) else r for r in records]
        if not lines:
            return
        self._append(_join(lines, self.path))

    def offset(self) -> int:
        """Length of the log in bytes, after waiting until all of it is on the disk: what a checkpoint may rely on."""
        with disk_errors(self.path, needed=0, intact="the log as of the last checkpoint"):
            os.fsync(self._fd)
        return self._size

    def truncate_to(self, offset: int) -> None:
        """Cut the log back to an earlier :meth:`offset`, so that a resumed run writes the same log again.

        Raises:
            RunError: the log is shorter than that, or no line ends there: it is not the log of that checkpoint.
        """
        ends_line = offset == 0 or (0 < offset <= self._size and os.pread(self._fd, 1, offset - 1) == b"\n")
        if not ends_line:
            raise RunError(
                "the log does not belong to the checkpoint", where=str(self.path),
                seen=f"{self._size} bytes", allowed=f"a line that ends at byte {offset}",
                fix="resume from a copy of the run folder, or train again into a new one",
            )  # fmt: skip
        os.ftruncate(self._fd, offset)
        os.fsync(self._fd)
        self._size = offset

    def close(self) -> None:
        """Close the file; further writes fail."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _append(self, data: bytes) -> None:
        done = 0
        with disk_errors(self.path, needed=len(data), intact="all lines written before, and every checkpoint"):
            try:
                # a full disk first writes a part and only then fails, so the count decides, not the absence of an error
                while done < len(data):
                    done += os.write(self._fd, data[done:] if done else data)
            except BaseException:
                os.ftruncate(self._fd, self._size)
                raise
        self._size += done

    def _mend(self) -> None:
        keep = _last_newline(self._fd, self._size)
        if keep == self._size:
            return
        tail = os.pread(self._fd, min(self._size - keep, MAX_LINE), keep)
        if _fault(tail)[0] is not None:
            self._append(b"\n")
            return
        self.notes.append(f"{self.path.name}: cut off {self._size - keep} bytes of a torn last line")
        os.ftruncate(self._fd, keep)
        self._size = keep


class Reader:
    """Streams the records of a log; ``problems`` fills while it is read.

    Every intact line is yielded as a mapping. A last line without an end is a torn write: it is yielded when whole,
    else reported. A line that is not a JSON object of the right version is reported with its number; when only the
    line break between two records was damaged, both are still read.

    Args:
        path: the log.
        version: the value of ``v`` that is read.
        max_line: longer lines are reported and skipped without being held in memory.

    Raises:
        DataError: the file does not exist.

    Example:
        >>> import tempfile
        >>> log = Path(tempfile.mkdtemp()) / "events.jsonl"
        >>> _ = log.write_text('{"v":1,"step":0}' + chr(10) + '{"v":9}' + chr(10) + '{"v":1,"st')
        >>> reader = Reader(log)
        >>> [r["step"] for r in reader], [str(p) for p in reader.problems]
        ([0], ['events.jsonl, line 2: version 9 instead of 1', 'events.jsonl, line 3: torn by an interrupted write'])
    """

    def __init__(self, path: str | Path, *, version: int = SCHEMA, max_line: int = MAX_LINE):
        self.path, self.version, self.max_line = Path(path), version, max_line
        self.problems: list[Problem] = []
        if not self.path.is_file():
            raise DataError("no such file", where=str(self.path))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for _, record in self.numbered():
            yield record

    def numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and record of every intact line; starts from the beginning each time."""
        self.problems.clear()
        number = 0
        with self.path.open("rb") as file:
            while line := file.readline(self.max_line + 1):
                number += 1
                ended = line.endswith(b"\n")
                if not ended and len(line) > self.max_line:
                    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
                        pass
                    self._report(number, f"longer than {self.max_line} bytes")
                    continue
                record, reason = _fault(line)
                records = _split(line) if record is None else [record]
                if record is None:
                    reason = "the line break at the end of a record is damaged" if records else reason
                    self._report(number, reason if records or ended else "torn by an interrupted write")
                for found in records:
                    if found.get("v") == self.version and type(found["v"]) is int:
                        yield number, found
                    else:
                        self._report(number, f"version {found.get('v')!r} instead of {self.version}")

    def _report(self, line: int, reason: str) -> None:
        self.problems.append(Problem(self.path.name, line, reason))


def _join(lines: list[Any], path: Path) -> bytes:
    for i, line in enumerate(lines):
        if line.get("v") != SCHEMA:
            raise DataError("a record needs its version", where=f"{path}, record {i}", seen=line.get("v"),
                            allowed=SCHEMA, fix=f'write "v": {SCHEMA}')  # fmt: skip
    try:
        return ("\n".join([_encode(line) for line in lines]) + "\n").encode()
    except UnicodeEncodeError:
        # half of a surrogate pair has no UTF-8; the escaped form reads back as the same text
        return ("\n".join([_encode_ascii(line) for line in lines]) + "\n").encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"a record cannot be written as JSON: {error}", where=f"{path}, {_culprit(lines)}",
            fix="numbers that are not finite become None, tensors become numbers",
        ) from error  # fmt: skip


def _culprit(lines: list[Any]) -> str:
    for i, line in enumerate(lines):
        for key, value in line.items():
            try:
                _encode(value)
            except (ValueError, TypeError, RecursionError):
                return f"record {line.get('id', i)}, field {key!r}"
    return "unknown record"


def _fault(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The object of a line, or None and why there is none."""
    try:
        # 1e999 is valid JSON and would become infinity: numbers are looked at one by one where one like it occurs
        number = _finite if _HUGE.search(line) else None
        record = json.loads(line, parse_constant=_refuse, parse_float=number)
    except UnicodeDecodeError:
        return None, "not UTF-8 text"
    except RecursionError:
        return None, "nested too deeply"
    except ValueError as error:
        return None, "empty" if not line.strip() else f"not JSON: {error}"
    if not isinstance(record, dict):
        return None, f"a {type(record).__name__} instead of an object"
    return record, ""


def _split(line: bytes) -> list[dict[str, Any]]:
    """The records of a line in which one byte, that was a line break, is damaged; none for any other damage."""
    text = line.decode("utf-8", "surrogateescape")
    try:
        first, end = _DECODER.raw_decode(text)
        text[:end].encode()
    except (ValueError, RecursionError):
        return []
    rest = text[end + 1 :].encode("utf-8", "surrogateescape")
    second = _fault(rest)[0] if rest else {}
    return [r for r in (first, second) if r] if isinstance(first, dict) and second is not None else []


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _last_newline(fd: int, size: int) -> int:
    """Number of bytes up to and including the last line break."""
    end = size
    while end > 0:
        start = max(0, end - (1 << 16))
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
