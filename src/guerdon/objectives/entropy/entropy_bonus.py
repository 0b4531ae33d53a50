"""The entropy of the policy as a term of the loss."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from guerdon.method import Paper, method


@method(
    paper=Paper(
        "arXiv:1602.01783", "Asynchronous Methods for Deep Reinforcement Learning", "advantage/baselines", "section 4"
    ),
    role="token_loss",
    tags=("entropy control",),
    sources={"coef": "code"},
)
def entropy_bonus(
    entropy: Float[Tensor, "batch time"],
    entropy_coef: Float[Tensor, ""] | Float[Tensor, " batch"] | None = None,
    *,
    coef: float = 1e-3,
) -> Float[Tensor, "batch time"]:
    r"""Pay the policy for staying spread out.

    .. math:: \ell = -c\, H(\pi(\cdot \mid s))

    Args:
        entropy: entropy of the current policy at each decision, nats, with gradient.
        entropy_coef: coefficient written by a controller, one for all or one per row; overrides ``coef``.
        coef: weight :math:`c`; a negative one lowers entropy instead.

    Returns:
        Loss per decision.

    Example:
        >>> import torch
        >>> entropy_bonus(torch.tensor([[2.0, 0.5]]), coef=0.5).tolist()
        [[-1.0, -0.25]]

    Source: Williams and Peng 1991; Mnih et al. 2016, section 4.
    Differs: the default weight is the one of common language-model recipes; the engines that were compared use 0.
    """
    if entropy_coef is None:
        return -coef * entropy
    return -(entropy_coef if entropy_coef.ndim == 0 else entropy_coef[:, None]) * entropy
