"""Leave a few decisions of high covariance out of the update."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.masked import masked_mean


@method(
    paper=Paper(
        "arXiv:2505.22617",
        "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", "entropy/clip-cov-kl-cov",
    ),
    role="mask",
    scope="update_batch",
    tags=("entropy control",),
    traits=("seeded",),
    presets=(Preset("clip_cov/all", params={"fraction": 1.0}, note="every candidate is dropped, nothing is drawn"),),
    golden="clip-cov-kl-cov",
)  # fmt: skip
def clip_cov(
    logp: Float[Tensor, "batch time"],
    advantage: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    rng: Generator,
    clipped: Bool[Tensor, "batch time"] | None = None,
    *,
    fraction: float = 2e-4,
    low: float = 1.0,
    high: float = 5.0,
) -> Bool[Tensor, "batch time"]:
    r"""Drop a random few of the decisions whose covariance of log-prob and advantage lies in a band.

    .. math:: C_i = (\log\pi_i - \overline{\log\pi})(A_i - \bar A),\qquad
              k_i = m_i\,[i \notin S],\quad S \sim \mathcal{U}\{\, S \subset \{low < C < high\} : |S| = n \,\}

    Args:
        logp: log-prob of the decision under the current policy, nats; only compared, no gradient.
        advantage: detached.
        mask: the policy's own decisions; means and choice are over all of the optimiser batch.
        rng: draws the dropped decisions.
        clipped: decisions whose clipped term is already active are no candidates; None: every decision may be one.
        fraction: share of all decisions that is dropped, in [0, 1]: :math:`n = \max(1, \lfloor N f \rfloor)`, at most
            the candidates; 0 drops none.
        low, high: open band of the covariance, nats times the unit of the advantage.

    Returns:
        True for kept decisions. Dropped ones still count in the mean of the loss.

    Raises:
        RecipeError: ``fraction`` is not in [0, 1].

    Example:
        >>> lp = torch.tensor([[-0.1, -3.0, -0.2, -2.9]])
        >>> a, m = torch.tensor([[1.0, 1.0, -1.0, -1.0]]), torch.ones(1, 4, dtype=torch.bool)
        >>> clip_cov(lp, a, m, torch.Generator(), fraction=0.5).tolist()  # C = 1.45, -1.45, -1.35, 1.35
        [[False, True, True, False]]

    Source: Cui et al. 2025, section 4.3, with the authors' released function.
    Differs: the release clips with a band of 1 beside it, so that its own clip hardly acts; here that is the choice
        of the ``clip`` in the recipe. It divides the sums of its means by :math:`N + 10^{-8}`.
    """
    if not 0.0 <= fraction <= 1.0:
        raise RecipeError("fraction is a share", where="clip_cov.fraction", seen=fraction, allowed="[0, 1]")
    now = logp.detach()
    covariance = (now - masked_mean(now, mask)) * (advantage - masked_mean(advantage, mask))
    candidate = mask & (covariance > low) & (covariance < high)
    if clipped is not None:
        candidate = candidate & ~clipped
    places = candidate.flatten().nonzero()[:, 0]
    count = min(max(1, int(int(mask.sum()) * fraction)), len(places)) if fraction > 0 else 0
    # drawn where the generator lives, so that a run on another device drops the same decisions
    drawn = torch.randperm(len(places), generator=rng, device=rng.device)[:count].to(places.device)
    kept = mask.flatten().clone()
    kept[places[drawn]] = False
    return kept.view_as(mask)
