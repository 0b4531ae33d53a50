"""What clipping the importance ratio takes from the surrogate, and from which side."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed
from guerdon.ops.stats import clustered_ratio
from guerdon.records import Finding


@method(
    paper=Paper("arXiv:2512.16912", "Exploration vs Exploitation: Rethinking RLVR through Clipping, Entropy, and "
                "Spurious Reward", "entropy/clipping-spurious", where="clipping bias"),
    scope="update_batch",
    tags=("spurious reward", "trust region"),
    settings={"log_ratio": {"level": "token"}},
)  # fmt: skip
def clip_bias(
    log_ratio: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    low: float = 0.2,
    high: float = 0.2,
) -> list[Finding]:
    r"""Rates of clipping by the sign of the advantage, and the surrogate that clipping takes away.

    .. math:: \min(rA, \mathrm{clip}(r)A) = rA - C,\qquad
              C = (r - 1 - high)\,A\,[r > 1 + high, A > 0] + (r - 1 + low)\,A\,[r < 1 - low, A < 0] \ge 0

    A small :math:`E[C]` beside :math:`E|rA|` means that clipping cannot be where a learning signal comes from.

    Args:
        log_ratio: :math:`\log\pi - \log\pi_{old}` per decision.
        advantage: detached.
        mask: the policy's own decisions; nothing is found where there is none.
        low, high: width of the band below and above 1; ``.inf`` never clips.

    Returns:
        ``clipped above`` (advantage above 0) and ``clipped below`` (advantage below 0): shares of all decisions;
        ``clip bias``: mean of :math:`C`, in units of the advantage; ``relative clip bias``: :math:`E[C]/E|rA|`, where
        some advantage is not 0. Intervals take rows as independent.

    Raises:
        RecipeError: a negative width.

    Example:
        >>> r, a = torch.tensor([[1.5, 1.1], [0.5, 1.0]]), torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
        >>> found = clip_bias(r.log(), a, torch.ones(2, 2, dtype=torch.bool))
        >>> [(f.name, round(f.effect, 4)) for f in found]  # C = .3, 0, .3, 0 and |rA| sums to 4.1
        [('clipped above', 0.25), ('clipped below', 0.25), ('clip bias', 0.15), ('relative clip bias', 0.1463)]

    Source: the decomposition of the clipped surrogate in the study of spurious rewards.
    Differs: the dual bound is not part of it; intervals are added.
    """
    if not (low >= 0.0 and high >= 0.0):
        raise RecipeError("the width of the band is at least 0", where="clip_bias", seen=(low, high))
    keep = mask.any(1)
    mask = mask[keep]
    if not mask.numel():
        return []
    r = zeroed(log_ratio.detach()[keep].double(), mask).exp()
    a = zeroed(advantage.detach()[keep].double(), mask)
    above, below = (r > 1.0 + high) & (a > 0), (r < 1.0 - low) & (a < 0)
    zero = torch.zeros_like(r)
    taken = torch.where(above, (r - 1.0 - high) * a, torch.where(below, (r - 1.0 + low) * a, zero))
    counts, size = mask.sum(1).double(), (r * a).abs().sum(1)
    found = [
        _finding("clipped above", above.double(), counts, mask, "share of decisions, advantage above 0"),
        _finding("clipped below", below.double(), counts, mask, "share of decisions, advantage below 0"),
        _finding("clip bias", taken, counts, mask, "mean surrogate taken by the clip, in units of the advantage"),
    ]
    if float(size.sum()) > 0.0:
        text = "surrogate taken by the clip beside the mean size of the unclipped one"
        found.append(_finding("relative clip bias", taken, size, mask, text))
    return found


def _finding(name: str, values: Tensor, wholes: Tensor, mask: Tensor, text: str) -> Finding:
    found = clustered_ratio(values.sum(1).cpu().numpy(), wholes.cpu().numpy())
    return Finding(name, found.estimate, (found.low, found.high), int(mask.sum()), message=text)
