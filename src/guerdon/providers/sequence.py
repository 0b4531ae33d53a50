"""Quantities of a whole row that follow from its decisions."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import method
from guerdon.ops.masked import masked_sum


@method(writes=("sequence_logp",))
def sequence_logp(
    logp: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
) -> Float[Tensor, " batch"]:  # fmt: skip
    """Log-prob of the whole row under the current policy: the sum over its decisions.

    Args:
        logp: log-prob of each decision, nats, with gradient.
        mask: the policy's own decisions.

    Returns:
        One value per row, nats; 0 for a row without decisions.

    Example:
        >>> import torch
        >>> sequence_logp(torch.tensor([[-1.0, -2.0, 9.0]]), torch.tensor([[True, True, False]])).tolist()
        [-3.0]
    """
    return masked_sum(logp, mask, 1)


@method(writes=("ref_sequence_logp",))
def ref_sequence_logp(
    ref_logp: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
) -> Float[Tensor, " batch"]:  # fmt: skip
    """Log-prob of the whole row under the reference model.

    Args:
        ref_logp: log-prob of each decision under the reference, nats, detached.
        mask: the policy's own decisions.

    Returns:
        One value per row, nats; 0 for a row without decisions.

    Example:
        >>> import torch
        >>> ref_sequence_logp(torch.tensor([[-1.0, -2.0]]), torch.tensor([[True, True]])).tolist()
        [-3.0]
    """
    return masked_sum(ref_logp, mask, 1).detach()


@method(writes=("kl",))
def kl(
    old_logp: Float[Tensor, "batch time"], ref_logp: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
) -> Float[Tensor, " batch"]:  # fmt: skip
    r"""Summed log-ratio of the sampling policy to the reference, an unbiased estimate of their divergence.

    .. math:: \widehat{\mathrm{KL}}_i = \sum_t \log\pi_{old,t} - \log\pi_{ref,t}

    Args:
        old_logp: log-prob under the policy that sampled the row, nats.
        ref_logp: log-prob under the reference, nats.
        mask: the policy's own decisions.

    Returns:
        One value per row, nats, detached; a single row may be negative, the expectation is not.

    Example:
        >>> import torch
        >>> kl(torch.tensor([[-1.0, -1.0]]), torch.tensor([[-1.5, -1.25]]), torch.ones(1, 2, dtype=torch.bool)).tolist()
        [0.75]
    """
    return masked_sum(old_logp - ref_logp, mask, 1).detach()


@method(writes=("length",))
def length(mask: Bool[Tensor, "batch time"]) -> Int[Tensor, " batch"]:
    """Number of the policy's own decisions in each row.

    Args:
        mask: the policy's own decisions.

    Returns:
        Counts, at least 0.

    Example:
        >>> import torch
        >>> length(torch.tensor([[True, True, False], [False, False, False]])).tolist()
        [2, 0]
    """
    return mask.long().sum(1)
