"""The file of scores: one line per row, a request beside it, and the way back into both after an interruption."""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from guerdon.errors import DataError, RunError
from guerdon.grading.batch import Graded
from guerdon.records import Status
from guerdon.records.jsonl import Reader, Writer
from guerdon.records.model import SCHEMA
from guerdon.runtime.files import atomic_write


def line(found: Graded) -> dict[str, Any]:
    """One row of the output as plain data; what is not scored is null, never 0."""
    out: dict[str, Any] = {
        "v": SCHEMA, "id": found.id, "score": _number(found.score), "status": found.status.name.lower(),
        "reason": found.reason,
    }  # fmt: skip
    if found.aspects:
        out["aspects"] = {
            n: {"score": _number(v), "status": found.states[n].name.lower(), "reason": found.reasons.get(n, "")}
            for n, v in found.aspects.items()
        }
    if found.error is not None:
        out["error"] = {"what": found.error.what, "where": found.error.where}
    return out


def graded(data: Mapping[str, Any]) -> Graded:
    """Read what :func:`line` wrote.

    Raises:
        DataError: it is something else.
    """
    try:
        aspects = data.get("aspects", {})
        error = data.get("error")
        return Graded(
            data["id"], "", _value(data["score"]), Status[data["status"].upper()], data["reason"],
            {n: _value(a["score"]) for n, a in aspects.items()},
            {n: Status[a["status"].upper()] for n, a in aspects.items()},
            {n: a["reason"] for n, a in aspects.items() if a["reason"]},
            None if error is None else DataError(error["what"], where=error["where"]),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise DataError("not a line of scores", seen=f"{type(problem).__name__}: {problem}") from None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _value(value: Any) -> float:
    return math.nan if value is None else float(value)


class Output:
    """The output file, open for appending, held by this process alone.

    Args:
        path: the file; its request stands beside it in ``NAME.request.json``.
        request: what determines every line; a resumed file must have been written for an equal one.
        resume: continue a file that exists.

    Raises:
        RunError: there is a file and ``resume`` is off, the request differs, or another process writes the file.
    """

    def __init__(self, path: Path, request: Mapping[str, Any], *, resume: bool):
        self.path, self.beside = path, path.with_name(path.name + ".request.json")
        if path.exists() and path.stat().st_size and not resume:
            raise RunError("there is a file of scores already", where=str(path),
                           fix="--resume continues it; or choose another --out, or delete it")  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = json.loads(json.dumps(request, default=str))
        if path.exists() and path.stat().st_size:
            self._same(plain)
        self._lock = _held(path)
        try:
            atomic_write(self.beside, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
            self.writer = Writer(path)
        except BaseException:
            self._lock.close()
            raise
        self.notes = list(self.writer.notes)

    def _same(self, request: Mapping[str, Any]) -> None:
        try:
            before = json.loads(self.beside.read_text("utf-8"))
        except (OSError, ValueError):
            raise RunError(
                "it is not known what this file was written for", where=str(self.beside),
                fix="choose another --out, or delete the file of scores",
            ) from None  # fmt: skip
        changed = sorted(k for k in {*before, *request} if before.get(k) != request.get(k))
        if changed:
            raise RunError(
                f"the file was written for another request: {', '.join(changed)} changed", where=str(self.path),
                seen={k: request.get(k) for k in changed}, allowed={k: before.get(k) for k in changed},
                fix="ask for the same as before, or choose another --out",
            )  # fmt: skip

    def lines(self) -> Iterator[tuple[Graded, int]]:
        """The scores written before, each with the offset at which its line ends.

        Raises:
            RunError: a line is damaged.
        """
        log, end = Reader(self.path), 0
        with self.path.open("rb") as raw:
            for _, record in log.numbered():
                if log.problems:
                    break
                end += len(raw.readline())
                yield graded(record), end
        if log.problems:
            raise RunError(f"the file of scores is damaged: {log.problems[0]}", where=str(self.path),
                           fix="score again into another file")  # fmt: skip

    def keep(self, offset: int) -> None:
        """Cut the file back to the end of a line."""
        self.writer.truncate_to(offset)

    def write(self, batch: list[Graded]) -> None:
        """Append a batch with one write."""
        self.writer.write([line(g) for g in batch])

    def close(self) -> None:
        """Wait until everything is on the disk, close the file and let go of it."""
        self.writer.offset()
        self.writer.close()
        self._lock.close()


def _held(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunError(
            "another process writes this file", where=str(path), fix="wait for it, or choose another --out"
        ) from None
    return file
