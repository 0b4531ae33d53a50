"""Regression of the critic on its returns, with a bound on how far one update may move it."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import huber_loss

from guerdon.method import Paper, Preset, method


@method(
    paper=(
        Paper("arXiv:1707.06347", "Proximal Policy Optimization Algorithms", "advantage/baselines"),
        Paper(
            "url:https://github.com/ryyzn9/SAFE",
            "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control for RLHF", "entropy/safe",
        ),
    ),
    role="token_loss",
    tags=("critic",),
    presets=(
        Preset("value_loss/verl", params={"clip": 0.5}, note="verl's usual range"),
        Preset("value_loss/safe", params={"form": "huber", "reduce": "mean"}, note="mean of both Huber losses"),
    ),
    golden="baselines-misc",
    sources={"clip": "code", "delta": "code", "reduce": "code"},
)  # fmt: skip
def value_loss(
    value: Float[Tensor, "batch time"],
    old_value: Float[Tensor, "batch time"],
    returns: Float[Tensor, "batch time"] | Float[Tensor, " batch"],
    *,
    form: Literal["squared", "huber"] = "squared",
    clip: float | None = 0.2,
    delta: float = 0.5,
    reduce: Literal["max", "mean"] = "max",
) -> Float[Tensor, "batch time"]:
    r"""Distance of the critic's value from the return, also measured after the value's move is clipped.

    .. math:: \ell = \mathrm{reduce}\big(\rho(V - R),\; \rho(V_{old} + \mathrm{clip}(V - V_{old}, \pm c) - R)\big),
              \qquad \rho(x) = \tfrac12 x^2

    Args:
        value: prediction of the current critic; carries the gradient.
        old_value: prediction when the data was collected, detached.
        returns: target, detached; one per decision, or one per row.
        form: ``squared``, or ``huber``: :math:`\tfrac12 x^2` up to ``delta``, then :math:`\delta(|x| - \delta/2)`.
        clip: largest move :math:`c` that pays, in units of the return; None for no second term.
        delta: where the Huber loss turns linear.
        reduce: ``max`` is pessimistic (no gradient once a harmful move is clipped), ``mean`` averages both.

    Returns:
        Loss per decision, with the factor one half inside.

    Example:
        >>> v, old, r = torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([[2.0]])
        >>> round(value_loss(v, old, r).item(), 4)  # max of 0.5 * 1 and 0.5 * 1.8^2
        1.62

    Source: the clipped value loss of PPO's released code, as in verl; the Huber mean from SAFE's released critic.
    Differs: nothing.
    """
    target = returns[:, None] if returns.ndim == 1 else returns
    plain = _distance(value - target, form, delta)
    if clip is None:
        return plain
    bounded = _distance(old_value + (value - old_value).clamp(-clip, clip) - target, form, delta)
    return torch.maximum(plain, bounded) if reduce == "max" else 0.5 * (plain + bounded)


def _distance(error: Tensor, form: str, delta: float) -> Tensor:
    if form == "squared":
        return 0.5 * error * error
    return huber_loss(error, torch.zeros_like(error), reduction="none", delta=delta)
