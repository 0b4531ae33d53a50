"""Train only on the decisions where the policy is least certain."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.masked import masked_quantile


@method(
    paper=(
        Paper(
            "arXiv:2506.01939",
            "Beyond the 80/20 Rule: High-Entropy Minority Tokens Drive Effective RL for LLM Reasoning",
            "advantage/baselines",
        ),
        Paper("arXiv:2509.25133", "Rethinking Entropy Regularization in Large Reasoning Models", "entropy/siren"),
    ),
    role="mask",
    scope="update_batch",
    tags=("entropy control",),
    sources={"over": "code"},
)  # fmt: skip
def high_entropy_mask(
    entropy: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    quantile: float = 0.8,
    over: Literal["batch", "row"] = "batch",
) -> Bool[Tensor, "batch time"]:
    r"""Keep the decisions whose entropy reaches a quantile of all of them.

    .. math:: k_t = m_t \;[H_t \ge Q_{q}(H)]

    Args:
        entropy: entropy of the policy at each decision, nats; only compared, no gradient.
        mask: the policy's own decisions.
        quantile: :math:`q` in [0, 1]; 0.8 keeps the top fifth, 0 keeps everything.
        over: take the quantile over the decisions of the optimiser batch, or of each row alone.

    Returns:
        True for kept decisions; ties at the quantile are all kept.

    Raises:
        RecipeError: ``quantile`` is not in [0, 1].

    Example:
        >>> h = torch.tensor([[0.1, 0.2, 3.0], [0.3, 2.0, 9.0]])
        >>> m = torch.tensor([[True, True, True], [True, True, False]])
        >>> high_entropy_mask(h, m, quantile=0.75).tolist()  # sorted .1 .2 .3 2 3: the quantile is 2
        [[False, False, True], [False, True, False]]

    Source: Wang et al. 2025, eq. 5, as in TRL's ``top_entropy_quantile`` (which is :math:`1 - q`).
    Differs: nothing for ``batch``.
    """
    h = entropy.detach()
    if over == "batch":
        bar = masked_quantile(h, mask, quantile)
    else:
        bar = torch.stack([masked_quantile(x, m, quantile) for x, m in zip(h, mask, strict=True)])[:, None]
    # an empty mask has a NaN quantile, which keeps nothing
    return (h >= bar) & mask
