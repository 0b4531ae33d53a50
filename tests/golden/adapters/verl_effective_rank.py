"""The released metrics, bonus and shaping of the hidden-state ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.advantages.effective_rank_bonus import EffectiveRankBonus
from guerdon.ops.effective_rank import effective_rank, movements, prefix_ranks

_NAMES = ("Effective Rank", "Effective Rank diff", "Effective Rank diff 2")  # rank, velocity, acceleration


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Whatever of the case is ours to compute."""
    inputs = case["inputs"]
    if "stride" in inputs:
        first, second = movements(prefix_ranks(_tensor(inputs["hidden"]), inputs["stride"]))
        return {"original": {_NAMES[1]: first, _NAMES[2]: second}}
    if "hidden" in inputs:
        rank = effective_rank(_tensor(inputs["hidden"]))
        return {"effective_rank": rank, "log_effective_rank": math.log(rank) if rank else 0.0}
    return _shaped(inputs) if "kappa" in inputs else _rewarded(inputs)


def _tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _shaped(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """One row per decision, whose metrics are chosen so that the bonus is the given one."""
    advantage, wanted = _tensor(inputs["advantages_0"]), _tensor(inputs["aux_rewards"])
    flat = wanted.flatten()
    # with both weights on the rank alone the bonus is scale * tanh of its deviation from a mean of 1
    scale = 2.0 * float(flat.abs().max())
    bonus = EffectiveRankBonus(kappa=inputs["kappa"], scale=scale, weights_exploit=(0.0, 0.0, 1.0))
    bonus.load_state_dict({"mean": [1.0, 1.0, 1.0], "before": [1.0, 1.0, 1.0], "score": 0.0})
    rank = 1.0 + torch.atanh(flat / scale)
    metrics = torch.stack([rank, torch.ones_like(rank), torch.ones_like(rank)], 1)
    mask = torch.ones(len(flat), 1, dtype=torch.bool)
    out = bonus(advantage.flatten()[:, None], metrics, torch.zeros_like(flat), mask)
    return {"advantages": out.view_as(advantage)}


def _rewarded(inputs: Mapping[str, Any]) -> dict[str, Any]:
    metrics = torch.stack([_tensor(inputs["indicators"][n]) for n in _NAMES], 1)
    mask = _tensor(inputs["response_mask"]).bool()
    steps = inputs["previous_step_means"]
    bonus = EffectiveRankBonus(
        gain=inputs["modulation_gain"], decay=inputs["ema_alpha"], dynamic_scale=not inputs["aux_fix"]
    )
    bonus.load_state_dict({
        "mean": [inputs["ema_baselines"][n] for n in _NAMES],
        "before": [next(v for k, v in steps.items() if k.split("/")[-2] == n) for n in _NAMES], "score": 0.0,
    })  # fmt: skip
    phi = bonus.bonus(metrics)
    last = mask & (mask.flip(1).long().cumsum(1).flip(1) == 1)
    bonus(torch.zeros(mask.shape, dtype=torch.float64), metrics, _tensor(inputs["scores"]), mask)
    state = bonus.state_dict()
    return {
        "aux_reward": torch.where(last, phi[:, None], torch.zeros(mask.shape, dtype=torch.float64)),
        "ema_after": dict(zip(_NAMES, state["mean"], strict=True)),
        "ema_score_after": state["score"],
    }


def _always(case: Mapping[str, Any]) -> bool:
    return True


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion("optimized", _always, "square roots of noisy float32 eigenvalues; the float64 values are `original`"),
    Exclusion("traditional_rank", _always, "the matrix rank is no metric of the method"),
    Exclusion("internal", _always, "intermediate values; the bonus that follows from them is compared"),
)
TOLERANCE = {"*": (1e-4, 1e-6)}  # hidden states and rewards pass through float32
