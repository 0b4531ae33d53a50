"""Short right answers and long wrong ones: a reward that follows a cosine of the length."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method


@method(
    paper=Paper("arXiv:2502.03373", "Demystifying Long Chain-of-Thought Reasoning in LLMs",
                "rewards/verifiers-baseline", where="cosine reward"),
    tags=("length",),
    sources={"max_length": "code", "correct": "code", "wrong": "code"},
)  # fmt: skip
def length_cosine(
    length: Int[Tensor, " batch"],
    is_correct: Bool[Tensor, " batch"],
    *,
    max_length: int,
    correct: tuple[float, float] = (1.0, 0.5),
    wrong: tuple[float, float] = (-1.0, -0.5),
) -> Float[Tensor, " batch"]:
    r"""Pay right and wrong completions by length along half a cosine.

    .. math:: R_i = e + \tfrac12 (s - e)\left(1 + \cos \pi \tfrac{\min(L_i, L_{max})}{L_{max}}\right)

    with :math:`(s, e)` the values at length 0 and at :math:`L_{max}`, of ``correct`` or of ``wrong``.

    Args:
        length: valid decisions of the row.
        is_correct: whether the first verifier of the recipe accepts the row; the verifier stands before this reward.
        max_length: length :math:`L_{max}` at which the second value is reached, above 0.
        correct: value at length 0 and at the limit for right completions.
        wrong: the same for wrong ones; by default a long wrong one costs less than a short one.

    Returns:
        One number per row between the two values of its case. A row whose verifier could not score it counts as
        wrong here and is dropped where the rewards are summed, because its verdict is NaN.

    Raises:
        RecipeError: ``max_length`` below 1.

    Example:
        >>> import torch
        >>> n, ok = torch.tensor([0, 50, 100, 50, 200]), torch.tensor([True, True, True, False, False])
        >>> length_cosine(n, ok, max_length=100).tolist()
        [1.0, 0.75, 0.5, -0.75, -0.5]

    Source: Yeo et al. 2025; the values are those of TRL's cosine-scaled reward.
    Differs: a longer completion keeps the value of the limit; in TRL the cosine turns back there. The paper has a
        further penalty for reaching the limit: add ``length_penalty``.
    """
    if max_length < 1:
        raise RecipeError("the limit must be positive", where="length_cosine.max_length", seen=max_length)
    kind = torch.get_default_dtype()
    wave = 0.5 * (1.0 + torch.cos(math.pi * (length.to(kind) / max_length).clamp(max=1.0)))
    start, end = (torch.where(is_correct, a, b).to(kind) for a, b in zip(correct, wrong, strict=True))
    return end + (start - end) * wave
