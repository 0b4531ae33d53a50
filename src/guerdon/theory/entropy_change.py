"""What one policy-gradient step does to the entropy of a softmax, exactly and by the estimates of several papers."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import DataError
from guerdon.method import Paper, method
from guerdon.ops.entropy_steps import discriminant, scalar_change


@method(
    paper=(
        Paper("arXiv:2602.03392", "On the Entropy Dynamics in Reinforcement Fine-Tuning of Large Language Models",
              "entropy/entropy-discriminator-clip"),
        Paper("arXiv:2510.10150", "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective",
              "entropy/steer"),
        Paper("arXiv:2505.22617",
              "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models",
              "entropy/clip-cov-kl-cov"),
    ),
    kind="solver",
    tags=("entropy control",),
    sources={"lr": "ours"},
)  # fmt: skip
def entropy_change(
    logits: Float[Tensor, "item vocab"],
    action: Int[Tensor, " item"],
    advantage: Float[Tensor, " item"],
    *,
    lr: float = 1e-3,
    estimator: Literal["exact", "first_order", "covariance", "natural", "scalar"] = "exact",
) -> Float[Tensor, " item"]:
    r"""Change of entropy when the sampled decision of each state is updated once, alone.

    .. math:: z \leftarrow z + \alpha\,(e_k - p),\quad \alpha = lr \cdot A,\qquad S_i = p_i\,(H + \ln p_i)

    ==============  =============================================================================================
    ``exact``       :math:`H(z') - H(z)`
    ``first_order`` :math:`-\alpha\,(S_k - E_p[S])`
    ``covariance``  :math:`-lr\,(\ln p_k - \overline{\ln p})(A - \bar A)`, centred over the states given
    ``natural``     :math:`-\alpha\,(\ln p_k + H)`, whose mean over :math:`k \sim p` is
                    :math:`-lr\,\mathrm{Cov}_p(\ln p, A)`: the natural gradient :math:`z \leftarrow z + lr\,A`
    ``scalar``      :math:`-\alpha\,(1 - p_k)(\ln p_k + H)`
    ==============  =============================================================================================

    Args:
        logits: of each state; ``-inf`` for what cannot be chosen.
        action: index of the decision taken.
        advantage: of the decision.
        lr: size of the step; the estimates are linear in it, the exact change is not.
        estimator: which of the five.

    Returns:
        Change of entropy per state, nats; negative where entropy falls.

    Raises:
        DataError: an action outside the vocabulary or of probability 0, or a value that is not finite.

    Example:
        >>> z = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log().expand(3, 3)
        >>> k, a = torch.arange(3), torch.ones(3, dtype=torch.float64)
        >>> [round(v / 1e-5, 4) for v in entropy_change(z, k, a, lr=1e-5).tolist()]
        [-0.1408, 0.3323, 0.3209]
        >>> [round(v, 4) for v in entropy_change(z, k, a, lr=1.0, estimator="first_order").tolist()]
        [-0.1408, 0.3323, 0.3209]

    Source: the first-order form of the discriminator paper, the covariance forms of the entropy mechanism, the scalar
        form of STEER, all for a state of its own logits.
    Differs: the covariance of the entropy mechanism is over the actions of a context; what its mask uses, and what is
        given here, is over the decisions of a batch.
    """
    log_p = torch.log_softmax(logits, -1)
    size = logits.shape[-1]
    if bool(((action < 0) | (action >= size)).any()):
        raise DataError("an action is not in the vocabulary", where="entropy_change.action",
                        seen=[int(action.min()), int(action.max())], allowed=f"0 to {size - 1}")  # fmt: skip
    taken = log_p.gather(-1, action[:, None])[:, 0]
    if not bool((torch.isfinite(taken) & torch.isfinite(advantage)).all()):
        raise DataError("every action needs a probability above 0 and every advantage a finite value",
                        where="entropy_change")  # fmt: skip
    entropy = _entropy(log_p)
    step = lr * advantage
    if estimator == "exact":
        moved = logits + step[:, None] * (torch.nn.functional.one_hot(action, size) - log_p.exp())
        return _entropy(torch.log_softmax(moved, -1)) - entropy
    if estimator == "first_order":
        each = torch.nan_to_num(discriminant(log_p, entropy[:, None]))  # 0 times minus infinity: p ln p is 0 there
        return -step * (discriminant(taken, entropy) - (log_p.exp() * each).sum(-1))
    if estimator == "covariance":
        return -lr * (taken - taken.mean()) * (advantage - advantage.mean())
    if estimator == "natural":
        return -step * (taken + entropy)
    return -lr * scalar_change(taken, taken, entropy, advantage)


def _entropy(log_p: Tensor) -> Tensor:
    return torch.special.entr(log_p.exp()).sum(-1)
