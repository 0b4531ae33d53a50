"""Schedules and starts: what of a recipe changes during training.

Any float hyper-parameter may be a schedule, ``{schedule: linear, from: 0.0, to: 0.01}``; without ``steps`` it spans
the whole run. An entry may begin later than the run, ``start: {step: 100}`` or ``start: {phase: plateau}``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

KINDS = ("constant", "linear", "cosine", "cosine_restarts", "two_phase", "step_at", "start_at")
_SLOPES = ("linear", "cosine", "cosine_restarts")


class Schedule(BaseModel):
    """A float as a function of the training step.

    ``from`` and ``to`` are the first and last value; the way between them is the kind: ``linear``; ``cosine`` (half
    a period); ``cosine_restarts`` (every ``period`` steps); ``two_phase`` (slow to half of the steps, then fast, as in
    EPO: with ``from: 1, to: 0.0398297`` it is 0.827 at half); ``step_at`` (jump at step ``at``); ``start_at`` (0 before
    ``at``, then ``to``). The first three may be preceded by ``warmup`` steps, in which the value goes from
    ``warm_from`` to ``from``.

    Example:
        >>> Schedule.model_validate({"schedule": "linear", "from": 0.0, "to": 1.0}).at(step=5, total=10)
        0.5
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    schedule: Literal["constant", "linear", "cosine", "cosine_restarts", "two_phase", "step_at", "start_at"]
    start: float = Field(alias="from", default=0.0)
    end: float = Field(alias="to")
    steps: Annotated[int, Field(gt=0)] | None = None
    at_step: int = Field(alias="at", default=0)
    period: Annotated[int, Field(gt=0)] | None = None
    warmup: Annotated[int, Field(ge=0)] = 0
    warm_from: float = 0.0

    @model_validator(mode="after")
    def _only_slopes_warm_up(self) -> Schedule:
        if self.warmup and self.schedule not in _SLOPES:
            raise ValueError(f"warmup is for {', '.join(_SLOPES)}")
        return self

    def at(self, *, step: int, total: int) -> float:
        """Value at an optimiser step of a run of ``total`` steps."""
        if step < self.warmup:
            return self.warm_from + (self.start - self.warm_from) * (step + 1) / self.warmup
        step -= self.warmup
        span = self.steps or max(total - self.warmup, 1)
        share = min(max(step / span, 0.0), 1.0)
        if self.schedule == "constant":
            return self.end
        if self.schedule == "linear":
            return self.start + (self.end - self.start) * share
        if self.schedule == "cosine":
            return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * share))
        if self.schedule == "cosine_restarts":
            period = self.period or span
            return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * (step % period) / period))
        if self.schedule == "two_phase":
            return self.end + (self.start - self.end) * (_two_phase(min(max(step, 0), span), span) - _LAST) / (
                1 - _LAST
            )
        if self.schedule == "start_at":
            return self.end if step >= self.at_step else 0.0
        return self.end if step >= self.at_step else self.start


_LAST = 0.8 * math.exp(-3.0)  # what is left at the end of the second phase


def _two_phase(step: int, span: int) -> float:
    half = span // 2
    if step <= half:
        return 1.0 - 0.2 * (1.0 - math.exp(-2.0 * step / max(half, 1)))
    return 0.8 * math.exp(-3.0 * (step - half) / (span - half))


class Start(BaseModel):
    """When an entry of a recipe begins to act; before that it is as if it were not there.

    Either at a ``step``, or in a ``phase``: ``plateau`` begins when the mean of the ``series`` over the last
    ``window`` steps is no longer ``min_gain`` away from the window before (entropy falls no further, reward gains no
    more). What has begun stays: the phase is read off the whole series, which a resumed run has too.

    Example:
        >>> Start(step=3).reached(2, ()), Start(step=3).reached(3, ())
        (False, True)
        >>> flat, fell = Start(phase="plateau", window=2), (2.0, 1.0, 0.5, 0.5, 0.5, 0.5)
        >>> flat.reached(4, fell[:4]), flat.reached(6, fell)  # means 1.5 -> 0.5, then 0.5 -> 0.5
        (False, True)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    step: Annotated[int, Field(ge=0)] | None = None
    phase: Literal["plateau"] | None = None
    series: Literal["entropy", "reward"] = "entropy"
    window: Annotated[int, Field(gt=0)] = 50
    min_gain: Annotated[float, Field(ge=0)] = 0.01

    @model_validator(mode="after")
    def _one_condition(self) -> Start:
        if (self.step is None) == (self.phase is None):
            raise ValueError("a start says a step or a phase, one of them")
        return self

    def reached(self, step: int, history: Sequence[float]) -> bool:
        """Whether it has begun at a step, given the series of the steps before."""
        if self.step is not None:
            return step >= self.step
        return plateau_at(history, self.window, self.min_gain, falls=self.series == "entropy") is not None


def plateau_at(series: Sequence[float], window: int, min_gain: float, *, falls: bool = False) -> int | None:
    """Number of entries after which a series first moves less than ``min_gain`` from window to window, None if never.

    ``falls`` says that progress is downward, as for entropy. Needs two windows.

    Example:
        >>> plateau_at([0.1, 0.2, 0.5, 0.6, 0.6, 0.6], 2, 0.05)  # .15 -> .55 after 4, .35 -> .6 after 5, then .55 -> .6
        6
    """
    sums = [0.0, *itertools.accumulate(series)]
    for end in range(2 * window, len(series) + 1):
        gain = (sums[end] - 2 * sums[end - window] + sums[end - 2 * window]) / window
        # sums of many floats leave a last digit over: .6 - .55 is not quite .05
        if (-gain if falls else gain) <= min_gain + 1e-9:
            return end
    return None


def value_at(value: object, *, step: int, total: int) -> object:
    """A hyper-parameter's value now: schedules are evaluated, inside tuples and mappings too; the rest is itself.

    Example:
        >>> ramp = Schedule.model_validate({"schedule": "linear", "from": 0.0, "to": 1.0})
        >>> value_at((ramp, 2.0), step=1, total=4), value_at("mean", step=1, total=4)
        ((0.25, 2.0), 'mean')
    """
    if isinstance(value, Schedule):
        return value.at(step=step, total=total)
    if isinstance(value, (tuple, list)) and any(isinstance(v, Schedule) for v in value):
        return type(value)(value_at(v, step=step, total=total) for v in value)
    if isinstance(value, Mapping) and any(isinstance(v, Schedule) for v in value.values()):
        return {k: value_at(v, step=step, total=total) for k, v in value.items()}
    return value


def first_problem(error: ValidationError) -> Any:
    """The first problem pydantic found; where a mapping was given for a number, what is wrong with it as a schedule."""
    found = error.errors()
    return next((e for e in found if not (e["type"] == "float_type" and isinstance(e["input"], Mapping))), found[0])


def place_of(problem: Mapping[str, Any], data: Any) -> str:
    """Dotted key of a problem inside the data it was found in, without the names of the types that were tried."""
    known: list[str] = []
    parts = problem["loc"]
    for i, part in enumerate(parts):
        listed = isinstance(data, (list, tuple)) and part in range(len(data))
        if listed or (isinstance(data, Mapping) and part in data):
            known.append(str(part))
            data = data[part]
        elif problem["type"] == "missing" and i == len(parts) - 1:
            known.append(str(part))
    return ".".join(known)
