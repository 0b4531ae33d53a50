"""A run folder as the report needs it; nothing here keeps the rollouts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.records.jsonl import Reader
from guerdon.records.model import Rollout
from guerdon.records.run import EVENTS, METRICS, ROLLOUTS, RunFolder
from guerdon.report.pick import Rollouts, read
from guerdon.report.text import plain


@dataclass
class Series:
    """One metric over steps; what is missing or not finite is left out."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.steps)

    def ends(self, share: float = 0.1) -> tuple[list[float], list[float]]:
        """Values of the first and of the last tenth of the steps; of a short series three each, or half.

        Example:
            >>> Series([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0]).ends()
            ([1.0, 2.0], [3.0, 4.0])
        """
        take = max(1, min(3, len(self.values) // 2), round(len(self.values) * share))
        return self.values[:take], self.values[-take:]


@dataclass
class Run:
    """One run, read."""

    name: str
    path: str
    train: dict[str, Series]
    evaluations: dict[str, Series]
    time: dict[str, Series]
    steps: int
    rollouts: Rollouts
    summary: dict[str, Any]
    recipe: dict[str, Any]
    sources: dict[str, str]
    info: dict[str, Any]
    events: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)

    @property
    def components(self) -> list[str]:
        """Names of the reward components, in the order of the metrics."""
        seen = dict.fromkeys(k.split("/")[1] for k in self.train if k.startswith("reward/") and k.count("/") == 2)
        seen.update(dict.fromkeys(self.rollouts.components))
        seen.pop("total", None)
        return list(seen)


def load(path: Path) -> Run:
    """Read a run folder; a missing or broken part is named in ``problems``, never fatal.

    Raises:
        RunError: the folder does not exist or is no run.
    """
    folder = RunFolder(path)
    problems: list[str] = []
    rows = _read(folder.metrics, [], problems)
    train, steps = table(rows, "metrics", "train")
    evals, _ = table(rows, "metrics", "eval")
    time, _ = table(rows, "time", "train")
    found = Run(
        name=plain(path.resolve().name, 60), path=str(path), train=train, evaluations=evals, time=time,
        steps=len(steps), rollouts=read(_rollouts(folder, problems), max(steps, default=0)),
        summary=_read(folder.summary, {}, problems), recipe=_read(folder.recipe, {}, problems),
        sources={k: plain(v, 160) for k, v in _read(folder.sources, {}, problems).items()},
        info=_read(folder.info, {}, problems), events=_read(folder.events, [], problems), problems=problems,
    )  # fmt: skip
    for name in (METRICS, EVENTS):
        problems += _damaged(folder.file(name))
    return found


def _read(part: Callable[[], Any], empty: Any, problems: list[str]) -> Any:
    """The part, or an empty one with a note: one broken file must not cost the reader the rest of the report."""
    try:
        return part()
    except (GuerdonError, OSError) as error:
        problems.append(plain(str(error).splitlines()[0], 200))
        return empty


def _damaged(path: Path) -> list[str]:
    """Lines of a log that could not be read, folded to one note."""
    if not path.is_file():
        return []
    reader = Reader(path)
    for _ in reader.numbered():
        pass
    return _folded(path.name, [str(p) for p in reader.problems])


def _folded(name: str, faults: list[str]) -> list[str]:
    if len(faults) <= 3:
        return [plain(f, 200) for f in faults]
    return [f"{name}: {len(faults)} lines could not be read, the first: {plain(faults[0], 160)}"]


def _rollouts(folder: RunFolder, problems: list[str]) -> Iterator[Rollout]:
    """Every intact rollout, in one pass that also names the damaged lines."""
    path = folder.file(ROLLOUTS)
    if not path.is_file():
        return
    reader, faults = Reader(path), []
    for number, record in reader.numbered():
        try:
            yield Rollout.from_data(record)
        except (GuerdonError, TypeError, ValueError, AttributeError) as error:
            faults.append(f"{path.name}, line {number}: {str(error).splitlines()[0]}")
    problems += _folded(path.name, [*(str(p) for p in reader.problems), *faults])


def table(rows: Sequence[Mapping[str, Any]], part: str, kind: str) -> tuple[dict[str, Series], list[int]]:
    """Rows to one series per key, in step order; a step written twice (after a resume) counts once, the later one."""
    by_step = {row["step"]: row.get(part) or {} for row in rows if row["kind"] == kind}
    found: dict[str, Series] = {}
    for step in sorted(by_step):
        for key, value in by_step[step].items():
            if value is not None and math.isfinite(value):
                series = found.setdefault(key, Series())
                series.steps.append(step)
                series.values.append(float(value))
    return found, sorted(by_step)
