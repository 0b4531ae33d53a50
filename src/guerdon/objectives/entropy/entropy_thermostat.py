"""A sampling temperature that is switched by the entropy of the policy."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.control import bang_bang


@method(
    paper=(
        Paper(
            "arXiv:2510.08141", "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement "
            "Fine-tuning", "entropy/aepo-arbitrary",
        ),
        Paper(
            "url:https://github.com/597358816/DCPO",
            "DCPO: Distribution-Centric Policy Optimization Dominates Exploration-Exploitation Trade-off",
            "entropy/dcpo",
        ),
    ),
    role="coefficient",
    tags=("entropy control", "exploration"),
    writes=("temperature",),
    settings={"last": {"metric": "entropy"}},
    sources={"target": "code", "initial_entropy": "code"},
)  # fmt: skip
def entropy_thermostat(
    last: Float[Tensor, ""] | None = None,
    *,
    target: float = 0.5,
    high: float = 1.2,
    low: float = 0.8,
    initial_entropy: float = 0.0,
) -> Float[Tensor, ""]:
    r"""Sample hot while entropy is at or below its target, cold above it.

    .. math:: T = \begin{cases} T_{high} & H_{prev} \le H^* \\ T_{low} & \text{else} \end{cases}

    The temperature is that of the next ``controlled`` pass of the rollout, and the one of ``tempered_logp``. The
    gradient of the log-prob under samples of :math:`p_T` is :math:`p_T - p`: it raises entropy for :math:`T > 1` and
    lowers it for :math:`T < 1`.

    Args:
        last: mean entropy of the policy over the previous batch, nats per decision.
        target: wanted entropy :math:`H^*`, nats.
        high, low: temperatures, above 0 and ``high`` at least ``low``.
        initial_entropy: taken for the entropy before the first batch.

    Returns:
        The temperature, a scalar.

    Raises:
        RecipeError: temperatures that are not positive or out of order.

    Example:
        >>> [round(entropy_thermostat(torch.tensor(h)).item(), 1) for h in (0.2, 0.5, 0.6)]
        [1.2, 1.2, 0.8]

    Source: the authors' released trainers (hot at exact equality).
    Differs: entropy is the mean of the exact entropies of the decisions, not of minus the log-prob of the samples.
    """
    if not 0.0 < low <= high:
        raise RecipeError("temperatures are positive and in order", where="entropy_thermostat", seen=(low, high),
                          allowed="0 < low <= high")  # fmt: skip
    seen = initial_entropy if last is None else float(last)
    kind = torch.get_default_dtype() if last is None else last.dtype
    return torch.tensor(bang_bang(seen, target, below=high, above=low), dtype=kind)
