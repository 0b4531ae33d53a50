"""Numbers that a policy update logs; pure functions of masked tensors, none of them carries a gradient.

A share or mean takes ``eps``, added to the count: 0 for the exact mean, 1e-8 for the numbers that verl logs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guerdon.ops.masked import masked_mean


def approx_kl(logp: Tensor, old_logp: Tensor, mask: Tensor, *, absolute: bool = False, eps: float = 0.0) -> Tensor:
    r"""Mean of :math:`\log\pi_{old} - \log\pi` over the mask (``absolute``: of its magnitude).

    Unbiased for the divergence of the behaviour policy from the current one; a single batch may give a negative value.

    Example:
        >>> m = torch.tensor([[True, True, False]])
        >>> approx_kl(torch.tensor([[-2.0, -1.0, 0.0]]), torch.tensor([[-1.0, -1.0, 9.0]]), m).item()
        0.5
    """
    d = (old_logp - logp).detach()
    return masked_mean(d.abs() if absolute else d, mask, eps=eps)


def share(flag: Tensor, mask: Tensor, *, eps: float = 0.0, dtype: torch.dtype | None = None) -> Tensor:
    """Share of the masked decisions whose flag is True, such as the clip fraction; 0 for an empty mask.

    Example:
        >>> share(torch.tensor([True, False, True]), torch.tensor([True, True, False])).item()
        0.5
    """
    return masked_mean(flag.detach().to(dtype or torch.get_default_dtype()), mask, eps=eps)


def dual_clipped(
    log_ratio: Tensor, advantage: Tensor, *, low: float = 0.2, high: float = 0.2, dual: float = 3.0,
    max_log_ratio: float = 20.0,
) -> Tensor:  # fmt: skip
    r"""Where dual clip bounds the loss: :math:`A < 0` and :math:`\max(-Ar, -A\,\mathrm{clip}(r)) > -A\,dual`.

    Example:
        >>> dual_clipped(torch.log(torch.tensor([4.0, 4.0, 2.0])), torch.tensor([-1.0, 1.0, -1.0])).tolist()
        [True, False, False]
    """
    ratio = log_ratio.detach().clamp(-max_log_ratio, max_log_ratio).exp()
    worst = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1.0 - low, 1.0 + high))
    return (worst > -advantage * dual) & (advantage < 0)


def value_clipped(value: Tensor, old_value: Tensor, returns: Tensor, *, clip: float = 0.2) -> Tensor:
    r"""Where the clipped value is farther from the return than the value itself, so that the bound is active.

    Example:
        >>> value_clipped(torch.tensor([1.0, 0.1]), torch.zeros(2), torch.ones(2)).tolist()
        [True, False]
    """
    bounded = old_value + (value.detach() - old_value).clamp(-clip, clip)
    return (bounded - returns) ** 2 > (value.detach() - returns) ** 2
