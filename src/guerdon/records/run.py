"""The folder of a run: the names of its files, and how to read each of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from guerdon.errors import DataError, GuerdonError, RunError, nearest
from guerdon.records.jsonl import Problem, Reader
from guerdon.records.model import SCHEMA, Rollout
from guerdon.runtime.files import TEMP, inside

RECIPE = "recipe.yaml"
SOURCES = "sources.json"
INFO = "run.json"
ROLLOUTS = "rollouts.jsonl"
METRICS = "metrics.jsonl"
EVENTS = "events.jsonl"
CHECKPOINTS = "checkpoints"
SUMMARY = "summary.json"
REPORT = "report.html"
_MARKS = (RECIPE, INFO, METRICS)

Kind = Literal["train", "eval", "warm_start"]
Level = Literal["info", "warning", "error"]


class RunFolder:
    """A run on disk, open for reading.

    A file that is not written yet reads as empty, so a run can be looked at while it trains; a file that is there and
    cannot be read is an error. Damaged lines of a log are left out, and :meth:`problems` names them.

    Args:
        path: the folder.

    Raises:
        RunError: the folder does not exist or is no run; the nearest run is named.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "recipe.yaml").write_text("train: {steps: 3}")
        >>> run = RunFolder(folder)
        >>> run.recipe(), run.metrics(), run.summary()
        ({'train': {'steps': 3}}, [], {})
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not is_run(self.path):
            raise _no_run(self.path)

    def file(self, name: str) -> Path:
        """Path of a file of the run.

        Raises:
            DataError: the name leaves the folder or passes through a link.
        """
        return inside(self.path, name)

    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, from ``recipe.yaml``."""
        import yaml

        text = self._text(RECIPE)
        try:
            data = yaml.safe_load(text) if text else {}
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise self._broken(RECIPE, f"not plain YAML: {reason}") from None
        return self._mapping(RECIPE, data)

    def sources(self) -> dict[str, Any]:
        """Where each value of the recipe came from, from ``sources.json``: dotted key to words."""
        return self._json(SOURCES)

    def info(self) -> dict[str, Any]:
        """Versions, machine, seed, command and creation time, from ``run.json``."""
        return self._json(INFO)

    def summary(self) -> dict[str, Any]:
        """Final numbers, from ``summary.json``; empty while the run goes on."""
        return self._json(SUMMARY)

    def metrics(self, kind: Kind | None = None) -> list[dict[str, Any]]:
        """Lines of ``metrics.jsonl`` in the order written, of one kind or of all.

        Each has ``kind``, ``step``, ``metrics`` (number or None per key) and ``time`` (what depends on the clock).
        """
        return [r for _, r in self._lines(METRICS, _metric_fault, []) if kind is None or r["kind"] == kind]

    def evaluations(self) -> list[dict[str, Any]]:
        """Lines of ``metrics.jsonl`` of kind ``eval``."""
        return self.metrics("eval")

    def events(self) -> list[dict[str, Any]]:
        """Lines of ``events.jsonl``: ``step``, ``level``, ``name``, ``message`` and what else the event carries."""
        return [r for _, r in self._lines(EVENTS, _event_fault, [])]

    def rollouts(self, kind: str | None = None) -> Iterator[Rollout]:
        """Stream the rollouts in the order written, of one kind (``train``, ``eval``) or of all."""
        for _, record in self._lines(ROLLOUTS, _no_fault, []):
            if kind is None or record.get("kind", "train") == kind:
                rollout, _ = _parse(record)
                if rollout is not None:
                    yield rollout

    def problems(self) -> list[Problem]:
        """Everything in the folder that could not be read, by file and line; empty when all is well.

        Reads every log once and checks the hashes of every checkpoint.
        """
        from guerdon.runtime.manifest import problems

        found: list[Problem] = []
        for read in (self.recipe, self.sources, self.info, self.summary):
            try:
                read()
            except GuerdonError as error:
                found.append(Problem(Path(error.where).name, 0, error.what))
        if not (self.path / RECIPE).exists():
            found.append(Problem(RECIPE, 0, "is missing"))
        for name, check in ((METRICS, _metric_fault), (EVENTS, _event_fault), (ROLLOUTS, _rollout_fault)):
            try:
                for _ in self._lines(name, check, found):
                    pass
            except DataError as error:
                found.append(Problem(name, 0, error.what))
        found += [Problem(CHECKPOINTS, 0, text) for text in problems(self.path / CHECKPOINTS)]
        leftovers = sorted(p.name for p in self.path.iterdir() if p.name.startswith(TEMP))
        return found + [Problem(name, 0, "a write that was interrupted") for name in leftovers]

    def _lines(self, name: str, check: Any, found: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
        path = self.file(name)
        if not path.exists():
            return
        reader = Reader(path)
        bad = []
        for number, record in reader.numbered():
            if fault := check(record):
                bad.append(Problem(name, number, fault))
            else:
                yield number, record
        found += sorted([*reader.problems, *bad], key=lambda p: p.line)

    def _text(self, name: str) -> str:
        path = self.file(name)
        if not path.exists():
            return ""
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(name, f"cannot be read: {error}") from None

    def _json(self, name: str) -> dict[str, Any]:
        text = self._text(name)
        try:
            data = json.loads(text, parse_constant=_refuse) if text else {}
        except (ValueError, RecursionError) as error:
            raise self._broken(name, f"not JSON: {error}") from None
        return self._mapping(name, data)

    def _mapping(self, name: str, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self._broken(name, f"holds a {type(data).__name__} instead of a mapping")
        return data

    def _broken(self, name: str, what: str) -> RunError:
        return RunError(what, where=str(self.path / name), fix="restore the file from a copy of the run")


def create(path: str | Path) -> Path:
    """Make the folder of a new run.

    Returns:
        The folder, which exists and holds no run.

    Raises:
        RunError: there is a run, or a file, already.
    """
    path = Path(path)
    if is_run(path):
        raise RunError("there is a run in this folder already", where=str(path),
                       fix=f"guerdon resume {path}, or choose another folder with --out")  # fmt: skip
    if path.exists() and not path.is_dir():
        raise RunError("there is a file of this name", where=str(path), fix="choose another folder with --out")
    path.mkdir(parents=True, exist_ok=True)
    return path


def is_run(path: str | Path) -> bool:
    """Whether a folder holds a run, by the files that a run writes first."""
    return any((Path(path) / name).is_file() for name in _MARKS)


def metric_record(
    kind: Kind, step: int, metrics: Mapping[str, float | None], time: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """One line of ``metrics.jsonl``; numbers that are not finite become None.

    Args:
        kind: the part of the run.
        step: optimiser steps done.
        metrics: what two equal runs agree on, bit for bit.
        time: what depends on the clock.

    Example:
        >>> metric_record("train", 3, {"reward/total/mean": 0.5, "kl": float("nan")})
        {'v': 1, 'kind': 'train', 'step': 3, 'metrics': {'reward/total/mean': 0.5, 'kl': None}, 'time': {}}
    """
    return {"v": SCHEMA, "kind": kind, "step": step, "metrics": _numbers(metrics), "time": _numbers(time or {})}


def event_record(
    step: int, level: Level, name: str, message: str, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One line of ``events.jsonl``; ``data`` adds fields of its own.

    Example:
        >>> event_record(3, "warning", "unscored", "3 of 64 rollouts", {"share": 0.047})["share"]
        0.047
    """
    return {**(data or {}), "v": SCHEMA, "step": step, "level": level, "name": name, "message": message}


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | int | None]:
    out: dict[str, float | int | None] = {}
    for key, value in values.items():
        if value is None or type(value) in (int, bool):
            out[key] = value
        else:
            number = float(value)
            out[key] = number if math.isfinite(number) else None
    return out


def _metric_fault(record: Mapping[str, Any]) -> str:
    if record.get("kind") not in ("train", "eval", "warm_start"):
        return f"kind {record.get('kind')!r} is none of train, eval, warm_start"
    parts = (record.get("metrics"), record.get("time", {}))
    if not all(isinstance(p, dict) and all(_is_number(v) for v in p.values()) for p in parts):
        return "metrics and time must map names to numbers or null"
    return _step_fault(record)


def _event_fault(record: Mapping[str, Any]) -> str:
    if record.get("level") not in ("info", "warning", "error"):
        return f"level {record.get('level')!r} is none of info, warning, error"
    if not isinstance(record.get("name"), str) or not isinstance(record.get("message"), str):
        return "name and message must be text"
    return _step_fault(record)


def _rollout_fault(record: Mapping[str, Any]) -> str:
    return _parse(record)[1]


def _no_fault(record: Mapping[str, Any]) -> str:
    return ""


def _parse(record: Mapping[str, Any]) -> tuple[Rollout | None, str]:
    """The rollout of a line, or None and why it is none."""
    try:
        rollout = Rollout.from_data(record)
    except DataError as error:
        return None, f"{error.what}: {error.seen}"
    except (TypeError, ValueError, AttributeError) as error:
        return None, f"not a rollout record: {error}"
    fault = _step_fault(record)
    return (None, fault) if fault else (rollout, "")


def _step_fault(record: Mapping[str, Any]) -> str:
    return "" if type(record.get("step")) is int else f"step {record.get('step')!r} is no whole number"


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _no_run(path: Path) -> RunError:
    what = "is no folder" if path.exists() and not path.is_dir() else "no such run folder"
    if path.is_dir():
        what = "this folder holds no run"
    inner = _runs_in(path)
    parent = path.absolute().parent
    if inner:
        fix = f"did you mean {path / inner[0]}?"
    elif close := nearest(path.name, _runs_in(parent)):
        fix = f"did you mean {' or '.join(str(path.parent / name) for name in close)}?"
    else:
        fix = "give the folder that guerdon train wrote"
    return RunError(what, where=str(path), allowed=f"a folder with {', '.join(_MARKS)}", fix=fix)


def _runs_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and is_run(p))[:1000] if folder.is_dir() else []
