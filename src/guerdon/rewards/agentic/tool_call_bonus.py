"""A small reward for using tools, to be faded out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.records import ToolCall


@method(
    paper=Paper(
        "arXiv:2509.22601",
        "Learn the Ropes, Then Trust the Wins: Self-imitation with Progressive Exploration for Agentic "
        "Reinforcement Learning",
        "advantage/spear",
    ),
    tags=("tools", "exploration", "curriculum"),
    default_source="code",
    sources={"apply": "ours"},
)
def tool_call_bonus(
    tool_calls: Sequence[Sequence[ToolCall]],
    is_correct: Bool[Tensor, " batch"] | None = None,
    *,
    per_call: float = 0.1,
    cap: float = 1.0,
    apply: Literal["all", "negative_only", "any_call"] = "all",
) -> Float[Tensor, " batch"]:
    r"""Pay every turn that calls a tool, up to a cap.

    .. math:: R_i = \min(b\,n_i,\ cap),\qquad n_i = |\{\text{turns of } i \text{ with a readable call}\}|

    Early in training it spreads the skill; its ``weight`` in the recipe should fade, or the policy calls for the pay:
    ``weight: {schedule: cosine, from: 1.0, to: 0.0, steps: 200}``.

    Args:
        tool_calls: parsed calls of each row; one with an empty name is broken and does not count.
        is_correct: verdict per row, for the two other ways to apply; list the verifier before this reward.
        per_call: :math:`b`, reward per turn that calls a tool.
        cap: most a row can get.
        apply: ``all`` rows; ``negative_only`` the wrong ones; ``any_call`` pays ``cap`` to a right row with a call.

    Returns:
        One value per row, 0 to ``cap``.

    Raises:
        RecipeError: the way to apply needs verdicts and there are none.

    Example:
        >>> calls = tuple(ToolCall("search", turn=t) for t in (1, 3, 3, 5))
        >>> [round(v, 4) for v in tool_call_bonus([calls, ()]).tolist()]  # three turns
        [0.3, 0.0]

    Source: the authors' reward of the release, and the two other flavours in its mathematics recipes.
    Differs: the release caps ``negative_only`` through the score, at 0 from -1; here the bonus is a reward of its own,
        with the same cap.
    """
    turns = torch.tensor([float(len({c.turn for c in row if c.name})) for row in tool_calls])
    bonus = (per_call * turns).clamp_max(cap)
    if apply == "all":
        return bonus
    if is_correct is None:
        raise RecipeError("this bonus depends on the verdict and there is none", where="tool_call_bonus.apply",
                          seen=apply, allowed="all", fix="list a verifier before it")  # fmt: skip
    right = is_correct.bool().cpu()
    if apply == "negative_only":
        return torch.where(right, torch.zeros_like(bonus), bonus)
    return torch.where(right & (turns > 0), torch.full_like(bonus, cap), torch.zeros_like(bonus))
