"""A controller that moves a KL or entropy coefficient towards a target."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import RecipeError, RunError
from guerdon.method import Paper, Preset, method
from guerdon.ops.control import bang_bang, bounded, ema


@method(
    paper=(
        Paper("arXiv:1909.08593", "Fine-Tuning Language Models from Human Preferences", "advantage/baselines"),
        Paper("arXiv:2505.22312", "Skywork Open Reasoner 1 Technical Report", "advantage/baselines"),
        Paper(
            "arXiv:2510.08457",
            "ARES: Multimodal Adaptive Reasoning via Difficulty-Aware Token-Level Entropy Shaping", "entropy/ares",
        ),
    ),
    role="coefficient",
    tags=("kl control", "entropy control"),
    writes=("kl_coef", "entropy_coef"),
    presets=(
        Preset("adaptive_kl", note="proportional control of the KL coefficient"),
        Preset(
            "adaptive_kl_log",
            params={
                "rule": "log_ema", "init": 1.0, "target": 0.01, "interval": 100, "smoothing": 0.97, "dead_zone": 0.02,
                "step": 0.05, "clip": 0.2, "bounds": (1e-4, 1e2),
            },
            note="slow control in log space; in ARES times 0.01, and one per difficulty (buckets: 3)",
        ),
        Preset(
            "adaptive_entropy",
            params={
                "measure": "entropy", "writes": "entropy_coef", "rule": "step", "init": 0.0, "target": 0.2,
                "step": 0.005, "bounds": (0.0, 1.0),
            },
            note="entropy bonus only while entropy is below its target",
        ),
    ),
    golden="baselines-misc",
    settings={"last": {"metric": "measure"}},
    default_source="code",
    sources={"samples": "ours", "bounds": "ours", "init": "paper", "buckets": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class AdaptiveCoefficient:
    r"""Raise or lower a coefficient so that a measured quantity approaches its target.

    .. math:: \text{proportional:}\ \beta \leftarrow \beta\,\Big(1 + \mathrm{clip}\big(\tfrac{x}{x^*} - 1, \pm c\big)
              \tfrac{n}{N}\Big),\qquad
              \text{log\_ema:}\ \log\beta \leftarrow \log\beta + s\,\mathrm{clip}(\bar e, \pm c),\qquad
              \text{step:}\ \beta \leftarrow \beta \pm s

    ``log_ema`` smooths :math:`x` at every call, and every ``interval`` calls folds :math:`e = \bar x / x^* - 1` into
    :math:`\bar e` with the same smoothing, unless :math:`|e|` is inside the dead zone. ``step`` adds :math:`s` while
    :math:`x \le x^*` and takes it away otherwise, and its coefficient counts only while the last :math:`x \le x^*`.

    Args:
        measure: quantity that is controlled; chooses which ``last(metric)`` is read.
        writes: signal that the result is: the method returns this one alone.
        rule: see above.
        init: coefficient before the first measurement, at least 0 (above 0 for ``log_ema``).
        target: wanted value :math:`x^*` of the measure, nats, above 0.
        samples, horizon: rollouts per update :math:`n` and control time :math:`N` in rollouts (``proportional``).
        interval: calls between two moves.
        smoothing: weight of the past in both averages (``log_ema``), in [0, 1).
        dead_zone: relative error without a move (``log_ema``).
        step: size :math:`s` of a move (``log_ema``, ``step``).
        clip: bound :math:`c` on the relative error.
        bounds: smallest and largest coefficient.
        buckets: independent coefficients; above 1 the result has one value per row, chosen by ``difficulty``.
        last: mean of the measure over the previous update, nats.
        difficulty: bucket of every row.
        kl: KL of every row, nats; with buckets each moves by the mean of its own rows instead of by ``last``. It has
            to be asked for, ``bind: {kl: kl}``.

    Returns:
        The coefficient for this update as a scalar tensor, or per row where ``buckets`` is above 1.

    Raises:
        RecipeError: a hyper-parameter is out of range, or ``buckets`` without ``difficulty``.
        RunError: a state with another number of buckets is loaded.

    Example:
        >>> control = AdaptiveCoefficient(init=0.2, target=6.0, samples=256, horizon=10_000)
        >>> round(control().item(), 6)  # nothing was measured yet
        0.2
        >>> round(control(torch.tensor(3.0)).item(), 6)  # 0.2 * (1 - 0.2 * 256 / 10000)
        0.198976

    Source: Ziegler et al. 2019, section 2.2; He et al. 2025 (``step``); ARES's released trainer (``log_ema``).
    Differs: a measurement enters once, either through ``observe`` after the update or through ``last`` at the next
        call; the number of rollouts per update is stated, not read from the batch.
    """

    measure: Literal["kl", "entropy"] = "kl"
    writes: Literal["kl_coef", "entropy_coef"] = "kl_coef"
    rule: Literal["proportional", "log_ema", "step"] = "proportional"
    init: float = 0.2
    target: float = 6.0
    samples: int = 256
    horizon: float = 10_000.0
    interval: int = 1
    smoothing: float = 0.97
    dead_zone: float = 0.02
    step: float = 0.005
    clip: float = 0.2
    bounds: tuple[float, float] = (0.0, math.inf)
    buckets: int = 1
    value: list[float] = field(init=False)
    mean: list[float | None] = field(init=False)
    error: list[float] = field(init=False)
    calls: int = field(init=False, default=0)
    pending: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.target <= 0 or self.interval < 1 or self.buckets < 1 or self.bounds[0] > self.bounds[1]:
            raise RecipeError(
                "a controller needs target > 0, interval and buckets of at least 1, and ordered bounds",
                where="adaptive_coefficient", seen=(self.target, self.interval, self.buckets, self.bounds),
            )  # fmt: skip
        if self.rule == "log_ema" and self.init <= 0:
            raise RecipeError("log_ema multiplies: init must be above 0", where="adaptive_coefficient", seen=self.init)
        self.value = [self.init] * self.buckets
        self.mean = [None] * self.buckets
        self.error = [0.0] * self.buckets

    def __call__(
        self,
        last: Float[Tensor, ""] | None = None,
        difficulty: Int[Tensor, " batch"] | None = None,
        kl: Float[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, ""] | Float[Tensor, " batch"]:
        """The coefficient of this update, after a move by what was measured, if it was not observed already."""
        if kl is not None and difficulty is not None and self.buckets > 1:
            self.observe(kl, difficulty)
        elif last is not None and not self.pending:
            self._measure([float(last)] * self.buckets)
        self.pending = False
        now = torch.tensor([self._active(b) for b in range(self.buckets)], dtype=_dtype(last))
        if self.buckets == 1:
            return now[0]
        if difficulty is None:
            raise RecipeError("buckets need the difficulty of every row", where="adaptive_coefficient.buckets")
        return now.to(difficulty.device)[difficulty]

    def observe(self, last: Tensor | float, difficulty: Int[Tensor, " batch"] | None = None) -> None:
        """Move by the measure of the update that just ended.

        Args:
            last: its mean, or one value per row together with ``difficulty``; NaN rows are left out.
            difficulty: bucket of every row; a bucket without rows keeps its coefficient.
        """
        x = torch.as_tensor(last, dtype=torch.float64)
        found: list[float | None] = [float(x)] * self.buckets if x.ndim == 0 else []
        for b in range(self.buckets if x.ndim else 0):
            rows = x if difficulty is None else x[difficulty == b]
            rows = rows[~torch.isnan(rows)]
            found.append(float(rows.mean()) if len(rows) else None)
        self._measure(found)
        self.pending = True

    def _measure(self, found: list[float | None]) -> None:
        self.calls += 1
        for b, x in enumerate(found):
            if self.rule == "log_ema":
                self._smooth(b, x)
            elif x is not None:
                self.mean[b] = x
                if self.calls % self.interval == 0:
                    self.value[b] = bounded(self._moved(self.value[b], x), *self.bounds)

    def _moved(self, value: float, x: float) -> float:
        if self.rule == "step":
            return value + bang_bang(x, self.target, below=self.step, above=-self.step)
        error = bounded(x / self.target - 1.0, -self.clip, self.clip)
        return value * (1.0 + error * self.samples / self.horizon)

    def _smooth(self, b: int, x: float | None) -> None:
        past, s = self.mean[b], self.smoothing
        if x is not None:
            self.mean[b] = past = ema(past, x, s)
        if past is None or self.calls % self.interval:
            return
        error = past / self.target - 1.0
        if abs(error) < self.dead_zone:
            return
        self.error[b] = ema(self.error[b], error, s)
        push = bounded(self.error[b], -self.clip, self.clip)
        self.value[b] = bounded(self.value[b] * math.exp(self.step * push), *self.bounds)

    def _active(self, b: int) -> float:
        if self.rule != "step":
            return self.value[b]
        past = self.mean[b]
        return self.value[b] if past is not None and past <= self.target else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Coefficients, averages and counters, as JSON-able data."""
        return {
            "value": list(self.value), "mean": list(self.mean), "error": list(self.error), "calls": self.calls,
            "pending": self.pending,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        if len(state["value"]) != self.buckets:
            raise RunError(
                "the saved controller has another number of buckets", where="adaptive_coefficient",
                seen=len(state["value"]), allowed=self.buckets, fix="resume with the recipe of the run",
            )  # fmt: skip
        self.value, self.mean, self.error = list(state["value"]), list(state["mean"]), list(state["error"])
        self.calls, self.pending = int(state["calls"]), bool(state["pending"])


def _dtype(last: Tensor | None) -> torch.dtype:
    return last.dtype if isinstance(last, Tensor) and last.is_floating_point() else torch.get_default_dtype()
