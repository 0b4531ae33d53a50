"""Outcome estimators and GAE against the numbers of verl's ``core_algos``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.advantages import (
    gae,
    gpg,
    grpo,
    opo,
    optimal_token_baseline,
    pass_at_k,
    reward_to_go,
    rloo,
)
from guerdon.ops.masked import masked_whiten
from guerdon.providers.token_reward import token_reward

Case = Mapping[str, Any]


def _tensor(case: Case, key: str) -> Tensor | None:
    value = case["inputs"].get(key)
    return None if value is None else torch.tensor(value, dtype=torch.float64)


def _mask(case: Case) -> Tensor:
    return torch.tensor(case["inputs"]["response_mask"], dtype=torch.float64) > 0.5


def _groups(case: Case) -> Tensor:
    labels = case["inputs"]["index"]
    order = {label: i for i, label in enumerate(dict.fromkeys(map(str, labels)))}
    return torch.tensor([order[str(label)] for label in labels])


def _has_holes(case: Case) -> bool:
    mask = _mask(case)
    return bool((mask[:, 1:] & ~mask[:, :-1]).any())


def _has_empty_row(case: Case) -> bool:
    return bool((~_mask(case).any(1)).any())


def _dense(case: Case) -> bool:
    given = _tensor(case, "token_level_rewards")
    return given is not None and not torch.equal(given * _mask(case), token_reward(given.sum(1), _mask(case)))


def _has_lone_row(case: Case) -> bool:
    return bool((torch.bincount(_groups(case)) == 1).any())


def _has_empty_group(case: Case) -> bool:
    group = _groups(case)
    return bool((torch.bincount(group, weights=_mask(case).sum(1).double()) == 0).any())


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        output="otb*",
        when=_has_holes,
        reason="the running weight of the reference also adds positions outside the mask; with holes only ours is "
        "independent of what stands there",
    ),
    *(
        Exclusion(
            output=name,
            when=_has_empty_row,
            reason="the reference writes the score of a row without decisions at the end of its padding and lets it "
            "enter the baseline; ours has no decision that could have received it",
        )
        for name in ("rfpp_baseline*", "otb*")
    ),
    Exclusion(
        output="opo*",
        when=_has_empty_group,
        reason="the reference divides by the length of the group, 0/0 where none of its rows has a decision; "
        "the advantage of no decision is 0",
    ),
    Exclusion(
        output="passk*",
        when=_has_lone_row,
        reason="a group of one row raises ValueError on both sides, so there is no number to compare",
    ),
    Exclusion(
        output="rfpp_baseline*",
        when=_dense,
        reason="the reference pays every decision the row total; ours pays the reward to go, the same only when the "
        "last decision alone is paid",
    ),
)
# the vectorised reference keeps its group statistics in float32
TOLERANCE: dict[str, tuple[float, float]] = {"grpo_vectorized*": (1e-4, 1e-4)}


def run(case: Case) -> dict[str, Any]:
    """Our values under the names of the case's outputs."""
    found = _gae(case) if "values" in case["inputs"] else _outcome(case)
    wanted = case.get("outputs")
    return found if not wanted else {name: value for name, value in found.items() if name in wanted}


def _gae(case: Case) -> dict[str, Any]:
    mask, value, reward = _mask(case), _tensor(case, "values"), _tensor(case, "token_level_rewards")
    assert value is not None
    assert reward is not None
    numbers = {name: float(case["inputs"].get(name, 1.0)) for name in ("gamma", "lam")}
    raw, returns = gae(reward, value, mask, whiten=False, **numbers)
    white, _ = gae(reward, value, mask, whiten=True, **numbers)
    # outside the mask ours is 0; the reference leaves the carried advantage there
    carried = _carried(raw, mask)
    return {
        "advantages_whitened": torch.where(mask, white, masked_whiten(carried, mask)),
        "returns": torch.where(mask, returns, carried + value),
    }


def _outcome(case: Case) -> dict[str, Any]:
    mask, group = _mask(case), _groups(case)
    given, score = _tensor(case, "token_level_rewards"), _tensor(case, "scores")
    score = score if score is not None else given.sum(1)  # type: ignore[union-attr]
    paid = given if given is not None else token_reward(score, mask)
    found = {
        "grpo_std": grpo(score, group, mask, singleton="raw"),
        "grpo_nostd_drgrpo": grpo(score, group, mask, scale="none", singleton="raw"),
        "grpo_vectorized_std_float32stats": grpo(score, group, mask, singleton="raw"),
        "rloo": rloo(score, group, mask, singleton="raw"),
        "rloo_vectorized": rloo(score, group, mask),
        "opo": opo(score, group, mask.sum(1), mask, singleton="raw"),
        "gpg": gpg(score, group, mask, singleton="raw"),
        "rfpp_baseline": reward_to_go(paid, mask, group, baseline="group", whiten=True, singleton="raw"),
    }
    for name, scale in (("passk_std", True), ("passk_nostd", False)):
        found[name] = _or_error(score, group, mask, scale)
    for gamma in _discounts(case):
        pays = reward_to_go(paid, mask, gamma=gamma, holes="reset")
        found[f"rfpp_gamma{gamma}_adv"] = reward_to_go(paid, mask, gamma=gamma, holes="reset", whiten=True)
        found[f"rfpp_gamma{gamma}_returns"] = torch.where(mask, pays, paid + gamma * _next(pays))
    greedy = _tensor(case, "remax_baselines")
    if greedy is not None:
        ours = reward_to_go(paid, mask, None, greedy[:, None], baseline="greedy")
        returns = reward_to_go(paid, mask)
        outside = _carried(returns, mask)
        found["remax_adv"] = torch.where(mask, ours, outside)
        found["remax_returns"] = torch.where(mask, returns, outside)
    old_logp, collision = _tensor(case, "old_log_probs"), _tensor(case, "sum_pi_squared")
    if old_logp is not None and collision is not None:
        found["otb"] = optimal_token_baseline(paid, group, old_logp, collision, mask, singleton="raw")
    return found


def _or_error(score: Tensor, group: Tensor, mask: Tensor, scale: bool) -> Any:
    try:
        return pass_at_k(score, group, mask, scale=scale)
    except ValueError:
        return "ValueError"


def _discounts(case: Case) -> list[float]:
    named = [k for k in case.get("outputs", {}) if k.startswith("rfpp_gamma")]
    return sorted({float(k.removeprefix("rfpp_gamma").split("_")[0]) for k in named}) or [1.0, 0.9]


def _next(x: Tensor) -> Tensor:
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1)


def _carried(x: Tensor, mask: Tensor) -> Tensor:
    """At every position the value of the next valid decision (its own where it is one), 0 after the last."""
    out, ahead = torch.zeros_like(x), torch.zeros_like(x[:, 0])
    for t in reversed(range(x.shape[1])):
        ahead = torch.where(mask[:, t], x[:, t], ahead)
        out[:, t] = ahead
    return out
