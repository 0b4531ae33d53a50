"""A reward that says nothing about the completion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method


@method(
    paper=Paper("arXiv:2512.16912", "Exploration vs Exploitation: Rethinking RLVR through Clipping, Entropy, and "
                "Spurious Reward", "entropy/clipping-spurious", where="random reward"),
    tags=("spurious reward", "control"),
)  # fmt: skip
def random_reward(prompt: Sequence[str], rng: Generator, *, p: float = 0.5) -> Float[Tensor, " batch"]:
    r"""Pay every completion by a coin that does not look at it.

    .. math:: r_i \sim \mathrm{Bernoulli}(p)

    Args:
        prompt: one per row; only their number counts.
        rng: generator of the step.
        p: probability of being paid, in [0, 1].

    Returns:
        1 or 0 per row.

    Raises:
        RecipeError: the probability is outside [0, 1].

    Example:
        >>> random_reward(["a", "b"], torch.Generator().manual_seed(0), p=1.0).tolist()
        [1.0, 1.0]

    Source: the random rewards of the study of spurious rewards.
    Differs: nothing. What a policy learns from it comes from the update rule alone: clipping, and the noise of groups.
    """
    if not 0.0 <= p <= 1.0:
        raise RecipeError("a probability lies in [0, 1]", where="random_reward.p", seen=p)
    return (torch.rand(len(prompt), generator=rng) < p).to(torch.get_default_dtype())
