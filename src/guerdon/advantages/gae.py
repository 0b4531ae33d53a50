"""Generalised advantage estimation with a critic."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.advantages._live import live_rewards, whitened
from guerdon.method import Paper, Preset, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:1506.02438", "High-Dimensional Continuous Control Using Generalized Advantage Estimation",
        "advantage/baselines",
    ),
    scope="rollout_batch",
    tags=("critic",),
    writes=("returns",),
    presets=(Preset("gae/trl", params={"lam": 0.95}, note="lambda of TRL's PPO"),),
    golden="baselines-advantages",
    sources={"gamma": "code", "lam": "code", "whiten": "code", "eps": "code"},
)  # fmt: skip
def gae(
    token_reward: Float[Tensor, "batch time"],
    old_value: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    terminated: Bool[Tensor, "batch time"] | None = None,
    truncated: Bool[Tensor, "batch time"] | None = None,
    next_value: Float[Tensor, "batch time"] | None = None,
    discount: Float[Tensor, "batch time"] | None = None,
    *,
    gamma: float = 1.0,
    lam: float = 1.0,
    whiten: bool = True,
    eps: float = 1e-8,
) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
    r"""Exponentially weighted sum of the critic's surprises.

    .. math:: \delta_t = r_t + \gamma V_{t+1} - V_t,\qquad A_t = \delta_t + \gamma\lambda A_{t+1},\qquad
              \mathrm{returns}_t = A_t + V_t

    :math:`t+1` is the next valid decision: holes in the mask are skipped, as if they were not there.

    :math:`V_{t+1}` is 0 at ``terminated``; else ``next_value`` where that signal is given; else the value of the next
    valid decision, and 0 after the last one or at a ``truncated`` one. So a row that was cut bootstraps only if
    ``next_value`` is given. Without ``terminated`` the last decision of a row is its true end unless ``truncated``
    says that it was cut. Nothing is carried back over a terminated or truncated decision: what follows it in the
    row is another episode.

    Args:
        token_reward: reward per decision, any unit; a NaN on a valid decision means the row was not scored.
        old_value: the critic's predicted return before each decision.
        mask: the policy's own decisions.
        terminated: true end of the task after this decision.
        truncated: cut by a limit after this decision.
        next_value: predicted return after each decision.
        discount: factor per decision that takes the place of ``gamma``.
        gamma: discount, 0 to 1.
        lam: 0 trusts the critic (one-step surprise), 1 trusts the rewards.
        whiten: standardise the advantages over all valid decisions of the batch.
        eps: added to the variance in whitening.

    Returns:
        Advantages, 0 outside the mask and on rows that were not scored; and ``returns`` from the advantages before
        whitening, 0 outside the mask and equal to ``old_value`` on rows that were not scored, so that they teach the
        critic nothing.

    Raises:
        NumericsError: whitening over a single decision.

    Example:
        >>> import torch
        >>> r, v = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.25]])
        >>> a, ret = gae(r, v, torch.tensor([[True, True]]), lam=0.0, whiten=False)
        >>> a.tolist(), ret.tolist()
        ([[-0.25, 0.75]], [[0.25, 1.0]])

    Source: Schulman et al. 2016, eq. 16; defaults and the treatment of holes as in verl (TRL: lam 0.95).
    Differs: verl leaves carried numbers outside the mask; here they are 0.
    """
    clean, live = live_rewards(token_reward, mask)
    value = zeroed(old_value, live)
    factor = zeroed(discount, live) if discount is not None else torch.full_like(clean, gamma)
    cut = zeroed(truncated, live) if truncated is not None else torch.zeros_like(live)
    ended = zeroed(terminated, live) if terminated is not None else _last(live) & ~cut
    bootstrap = zeroed(next_value, live & ~ended) if next_value is not None else None
    advantage = torch.zeros_like(clean)
    ahead, carry = value.new_zeros(len(value)), value.new_zeros(len(value))
    for t in reversed(range(clean.shape[1])):
        over = ended[:, t] | cut[:, t]
        after = bootstrap[:, t] if bootstrap is not None else ahead.masked_fill(over, 0.0)
        carried = carry.masked_fill(over, 0.0)
        here = clean[:, t] + factor[:, t] * (after + lam * carried) - value[:, t]
        carry = torch.where(live[:, t], here, carry)
        ahead = torch.where(live[:, t], value[:, t], ahead)
        advantage[:, t] = zeroed(here, live[:, t])
    returns = zeroed(advantage + old_value, mask)
    return (whitened(advantage, live, eps) if whiten else advantage), returns


def _last(live: Tensor) -> Tensor:
    later = live.flip(1).cumsum(1).flip(1)
    return live & (later == 1)
