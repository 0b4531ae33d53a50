"""Which decisions take part in token-level estimators, and what is done with them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from guerdon.ops.masked import masked_whiten, zeroed


def live_rewards(token_reward: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rewards with zeros elsewhere, and the decisions of scored rows; one NaN on a valid decision unscores its row."""
    mask = mask.bool()
    unscored = torch.isnan(zeroed(token_reward, mask)).any(1, keepdim=True)
    live = mask & ~unscored
    return zeroed(token_reward, live), live


def discounted_sums(reward: Tensor, live: Tensor, gamma: float, holes: Literal["skip", "reset"]) -> Tensor:
    """Discounted sum of the rewards from each live decision on, 0 elsewhere; see ``reward_to_go`` for ``holes``."""
    ahead = torch.zeros_like(reward[:, 0]) if reward.shape[1] else reward.new_zeros(len(reward))
    out = torch.zeros_like(reward)
    for t in reversed(range(reward.shape[1])):
        here = reward[:, t] + gamma * ahead
        at_hole = ahead if holes == "skip" else torch.zeros_like(ahead)
        ahead = torch.where(live[:, t], here, at_hole)
        out[:, t] = torch.where(live[:, t], here, torch.zeros_like(here))
    return out


def whitened(advantage: Tensor, live: Tensor, eps: float) -> Tensor:
    """Standardised over the live decisions, 0 elsewhere; nothing to do where there is none."""
    if not bool(live.any()):
        return torch.zeros_like(advantage)
    return zeroed(masked_whiten(zeroed(advantage, live), live, eps=eps), live)
