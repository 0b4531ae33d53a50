"""One advantage for all rows of a source."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2510.08141", "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement "
        "Fine-tuning", "entropy/aepo-arbitrary",
    ),
    tags=("entropy control",),
    default_source="code",
    sources={"only": "ours"},
)  # fmt: skip
def source_constant(
    advantage: Float[Tensor, "batch time"],
    source: Sequence[str],
    mask: Bool[Tensor, "batch time"],
    reward: Float[Tensor, " batch"] | None = None,
    *,
    only: str = "hot",
    value: float = 1.0,
) -> Float[Tensor, "batch time"]:
    r"""The advantage of every decision of the rows of one source is a constant.

    .. math:: A'_{i,t} = \begin{cases} v & source_i = s \\ A_{i,t} & \text{else} \end{cases}

    With 1 on correct rows this is REINFORCE on a reward of 0 and 1 beside the other rows' estimator.

    Args:
        advantage: from an estimator.
        source: pass, run or model that made the row.
        mask: the policy's own decisions.
        reward: where given, rows whose reward is NaN were not scored and stay 0.
        only: the source whose rows are set.
        value: their advantage.

    Returns:
        The advantage, 0 outside the mask.

    Example:
        >>> a, m = torch.tensor([[0.5, 0.5], [0.25, 0.0]]), torch.tensor([[True, True], [True, False]])
        >>> source_constant(a, ["base", "hot"], m).tolist()
        [[0.5, 0.5], [1.0, 0.0]]

    Source: the authors' released trainer.
    Differs: nothing.
    """
    chosen = torch.tensor([s == only for s in source], device=advantage.device)
    if reward is not None:
        chosen = chosen & ~torch.isnan(reward)
    return zeroed(torch.where(chosen[:, None], torch.full_like(advantage, value), advantage), mask)
