"""The records every part of guerdon exchanges; plain frozen dataclasses, JSON on disk.

A trajectory carries turns, steps and tool messages from the first day. A single-turn rollout does not repeat its
completion on disk: a missing ``turns`` means one assistant turn with the whole completion.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guerdon.errors import DataError

SCHEMA = 1


class Status(enum.IntEnum):
    """Why an item has the score it has.

    ``SCORED`` value in range. ``FAILED`` the completion is at fault: the declared floor. ``UNSCORED`` our side is at
    fault: NaN, masked, counted, never 0. ``SKIPPED`` a ``when`` predicate does not apply. ``EXCLUDED`` filtered out,
    or used as reference.
    """

    SCORED = 0
    FAILED = 1
    UNSCORED = 2
    SKIPPED = 3
    EXCLUDED = 4

    @property
    def counts(self) -> bool:
        """Whether the item enters baselines and means."""
        return self in (Status.SCORED, Status.FAILED)


@dataclass(frozen=True)
class ChecklistItem:
    """One thing a completion must fulfil."""

    text: str
    weight: float = 1.0
    turn: int | None = None
    needs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Task:
    """One prompt and everything known about it before sampling.

    ``gold`` is the reference answer, ``demonstration`` a full solution to learn from, ``domain`` a family or level
    name, ``fields`` whatever the task's verifiers need (tests, options, checklist, ...).
    """

    id: str
    prompt: str
    gold: Any = None
    demonstration: str | None = None
    domain: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolCall:
    """One parsed call of a tool, with its output once there is one."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    turn: int = 0
    output: str | None = None
    ok: bool | None = None


@dataclass(frozen=True)
class Turn:
    """One message of a trajectory; ``start`` and ``end`` are token positions in the completion."""

    role: str
    content: str
    start: int = 0
    end: int = 0
    name: str = ""
    calls: tuple[ToolCall, ...] = ()
    valid: bool = True
    reward: float | None = None


@dataclass(frozen=True)
class Step:
    """The finest unit of reasoning or action; ``end`` is its last token position."""

    text: str
    end: int
    turn: int = 0
    score: float | None = None


@dataclass(frozen=True)
class Score:
    """One number with its status and, when it is not plain, the reason."""

    value: float
    status: Status = Status.SCORED
    reason: str = ""
    aspect: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a verifier returns for a batch: score in [0, 1], status and reason per completion.

    Raises:
        DataError: lengths differ, or a scored value is not in [0, 1].
    """

    score: Sequence[float]
    status: Sequence[Status]
    reason: Sequence[str]

    def __post_init__(self) -> None:
        if not len(self.score) == len(self.status) == len(self.reason):
            sizes = (len(self.score), len(self.status), len(self.reason))
            raise DataError("a verdict needs one score, status and reason per completion", seen=sizes)
        for i, (value, status) in enumerate(zip(self.score, self.status, strict=True)):
            if status.counts and not 0.0 <= value <= 1.0:
                raise DataError("a verifier's score must lie in [0, 1]", where=f"completion {i}", seen=value)

    @classmethod
    def of(cls, scores: Sequence[float | bool | None], reasons: Sequence[str] | None = None) -> Verdict:
        """A verdict from plain scores; None means the completion could not be parsed and fails with 0.

        Example:
            >>> Verdict.of([True, None]).status
            [<Status.SCORED: 0>, <Status.FAILED: 1>]
        """
        status = [Status.FAILED if s is None else Status.SCORED for s in scores]
        values = [0.0 if s is None else float(s) for s in scores]
        default = ["" if s is not None else "no answer found" for s in scores]
        return cls(values, status, list(reasons) if reasons is not None else default)


@dataclass(frozen=True)
class Finding:
    """What an audit found: an effect with its interval, the number of records, and the records themselves."""

    name: str
    effect: float
    interval: tuple[float, float]
    n: int
    severity: str = "info"
    message: str = ""
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """One sampled trajectory with everything that happened to it.

    ``id`` is ``step:prompt:sample``. ``aspects``, ``status`` and ``reason`` are per reward component; an unscored
    value is None on disk and NaN in memory. ``detail`` holds per-token columns (``token_text``, ``advantage``,
    ``entropy``, ``logp``) for the rollouts that were chosen to keep them.
    """

    id: str
    step: int
    task_id: str
    prompt: str
    completion: str
    kind: str = "train"
    gold: Any = None
    domain: str = ""
    group: int = 0
    sample: int = 0
    tokens: tuple[int, ...] = ()
    length: int = 0
    truncated: bool = False
    answer: Any = None
    is_correct: bool | None = None
    reward: float = math.nan
    aspects: Mapping[str, float] = field(default_factory=dict)
    status: Mapping[str, str] = field(default_factory=dict)
    reason: Mapping[str, str] = field(default_factory=dict)
    advantage: float | None = None
    source: str = "base"
    turns: tuple[Turn, ...] = ()
    steps: tuple[Step, ...] = ()
    detail: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    v: int = SCHEMA

    def data(self) -> dict[str, Any]:
        """Plain data for one JSON line; fields at their default are left out, non-finite numbers become None."""
        out: dict[str, Any] = {}
        values = self.__dict__
        for name, default, always in _PLAN:
            value = values[name]
            kind = type(value)
            # a step writes hundreds of rollouts: the common kinds are told apart without calls
            if kind is str or kind is int or kind is bool:
                if always or value != default:
                    out[name] = value
            elif value is None:
                if default is not None:
                    out[name] = None
            elif kind is float:
                if always or value != default:
                    out[name] = value if math.isfinite(value) else None
            elif kind is tuple or kind is list or kind is dict:
                if value:
                    rows = [dataclasses.asdict(t) for t in value] if name in ("turns", "steps") else value
                    out[name] = _finite(rows)
            elif always or not (value == default or value in ([], (), {})):
                out[name] = _finite(value)
        return out

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Rollout:
        """Read what :meth:`data` wrote; unknown fields are refused.

        Raises:
            DataError: a field is unknown or a required one is missing.
        """
        names = _DEFAULTS.keys()
        unknown = [k for k in data if k not in names]
        missing = [k for k in ("id", "step", "task_id", "prompt", "completion") if k not in data]
        if unknown or missing:
            raise DataError(
                "not a rollout record", where=str(data.get("id", "")), seen=unknown or f"missing {missing}",
                allowed=list(names),
            )  # fmt: skip
        values = dict(data)
        values["reward"] = math.nan if data.get("reward") is None else data["reward"]
        values["aspects"] = {k: math.nan if v is None else v for k, v in data.get("aspects", {}).items()}
        values["tokens"] = tuple(data.get("tokens", ()))
        values["turns"] = tuple(
            Turn(**{**t, "calls": tuple(ToolCall(**c) for c in t.get("calls", ()))}) for t in data.get("turns", ())
        )
        values["steps"] = tuple(Step(**s) for s in data.get("steps", ()))
        return cls(**values)


_ALWAYS = ("id", "step", "task_id", "prompt", "completion", "reward", "v")
_DEFAULTS = {
    f.name: (
        f.default
        if f.default is not dataclasses.MISSING
        else f.default_factory()
        if f.default_factory is not dataclasses.MISSING
        else None
    )
    for f in dataclasses.fields(Rollout)
}
_PLAN = tuple((name, default, name in _ALWAYS) for name, default in _DEFAULTS.items())


def _finite(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if kind is dict or isinstance(value, Mapping):
        return {k: v if type(v) is str else _finite(v) for k, v in value.items()}
    return _column(value) if isinstance(value, (list, tuple)) else value


def _column(values: Sequence[Any]) -> list[Any]:
    # a sum is finite only when every number in it is: one call instead of one per token
    try:
        plain = not (values and type(values[0]) is str) and math.isfinite(sum(values))
    except (TypeError, OverflowError):
        plain = False
    return list(values) if plain else [_finite(v) for v in values]
