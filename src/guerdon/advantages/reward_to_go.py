"""Sum of the rewards still to come, with a choice of baseline: REINFORCE++ and ReMax."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.advantages._live import discounted_sums, live_rewards, whitened
from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.ops.groups import groups
from guerdon.ops.masked import zeroed

_PP = {"whiten": True}
_PP_GROUP = {"baseline": "group", "whiten": True}


@method(
    paper=(
        Paper(
            "arXiv:2501.03262", "REINFORCE++: A Simple and Efficient Approach for Aligning Large Language Models",
            "advantage/baselines",
        ),
        Paper(
            "arXiv:2310.10505",
            "ReMax: A Simple, Effective, and Efficient Reinforcement Learning Method for Aligning Large Language "
            "Models",
            "advantage/baselines",
        ),
    ),
    scope="rollout_batch",
    tags=("critic-free",),
    traits=("whole_group",),
    presets=(
        Preset("reinforce_pp", params=_PP, note="whitened over the batch"),
        Preset("reinforce_plus_plus", params=_PP, note="same as reinforce_pp"),
        Preset("reinforce_pp_baseline", params=_PP_GROUP, note="group mean first, then whitened"),
        Preset("reinforce_plus_plus_baseline", params=_PP_GROUP, note="same as reinforce_pp_baseline"),
        Preset("reinforce_pp/verl", params={**_PP, "holes": "reset"}, note="verl drops what lies behind a hole"),
        Preset(
            "remax", params={"baseline": "greedy"},
            bind={"reference_reward": {"policy": "current", "decode": "greedy"}},
            note="minus the reward of the greedy answer",
        ),
    ),
    golden="baselines-advantages",
    sources={"eps": "code", "holes": "ours", "singleton": "ours"},
)  # fmt: skip
def reward_to_go(
    token_reward: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    group_id: Int[Tensor, " batch"] | None = None,
    reference_reward: Float[Tensor, "batch member"] | None = None,
    *,
    gamma: float = 1.0,
    baseline: Literal["none", "group", "greedy"] = "none",
    whiten: bool = False,
    eps: float = 1e-8,
    holes: Literal["skip", "reset"] = "skip",
    singleton: Literal["zero", "raw"] = "zero",
) -> Float[Tensor, "batch time"]:
    r"""Discounted sum of the rewards from each decision on, minus a baseline, whitened where asked.

    .. math:: A_t = G_t - b,\qquad G_t = r_t + \gamma\,G_{t+1}

    The baseline is 0, the mean over the group of the undiscounted row total, or the mean of ``reference_reward``.

    Args:
        token_reward: reward per decision, any unit; a NaN on a valid decision means the row was not scored.
        mask: the policy's own decisions; :math:`t+1` is the next one of them.
        group_id: rows of one prompt share it; needed for ``baseline="group"``.
        reference_reward: reward of other answers, NaN = padding; needed for ``baseline="greedy"``.
        gamma: discount per decision, 0 to 1.
        baseline: what is subtracted.
        whiten: standardise over all valid decisions of the batch, :math:`(x-\mu)/\sqrt{\sigma^2+\epsilon}`.
        eps: the :math:`\epsilon` of whitening.
        holes: at decisions that are not the policy's (tool output): ``skip`` carries the sum over them, ``reset``
            forgets everything behind them.
        singleton: advantage of a row alone in its group under ``baseline="group"``: 0, or no baseline.

    Returns:
        The advantage on valid decisions, 0 elsewhere. Rows that were not scored, or whose greedy reward is not known,
        get 0 and enter neither a baseline nor whitening. Rows without decisions enter no baseline.

    Raises:
        RecipeError: the baseline needs a signal that was not given.
        NumericsError: whitening over a single decision.

    Example:
        >>> import torch
        >>> r, m = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[True, True, True]])
        >>> reward_to_go(r, m, gamma=0.5).tolist()
        [[0.25, 0.5, 1.0]]
        >>> reward_to_go(r, m, None, torch.tensor([[0.25]]), baseline="greedy").tolist()
        [[0.75, 0.75, 0.75]]

    Source: Hu et al. 2025 (REINFORCE++ and its baseline form); Li et al. 2023 (ReMax).
    Differs: verl forgets the reward behind a hole in the mask (``holes="reset"``), its baseline form pays every
        decision the row total instead of :math:`G_t` (equal when only the last decision is paid and
        :math:`\gamma=1`) and leaves a lone row without baseline (``singleton="raw"``).
    """
    clean, live = live_rewards(token_reward, mask)
    advantage = discounted_sums(clean, live, gamma, holes)
    if baseline == "group":
        if group_id is None:
            raise RecipeError("baseline: group needs the signal group_id", where="reward_to_go.baseline", seen=baseline)
        total = clean.sum(1).masked_fill(~live.any(1), float("nan"))
        g = groups(group_id, total)
        alone = g.spread(g.count) < 2
        base = g.spread(g.mean(total)).masked_fill(alone, 0.0)
        live = live & ~alone[:, None] if singleton == "zero" else live
        advantage = zeroed(advantage - base[:, None], live)
    elif baseline == "greedy":
        if reference_reward is None:
            raise RecipeError(
                "baseline: greedy needs the signal reference_reward", where="reward_to_go.baseline", seen=baseline,
                fix="bind reference_reward to {policy: current, decode: greedy}, as the preset remax does",
            )  # fmt: skip
        base = reference_reward.to(clean.dtype).nanmean(1)
        live = live & ~torch.isnan(base)[:, None]
        advantage = zeroed(advantage - base[:, None], live)
    return whitened(advantage, live, eps) if whiten else advantage
