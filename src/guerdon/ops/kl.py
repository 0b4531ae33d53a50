"""Estimators of the KL divergence from log-probs of sampled decisions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from guerdon.errors import RecipeError

Estimator = Literal["k1", "abs", "k2", "k3"]


def kl_estimate(logp: Tensor, ref_logp: Tensor, estimator: Estimator = "k3", *, clamp: float = 10.0) -> Tensor:
    r"""Per-decision KL estimate with :math:`d = \log\pi - \log\pi_{ref}`.

    ``k1`` :math:`d`; ``abs`` :math:`|d|`; ``k2`` :math:`d^2/2`; ``k3`` :math:`e^{-d} - 1 + d`, with :math:`-d` clamped
    to :math:`[-20, 20]` before the exponential and the result to :math:`[-clamp, clamp]`.

    Under decisions sampled from :math:`\pi`, ``k1`` and ``k3`` are unbiased for
    :math:`\mathrm{KL}(\pi\,\|\,\pi_{ref})`; the gradient of ``k2`` is, on average, the gradient of that divergence.

    Raises:
        RecipeError: the estimator is unknown.

    Example:
        >>> import torch
        >>> kl_estimate(torch.tensor([0.0]), torch.tensor([-1.0]), "k2").item()
        0.5
        >>> round(kl_estimate(torch.tensor([0.0]), torch.tensor([-1.0]), "k3").item(), 4)  # 1/e - 1 + 1
        0.3679
    """
    d = logp - ref_logp
    if estimator == "k1":
        return d
    if estimator == "abs":
        return d.abs()
    if estimator == "k2":
        return 0.5 * d * d
    if estimator == "k3":
        minus = (-d).clamp(-20.0, 20.0)
        return (torch.expm1(minus) - minus).clamp(-clamp, clamp)
    raise RecipeError("unknown KL estimator", seen=estimator, allowed=["k1", "abs", "k2", "k3"])


def with_gradient_of(value: Tensor, carrier: Tensor) -> Tensor:
    """The numbers of ``value`` with the gradient of ``carrier``.

    Example:
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> y = with_gradient_of(x.abs(), x * x)
        >>> y.backward()
        >>> y.item(), x.grad.item()
        (3.0, 6.0)
    """
    return carrier + (value - carrier).detach()
