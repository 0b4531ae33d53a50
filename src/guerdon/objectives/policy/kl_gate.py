"""A KL coefficient that is zero until a moving threshold is passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.control import Phase, Pid, bounded, ema, phase_of
from guerdon.ops.masked import masked_mean

_FACTOR: Mapping[Phase, float] = {"warmup": 1.5, "climbing": 1.2, "converged": 1.0, "plateau": 0.8}
_WANTED_GAIN = 0.001  # reward per update that the PID holds


class Reading(NamedTuple):
    """What one update of the gate found; ``slope`` is the derivative of the penalty in the KL."""

    penalty: float
    slope: float
    threshold: float
    kl_short: float
    entropy_factor: float
    phase: Phase
    active: bool


@method(
    paper=Paper(
        "url:https://github.com/ryyzn9/SAFE",
        "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control for RLHF", "entropy/safe",
    ),
    role="coefficient",
    tags=("kl control",),
    writes=("kl_coef",),
    presets=(
        Preset("asymmetric_kl", params={"asymmetric_momentum": 5.0}, note="fixed threshold, and a price on rising KL"),
    ),
    golden="safe",
    settings={"last": {"metric": "kl"}, "history": {"metric": "raw_reward"}},
    default_source="code",
    sources={"mode": "ours"},
)  # fmt: skip
@dataclass(kw_only=True)
class KlGate:
    r"""Let the KL run free below a threshold, and pull it back above it, harder where entropy is low.

    .. math:: P = s\,(\bar k - \theta)_+^2\,\max\big(\tfrac12, \tfrac{f}{H + 0.1}\big),\qquad
              \beta = \frac{\partial P}{\partial \bar k},\qquad
              \theta = \mathrm{clip}\big((\theta_0 + u)\,c_{phase}\big)

    :math:`\bar k` is a running mean of the KL, :math:`u` a PID's answer to the reward gained per update, and
    :math:`c` is 1.5 while warming up, 1.2 climbing, 1 converged, 0.8 on a plateau.

    Args:
        old_entropy: entropy of the policy that sampled, nats per decision; its mean is :math:`H`.
        mask: the policy's own decisions.
        last: mean KL to the reference over the previous update, nats.
        history: mean reward of every update so far, before shaping.
        base: threshold :math:`\theta_0` before the PID and the phase, nats.
        kp, ki, kd: gains of the PID, nats per unit of reward gained.
        entropy_floor: entropy :math:`f` below which the penalty grows, nats.
        bounds: smallest and largest threshold, nats.
        scale: of the penalty, per nat squared.
        kl_decay: weight of the past in the running KL, in [0, 1).
        phase_window: updates in the window that decides the phase.
        mode: ``gradient`` gives the coefficient :math:`\beta` for ``kl_penalty``; ``constant`` gives 0, because a
            penalty that is a plain number has no gradient.
        asymmetric_momentum: above 0 the threshold stays ``base``, and this times the squared mean rise of the KL over
            the window is added.

    Returns:
        The KL coefficient of this update, a scalar of at least 0.

    Raises:
        RecipeError: bounds out of order, or a window or decay that is none.

    Example:
        >>> gate = KlGate(phase_window=2)
        >>> for _ in range(40):
        ...     reading = gate.step(0.8, 1.9, [0.5, 0.5])
        >>> reading.phase, reading.entropy_factor, round(reading.threshold, 3)
        ('plateau', 1.0, 0.239)

    Source: the authors' released controllers; the published text was not available.
    Differs: the released penalty is a plain number in the loss and moves nothing (``mode="constant"``); here its
        derivative is the coefficient of a differentiable KL. The release counts an update once per inner epoch; here
        the gate moves once per batch. Its long running KL is only logged there and left out.
    """

    base: float = 0.3
    kp: float = 0.3
    ki: float = 0.01
    kd: float = 0.05
    entropy_floor: float = 2.0
    bounds: tuple[float, float] = (0.1, 0.6)
    scale: float = 0.1
    kl_decay: float = 0.9
    phase_window: int = 50
    mode: Literal["gradient", "constant"] = "gradient"
    asymmetric_momentum: float = 0.0
    kl_short: float = field(init=False, default=0.0)
    level: float | None = field(init=False, default=None)
    slope: float = field(init=False, default=0.0)
    seen: int = field(init=False, default=0)
    recent: list[float] = field(init=False, default_factory=list)
    pid: Pid = field(init=False)

    def __post_init__(self) -> None:
        if self.bounds[0] > self.bounds[1] or self.phase_window < 2 or not 0.0 <= self.kl_decay < 1.0:
            raise RecipeError(
                "a gate needs ordered bounds, a window of at least 2 and a decay in [0, 1)", where="kl_gate",
                seen=(self.bounds, self.phase_window, self.kl_decay),
            )  # fmt: skip
        self.pid = Pid(kp=self.kp, ki=self.ki, kd=self.kd)

    def __call__(
        self,
        old_entropy: Float[Tensor, "batch time"],
        mask: Bool[Tensor, "batch time"],
        last: Float[Tensor, ""] | None = None,
        history: Float[Tensor, " _"] | None = None,
    ) -> Float[Tensor, ""]:
        """The coefficient; the gate moves when ``history`` has grown since the last call."""
        if last is not None and history is not None and len(history) != self.seen:
            self.seen = len(history)
            entropy = float(masked_mean(old_entropy, mask))
            self.slope = self.step(float(last), entropy, history[-2 * self.phase_window :].tolist()).slope
        return old_entropy.new_tensor(self.slope if self.mode == "gradient" else 0.0)

    def step(self, kl: float, entropy: float, rewards: Sequence[float]) -> Reading:
        """Move by one update and read the gate.

        Args:
            kl: mean KL of the update, nats.
            entropy: mean entropy, nats.
            rewards: mean rewards so far, this update's last; two windows of them are enough.
        """
        self.recent = [*self.recent, kl][-self.phase_window :]
        if self.asymmetric_momentum > 0:
            return self._asymmetric(kl)
        self.kl_short = ema(self.kl_short, kl, self.kl_decay)
        push, phase = self._push(rewards[-1]), phase_of(rewards, self.phase_window)
        threshold = bounded((self.base + push) * _FACTOR[phase], *self.bounds)
        over = self.kl_short - threshold
        if over <= 0:
            return Reading(0.0, 0.0, threshold, self.kl_short, 1.0, phase, False)
        factor = max(0.5, self.entropy_floor / (entropy + 0.1))
        return Reading(
            self.scale * over**2 * factor, 2 * self.scale * over * factor, threshold, self.kl_short, factor, phase, True
        )

    def _push(self, reward: float) -> float:
        """The PID's answer to what the smoothed reward gained; the first reward only starts the mean."""
        before, self.level = self.level, ema(self.level, reward, 0.95)
        return 0.0 if before is None else self.pid.step(self.level - before - _WANTED_GAIN)

    def _asymmetric(self, kl: float) -> Reading:
        size = self.phase_window
        rise = (kl - self.recent[0]) / size if len(self.recent) == size else 0.0
        over, rise = max(kl - self.base, 0.0), max(rise, 0.0)
        penalty = self.scale * over**2 + self.asymmetric_momentum * rise**2
        slope = 2 * self.scale * over + 2 * self.asymmetric_momentum * rise / size
        return Reading(penalty, slope, self.base, kl, 1.0, "plateau", penalty > 0)

    def state_dict(self) -> dict[str, Any]:
        """Running means, the PID's memory and the window, as JSON-able data."""
        return {
            "kl_short": self.kl_short, "level": self.level, "slope": self.slope, "seen": self.seen,
            "recent": list(self.recent), "integral": self.pid.integral, "previous": self.pid.previous,
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.kl_short, self.level, self.slope = state["kl_short"], state["level"], state["slope"]
        self.seen, self.recent = int(state["seen"]), list(state["recent"])
        self.pid.integral, self.pid.previous = state["integral"], state["previous"]
