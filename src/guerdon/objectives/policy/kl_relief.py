"""A lower KL coefficient for rows that deserve a second chance."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=Paper(
        "arXiv:2510.08457", "ARES: Multimodal Adaptive Reasoning via Difficulty-Aware Token-Level Entropy Shaping",
        "entropy/ares",
    ),
    role="coefficient",
    tags=("kl control",),
    writes=("kl_coef",),
    default_source="code",
    sources={"coef": "ours"},
)  # fmt: skip
def kl_relief(
    difficulty: Int[Tensor, " batch"],
    is_correct: Bool[Tensor, " batch"],
    entropy_windows: Float[Tensor, "batch aspect"],
    kl_coef: Float[Tensor, ""] | Float[Tensor, " batch"] | None = None,
    *,
    factor: float = 0.67,
    min_cost: float = 0.5,
    coef: float = 1.0,
) -> Float[Tensor, " batch"]:
    r"""Multiply the KL coefficient of easy, wrong and uncertain rows by a factor below 1.

    .. math:: \beta'_i = \beta_i \cdot \begin{cases} f & d_i = easy \wedge \neg correct_i \wedge cost_i \ge c \\
              1 & \text{else} \end{cases}

    Args:
        difficulty: 0 easy, 1 medium, 2 hard.
        is_correct: the verifier accepts the row.
        entropy_windows: of every row; the last column is the excess of its windows over the threshold, nats.
        kl_coef: coefficient that another controller wrote, one for all or one per row; None: ``coef``.
        factor: what is left of the coefficient.
        min_cost: least excess of a row that counts as uncertain, nats.
        coef: coefficient where no controller wrote one.

    Returns:
        One coefficient per row, which takes the place of the one that came in.

    Example:
        >>> import torch
        >>> windows = torch.tensor([[2.0, 0.0, 0.6], [2.0, 0.0, 0.4], [2.0, 0.0, 0.6]])
        >>> right = torch.tensor([False, False, True])
        >>> [round(b, 3) for b in kl_relief(torch.zeros(3, dtype=torch.long), right, windows).tolist()]
        [0.67, 1.0, 1.0]

    Source: the authors' released trainer.
    Differs: the published text relaxes the KL inside high-entropy windows; the released trainer, followed here,
        scales whole rows.
    """
    given = coef if kl_coef is None else kl_coef
    base = torch.as_tensor(given, dtype=entropy_windows.dtype, device=entropy_windows.device)
    second = (difficulty == 0) & ~is_correct & (entropy_windows[:, -1] >= min_cost)
    return torch.where(second, factor * base, base)
