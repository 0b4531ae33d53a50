"""Pay for words up to a target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.answers import MAX_TEXT, extract_answer


@method(
    paper=Paper("arXiv:2504.13958", "ToolRL: Reward is All Tool Learning Needs", "agentic/toolrl",
                where="length reward"),
    tags=("length",),
    default_source="code",
    golden="toolrl",
)  # fmt: skip
def word_target(
    completion: Sequence[str | None], *, target: float = 512.0, segment: str | None = "think", digits: int | None = 2
) -> Float[Tensor, " batch"]:
    r"""Pay the number of words as a share of a target, at most 1.

    .. math:: R_i = \min(w_i / W,\, 1)

    Args:
        completion: generated text.
        target: words :math:`W` that earn 1, above 0; a schedule moves it (ToolRL: 384 to 640 over 105 steps).
        segment: tag whose last element is counted, None for the whole text.
        digits: decimals kept, None for all.

    Returns:
        A number in [0, 1] per row; 0 where the segment is missing or not closed.

    Raises:
        RecipeError: the target is not above 0.

    Example:
        >>> word_target(["<think>one two three</think> four", "one two"], target=4.0).tolist()
        [0.75, 0.0]

    Source: Qian et al. 2025, the released length reward.
    Differs: only the last 100,000 characters are read.
    """
    if not target > 0:
        raise RecipeError("the target must be positive", where="word_target.target", seen=target)
    found = []
    for text in completion:
        part = text or ""
        if segment is not None:
            part = extract_answer(part, "tag", tag=segment, max_answer=MAX_TEXT)
        share = len(part.split()) / target
        found.append(min(share if digits is None else round(share, digits), 1.0))
    return torch.tensor(found, dtype=torch.get_default_dtype())
