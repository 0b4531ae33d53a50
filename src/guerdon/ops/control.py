"""Small controllers and running statistics on plain numbers: what every method that steers is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

Phase = Literal["warmup", "climbing", "converged", "plateau"]


def bounded(x: float, low: float, high: float) -> float:
    """``x`` held between two bounds.

    Example:
        >>> bounded(1.5, 0.0, 1.0), bounded(-1.0, 0.0, 1.0)
        (1.0, 0.0)
    """
    return min(max(x, low), high)


def ema(past: float | None, x: float, decay: float) -> float:
    """Exponential mean of a series: the first value starts it.

    Example:
        >>> ema(None, 2.0, 0.9), round(ema(2.0, 4.0, 0.9), 3)
        (2.0, 2.2)
    """
    return x if past is None else decay * past + (1.0 - decay) * x


def bang_bang(x: float, target: float, *, below: float, above: float) -> float:
    """One of two settings: ``below`` up to and at the target, ``above`` beyond it.

    Example:
        >>> [bang_bang(h, 0.5, below=1.2, above=0.8) for h in (0.2, 0.5, 0.6)]
        [1.2, 1.2, 0.8]
    """
    return below if x <= target else above


@dataclass(kw_only=True)
class Pid:
    r"""Proportional, integral and differential answer to an error, the integral held within a limit.

    .. math:: I \leftarrow \mathrm{clip}(I + e, \pm L),\qquad u = k_p e + k_i I + k_d (e - e_{prev})

    Example:
        >>> pid = Pid(kp=0.3, ki=0.01, kd=0.05)
        >>> round(pid.step(4.999), 5)  # 0.3 * 4.999 + 0.01 * 1 + 0.05 * 4.999
        1.75965
    """

    kp: float
    ki: float
    kd: float
    limit: float = 1.0
    integral: float = 0.0
    previous: float = 0.0

    def step(self, error: float) -> float:
        """The answer to the next error."""
        self.integral = bounded(self.integral + error, -self.limit, self.limit)
        out = self.kp * error + self.ki * self.integral + self.kd * (error - self.previous)
        self.previous = error
        return out


@dataclass
class Moments:
    """Mean and variance of everything seen, merged batch by batch, with the extremes.

    Example:
        >>> import torch
        >>> m = Moments(0.0, 1.0, 0.0)
        >>> m.add(torch.tensor([1.0, 3.0]), ddof=0)
        >>> m.mean, m.var, m.low, m.high
        (2.0, 1.0, 1.0, 3.0)
    """

    mean: float
    var: float
    count: float
    low: float | None = None
    high: float | None = None

    def add(self, x: Tensor, *, ddof: int = 1) -> None:
        """Merge a batch; the variance of a batch too small for one is 0, an empty batch changes nothing."""
        n = x.numel()
        if not n:
            return
        values = x.detach().double()
        mean = float(values.mean())
        var = float(values.var(correction=ddof)) if n > ddof else 0.0
        gap, total = mean - self.mean, self.count + n
        self.var = (self.var * self.count + var * n + gap * gap * self.count * n / total) / total
        self.mean += gap * n / total
        self.count = total
        self.low = float(values.min()) if self.low is None else min(self.low, float(values.min()))
        self.high = float(values.max()) if self.high is None else max(self.high, float(values.max()))

    def state(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Moments:
        """What :meth:`state` gave."""
        return cls(**state)


def phase_of(
    rewards: Sequence[float], window: int, *, min_gain: float = 0.01, max_std: float = 0.02, high: float = 0.7
) -> Phase:
    """Where a run stands, from its rewards so far: the last ``window`` against the ``window`` before them.

    Fewer than ``window`` values are a warm-up. With fewer than two windows there is nothing to compare with, so the
    run is not climbing. The spread is the population std of the last window.

    Example:
        >>> phase_of([0.1] * 50, 50), phase_of([0.1] * 50 + [0.5] * 50, 50), phase_of([0.75] * 100, 50)
        ('plateau', 'climbing', 'converged')
    """
    if len(rewards) < window:
        return "warmup"
    last, before = rewards[-window:], rewards[-2 * window : -window]
    mean = sum(last) / window
    earlier = sum(before) / window if len(before) == window else mean
    std = math.sqrt(sum((r - mean) ** 2 for r in last) / window)
    if mean > earlier + min_gain:
        return "climbing"
    return "converged" if std < max_std and mean > high else "plateau"
