"""A reward for correct answers of the right length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.records.model import Task


@method(
    paper=Paper(
        "arXiv:2604.08539",
        "OpenVLThinkerV2: A Generalist Multimodal Reasoning Model for Multi-domain Visual Tasks",
        "advantage/g2rpo", where="length shaping; a reconstruction",
    ),
    tags=("length control", "multi-task"),
    default_source="ours",
)  # fmt: skip
def length_window(
    length: Int[Tensor, " batch"],
    is_correct: Bool[Tensor, " batch"],
    task: Sequence[Task] | None = None,
    *,
    low: float,
    high: float,
    margin: float = 0.0,
    windows: Mapping[str, tuple[float, float]] | None = None,
) -> Float[Tensor, " batch"]:
    r"""One for a correct answer inside a window of lengths, falling to zero over a margin on both sides.

    .. math:: R_i = c_i\,\max\Big(0,\ 1 - \frac{\max(low - L_i,\ L_i - high,\ 0)}{margin}\Big)

    A family of tasks that needs a chain of thought and one that needs a glance may have windows of their own.

    Args:
        length: valid decisions of the row.
        is_correct: the verifier accepts the row; list this reward after the verifier.
        task: tells the family of each row; needed for ``windows``.
        low, high: the window, tokens, both ends inside.
        margin: tokens over which the reward falls to 0 outside; 0 for hard edges.
        windows: ``(low, high)`` of single task families by name (``domain`` of the task); others have the common one.

    Returns:
        In [0, 1] for each row, 0 for wrong answers; the weight against other rewards is the recipe's.

    Raises:
        RecipeError: a window whose ends are swapped, a negative margin, or ``windows`` without tasks.

    Example:
        >>> n, ok = torch.tensor([5, 8, 12, 17, 12]), torch.tensor([True, True, True, True, False])
        >>> length_window(n, ok, low=10, high=15, margin=4).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Source: the paper describes a length shaping per task; its formula is not public.
    Differs: the trapezoid is a reconstruction, and window and margin are the user's to choose.
    """
    ends = dict(windows or {})
    for where, (start, end) in {"low, high": (low, high), **{f"windows.{k}": v for k, v in ends.items()}}.items():
        if start > end:
            raise RecipeError(
                "a window of lengths begins at its lower end", where=f"length_window.{where}", seen=(start, end),
                fix="swap them",
            )  # fmt: skip
    if margin < 0:
        raise RecipeError("a margin in tokens", where="length_window.margin", seen=margin, allowed="0 or more")
    if ends and task is None:
        raise RecipeError(
            "windows of task families need the signal task", where="length_window.windows", seen=sorted(ends)
        )
    size = length.to(torch.get_default_dtype())
    chosen = [(low, high)] * len(size) if task is None else [ends.get(t.domain, (low, high)) for t in task]
    bounds = size.new_tensor(chosen).reshape(-1, 2)
    beyond = torch.maximum(bounds[:, 0] - size, size - bounds[:, 1]).clamp_min(0.0)
    inside = (1.0 - beyond / margin).clamp_min(0.0) if margin > 0 else (beyond == 0).to(size.dtype)
    return torch.where(is_correct, inside, torch.zeros_like(inside))
