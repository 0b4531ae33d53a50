"""Which phase of training a run is in, read off the curve of its reward or its entropy."""

from __future__ import annotations

import math
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.records import Finding
from guerdon.schedule import plateau_at


@method(
    paper=(
        Paper(
            "arXiv:2508.02260", "Decomposing the Entropy-Performance Exchange: The Missing Keys to Unlocking Effective "
            "Reinforcement Learning", "entropy/entropy-performance-exchange", where="rising and plateau stage",
        ),
        Paper("url:https://github.com/ryyzn9/SAFE",
              "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control for RLHF", "entropy/safe",
              where="phase detector"),
    ),
    scope="rollout_batch",
    tags=("entropy control", "training curve"),
    settings={"history": {"metric": "series"}},
    default_source="code",
    sources={"series": "ours"},
)  # fmt: skip
def training_phase(
    history: Float[Tensor, " time"],
    *,
    series: Literal["reward", "entropy"] = "reward",
    window: int = 50,
    min_gain: float = 0.01,
    max_std: float = 0.02,
    high: float = 0.7,
) -> list[Finding]:
    r"""Compare the last window of a curve with the one before.

    .. math:: g = \mathrm{mean}(x_{t-w+1..t}) - \mathrm{mean}(x_{t-2w+1..t-w})

    In this order: fewer than :math:`w` steps are ``warm-up``; :math:`g > min\_gain` is ``climbing`` (for entropy:
    :math:`-g`, ``rising stage``, because falling entropy is what goes with rising performance); a reward whose last
    window has a standard deviation below ``max_std`` and a mean above ``high`` is ``converged``; everything else is
    ``plateau``.

    Args:
        history: one value per step, reward or nats; values that are not finite are left out.
        series: which curve.
        window: steps :math:`w` of a window.
        min_gain: smallest change between windows that counts, units of the series.
        max_std, high: of a converged reward; the standard deviation is that of the population.

    Returns:
        ``phase``: :math:`g`, with the name of the phase in the message; 0 without an interval of any width where there
            are fewer than two windows, so that nothing is compared;
        ``plateau starts``: the step after which the curve first gained no more than ``min_gain``, where there is one:
        the moment at which ``start: {phase: plateau}`` lets an entry of a recipe begin. No finding without a value.

    Raises:
        RecipeError: ``window`` is below 2.

    Example:
        >>> import torch
        >>> curve = torch.tensor([1.8, 1.2, 0.8, 0.5, 0.5, 0.5])
        >>> [(f.name, round(f.effect, 2), f.message) for f in training_phase(curve, series="entropy", window=2)]
        [('phase', -0.15, 'rising stage')]

    Source: SAFE's released phase test for the reward; for entropy the paper marks the end of the rising stage by
        inspection.
    Differs: the rule for entropy is this library's. The interval of :math:`g` takes steps as independent, which those
        of a run are not quite.
    """
    if window < 2:
        raise RecipeError("steps of a window", where="training_phase.window", seen=window, allowed="2 or more")
    known = [x for x in history.detach().double().tolist() if math.isfinite(x)]
    if not known:
        return []
    last = known[-window:]
    before = known[-2 * window : -window] if len(known) >= 2 * window else last
    gain = _mean(last) - _mean(before)
    forward = -gain if series == "entropy" else gain
    if len(known) < window:
        phase = "warm-up"
    elif forward > min_gain:
        phase = "rising stage" if series == "entropy" else "climbing"
    elif series == "reward" and math.sqrt(_var(last)) < max_std and _mean(last) > high:
        phase = "converged"
    else:
        phase = "plateau"
    half = 0.0
    if len(known) >= 2 * window:
        half = 1.96 * math.sqrt((_var(last) + _var(before)) / (window - 1))
    found = [Finding("phase", gain, (gain - half, gain + half), len(known), message=phase)]
    start = plateau_at(known, window, min_gain, falls=series == "entropy")
    if start is not None:
        text = f"from step {start} on the mean of {window} steps gained no more than {min_gain:g}"
        found.append(Finding("plateau starts", float(start), (float(start), float(start)), len(known), message=text))
    return found


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _var(values: list[float]) -> float:
    mean = _mean(values)
    return math.fsum((x - mean) ** 2 for x in values) / len(values)
