"""New rewards on the stored rollouts of a run, set against the reward the run was trained with."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guerdon.errors import DataError, RecipeError
from guerdon.grading.batch import Graded, Item
from guerdon.grading.grader import Bound, Grader
from guerdon.grading.sources import RunSource, peek
from guerdon.ops.stats import Interval, wilson
from guerdon.records import Task
from guerdon.records.run import RunFolder
from guerdon.runtime.files import inside

_KEEP = 10
_Z = 1.959963984540054


def source(
    run: RunFolder, grader: Grader, *, kind: str | None, tasks: Callable[[], Mapping[str, Task]]
) -> tuple[RunSource, Bound]:
    """The rollouts of a run and the grader bound to them.

    The parsed answers stand in the run, so a reward reads them as stored unless it says how to parse (``extract``).
    ``tasks`` is called only when a reward reads the task itself, which rollouts do not hold.

    Raises:
        DataError: no rollout can be read.
        RecipeError: a signal has no source.
    """
    known: Mapping[str, Task] = {}
    needs_task = any(i.name == "task" and not i.optional for p in grader.parts for i in p.component.card.inputs)
    if needs_task:
        known = tasks()
    found = RunSource(run, kind, known.get if needs_task else None)
    columns = peek(found)
    stored = any(isinstance(i.row, Mapping) and i.row.get("answer") is not None for i in _first(found))
    own = {"group_id": "group_id"}
    if stored and not any(k in a.given for a in grader.asks for k in ("extract", "tag", "answer", "completion")):
        own["answer"] = "answer"
    grader = grader.over({**own, **grader.columns})
    return found, grader.bind(columns, str(found.path))


def _first(found: RunSource) -> list[Item]:
    return [item for _, item in zip(range(20), found.items(), strict=False)]


def output_path(run: Path, name: str) -> Path:
    """``rescore-NAME.jsonl`` in the folder of the run.

    Raises:
        RecipeError: the name cannot be part of a file name.
    """
    if not re.fullmatch(r"[\w.+-]{1,150}", name):
        raise RecipeError("not a name for a file", where="--name", seen=name, allowed="letters, digits and . _ + -")
    return inside(run, f"rescore-{name}.jsonl")


@dataclass
class Pairs:
    """Paired values without keeping them: means, spread of the difference, correlation, the largest differences."""

    n: int = 0
    old: float = 0.0
    new: float = 0.0
    squares: float = 0.0
    difference: float = 0.0
    old_squares: float = 0.0
    new_squares: float = 0.0
    products: float = 0.0
    equal: int = 0
    largest: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def add(self, old: float, new: float, name: str, shown: Mapping[str, Any]) -> None:
        """Take one pair of finite values."""
        self.n += 1
        d = new - old
        before, before_old, before_new = d - self.difference, old - self.old, new - self.new
        self.difference += before / self.n
        self.old += before_old / self.n
        self.new += before_new / self.n
        self.squares += before * (d - self.difference)
        self.old_squares += before_old * (old - self.old)
        self.new_squares += before_new * (new - self.new)
        self.products += before_old * (new - self.new)
        self.equal += abs(d) < 1e-6
        entry = (abs(d), name, {**shown, "stored": old, "rescored": new})
        if abs(d) >= 1e-6:
            heapq.heappush(self.largest, entry) if len(self.largest) < _KEEP else heapq.heappushpop(self.largest, entry)

    def interval(self) -> Interval:
        """Mean of new minus old with its 95% interval; rows as independent."""
        if self.n < 2:
            return Interval(self.difference if self.n else math.nan, math.nan, math.nan)
        half = _Z * math.sqrt(self.squares / (self.n - 1) / self.n)
        return Interval(self.difference, self.difference - half, self.difference + half)

    def data(self) -> dict[str, Any]:
        """Plain data."""
        spread = math.sqrt(self.old_squares * self.new_squares)
        found = self.interval()
        return {
            "n": self.n, "stored_mean": self.old if self.n else math.nan,
            "rescored_mean": self.new if self.n else math.nan, "difference": found.estimate, "low": found.low,
            "high": found.high, "equal": self.equal, "correlation": self.products / spread if spread else math.nan,
            "largest": [e for *_, e in sorted(self.largest, key=lambda x: x[:2], reverse=True)],
        }  # fmt: skip


class Comparison:
    """Stored reward against new score: of the total, of every reward stored under the same name, and of acceptance."""

    def __init__(self) -> None:
        self.pairs: dict[str, Pairs] = {"reward": Pairs()}
        self.accepted: dict[tuple[bool, bool], int] = {}
        self.only: dict[str, int] = {"stored": 0, "rescored": 0}

    def add(self, item: Item, found: Graded) -> None:
        """Take one rollout and its new score."""
        if isinstance(item.row, DataError) or found.error is not None:
            return
        old = float(item.row.get("reward", math.nan))
        shown = {"id": found.id, "reason": found.reason, "completion": str(item.row.get("completion", ""))[-200:]}
        name = f"{item.number}"
        if math.isfinite(old) and math.isfinite(found.score):
            self.pairs["reward"].add(old, found.score, name, shown)
        elif math.isfinite(old) != math.isfinite(found.score):
            self.only["stored" if math.isfinite(old) else "rescored"] += 1
        stored: Mapping[str, float] = item.row.get("aspects") or {}
        for label, value in found.aspects.items():
            if label in stored and math.isfinite(value) and math.isfinite(stored[label]):
                self.pairs.setdefault(label, Pairs()).add(stored[label], value, name, shown)
        correct = item.row.get("is_correct")
        if isinstance(correct, bool) and math.isfinite(found.score):
            key = (correct, next(iter(found.aspects.values()), found.score) >= 1.0)
            self.accepted[key] = self.accepted.get(key, 0) + 1

    def agreement(self) -> dict[str, Any] | None:
        """How often the run's verdict (correct or not) and the first new reward (1 or not) say the same."""
        n = sum(self.accepted.values())
        if not n:
            return None
        same = self.accepted.get((True, True), 0) + self.accepted.get((False, False), 0)
        found = wilson(same, n)
        return {
            "n": n, "rate": found.estimate, "low": found.low, "high": found.high,
            "both": self.accepted.get((True, True), 0), "neither": self.accepted.get((False, False), 0),
            "only_stored": self.accepted.get((True, False), 0), "only_rescored": self.accepted.get((False, True), 0),
        }  # fmt: skip

    def data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "agreement": self.agreement(), "scored_only_by": dict(self.only),
            "rewards": {k: p.data() for k, p in self.pairs.items()},
        }  # fmt: skip
