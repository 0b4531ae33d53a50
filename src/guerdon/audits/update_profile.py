"""Where in its decisions an update moved the policy, and how far."""

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
    paper=Paper(
        "arXiv:2508.02260", "Decomposing the Entropy-Performance Exchange: The Missing Keys to Unlocking Effective "
        "Reinforcement Learning", "entropy/entropy-performance-exchange", where="token-level analysis of the plateau",
    ),
    scope="update_batch",
    tags=("entropy control",),
    default_source="ours",
)  # fmt: skip
def update_profile(
    logp: Float[Tensor, "batch time"],
    old_logp: Float[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    *,
    bins: int = 10,
    min_change: float = 0.01,
) -> list[Finding]:
    r"""Change of the probability of the decisions taken, by their entropy, their place and the sign of the advantage.

    .. math:: \Delta_t = e^{\log\pi_t} - e^{\log\pi_{old,t}}

    Args:
        logp: log-prob of the decision after the update, nats.
        old_logp: the same before it.
        old_entropy: entropy of the policy before it, nats.
        advantage: what the update was made from.
        mask: the policy's own decisions; nothing is found where there is none.
        bins: number of parts, by quantiles of the entropy and by relative place in the row; 1 or more.
        min_change: :math:`|\Delta|` above which a decision counts as moved, in [0, 1].

    Returns:
        ``moved``: share of decisions with :math:`|\Delta|` above ``min_change``; ``entropy part k`` (1 is the most
        certain) and ``place part k`` (1 is the beginning): mean :math:`|\Delta|` there; ``advantage above 0`` and
        ``advantage below 0``: mean :math:`\Delta`. Intervals take rows as independent; a part with decisions of
            fewer than two rows has none, and is left out.

    Raises:
        RecipeError: ``bins`` or ``min_change`` is out of range.

    Example:
        >>> old, new = torch.tensor([[0.5, 0.9], [0.4, 0.9]]), torch.tensor([[0.7, 0.9], [0.6, 0.9]])
        >>> a, m = torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bool)
        >>> found = update_profile(new.log(), old.log(), torch.tensor([[0.7, 0.3], [0.6, 0.2]]), a, m, bins=2)
        >>> {f.name: round(f.effect, 3) for f in found if not f.name.startswith("place")}
        {'moved': 0.5, 'entropy part 1': 0.0, 'entropy part 2': 0.2, 'advantage above 0': 0.1}

    Source: the paper's pictures of how token probabilities change in the plateau stage.
    Differs: number of parts and the bound are this library's; intervals are added.
    """
    if bins < 1 or not 0.0 <= min_change <= 1.0:
        raise RecipeError("bins of at least 1 and a bound in [0, 1]", where="update_profile", seen=(bins, min_change))
    keep = mask.any(1)
    mask = mask[keep]
    if not mask.numel():
        return []
    given = (logp, old_logp, old_entropy, advantage)
    new, old, entropy, a = (zeroed(x.detach()[keep].double(), mask) for x in given)
    change = new.exp() - old.exp()
    size = change.abs()
    values = entropy[mask].sort().values
    edges = values[[k * len(values) // bins for k in range(1, bins)]]
    certain = torch.bucketize(entropy, edges, right=True)
    place = (mask.cumsum(1) - 1) * bins // mask.sum(1, keepdim=True)
    parts = {"moved": (mask, (size > min_change).double(), f"share moved by more than {min_change:g}")}
    for name, part in (("entropy", certain), ("place", place)):
        parts |= {f"{name} part {k + 1}": (mask & (part == k), size, "mean absolute change") for k in range(bins)}
    for name, part in (("above", a > 0), ("below", a < 0)):
        parts[f"advantage {name} 0"] = mask & part, change, "mean change of the probability"
    return [_finding(n, p, x, text) for n, (p, x, text) in parts.items() if int(p.any(1).sum()) > 1]


def _finding(name: str, part: Tensor, values: Tensor, text: str) -> Finding:
    rows, n = part.any(1), int(part.sum())
    sums = zeroed(values, part).sum(1)[rows]
    found = clustered_ratio(sums.cpu().numpy(), part.sum(1)[rows].double().cpu().numpy())
    return Finding(name, found.estimate, (found.low, found.high), n, message=f"{text}, over {n} decisions")
