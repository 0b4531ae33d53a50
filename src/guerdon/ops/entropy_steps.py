"""What one update of one decision does to the entropy of a softmax: the terms shared by objectives, audits and theory.

Everything here is a pure function of log-probs and entropies; no mask, no statistics over a batch.
"""

from __future__ import annotations

from torch import Tensor


def discriminant(logp: Tensor, entropy: Tensor) -> Tensor:
    r"""How much entropy falls per unit that the logit of the decision rises, :math:`S = p\,(H + \ln p)`.

    Positive for decisions more likely than :math:`e^{-H}`. The sum over a vocabulary is 0.

    Example:
        >>> import torch
        >>> p = torch.tensor([0.7, 0.2, 0.1])
        >>> [round(v, 4) for v in discriminant(p.log(), -(p * p.log()).sum()).tolist()]
        [0.3116, -0.1615, -0.1501]
    """
    return logp.exp() * (entropy + logp)


def mean_discriminant(entropy: Tensor, collision: Tensor, collision_logp: Tensor) -> Tensor:
    r"""Mean of the discriminant over the policy, :math:`E_p[S] = H \sum_i p_i^2 + \sum_i p_i^2 \ln p_i`.

    Example:
        >>> import torch
        >>> p = torch.tensor([0.7, 0.2, 0.1])
        >>> h, c, cl = -(p * p.log()).sum(), (p * p).sum(), (p * p * p.log()).sum()
        >>> round(mean_discriminant(h, c, cl).item(), 4)
        0.1708
    """
    return entropy * collision + collision_logp


def scalar_change(logp: Tensor, old_logp: Tensor, entropy: Tensor, advantage: Tensor, power: float = 1.0) -> Tensor:
    r"""Entropy that an update of the decision takes away, from scalars alone, per unit of learning rate.

    .. math:: \Omega = \frac{A}{p_{old}}\, p\,(1-p)^{k}\,(\ln p + H)

    Probabilities are kept in :math:`[10^{-8}, 1 - 10^{-8}]` (the old one up to 1), so that the result is finite.

    Example:
        >>> import torch
        >>> p, h = torch.tensor([0.9, 0.1], dtype=torch.float64), torch.tensor([0.3, 1.0], dtype=torch.float64)
        >>> [round(v, 6) for v in scalar_change(p.log(), p.log(), h, torch.ones(2)).tolist()]
        [0.019464, -1.172327]
    """
    p = logp.exp().clamp(1e-8, 1.0 - 1e-8)
    return advantage / old_logp.exp().clamp(1e-8, 1.0) * p * (1.0 - p) ** power * (p.log() + entropy)
