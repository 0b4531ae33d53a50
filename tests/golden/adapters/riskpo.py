"""The released advantages of bundles, with quantiles given or taken from the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.advantages.tail_risk import LEVELS, TailRisk


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our advantages, and the scores of the bundle as sums of our pairing."""
    inputs = case["inputs"]
    reward, group, index = _rows(inputs)
    mask = torch.tensor(inputs["response_mask"]).bool()
    risk = _method(inputs, size=len(group.unique()))
    return {
        "advantages": risk(reward, group, index, mask),
        "bundle_paper_scores": {inputs["bundle_id"][0]: _scores(case)},
    }


def _method(inputs: Mapping[str, Any], size: int) -> TailRisk:
    c = inputs["config"]
    mixing, seeking = c["use_mixing_risk_measure"], c["risk_seeking_upper_tail"]
    risk = TailRisk(
        bundle=size, low=c["quantile_down"], high=c["quantile_up"], natural_baseline=c["natural_baseline_adv"],
        mix=c["w_mix"] if mixing else c["upper_weight"] if seeking else 0.0,
        tail="upper" if seeking and not mixing else "lower", normalize=c["norm_adv_by_std_in_grpo"],
        credit=c["credit_assign_mode"].replace("-", "_"), quantiles=c["use_q_track_mode"],
    )  # fmt: skip
    down, up = inputs["q_track_down"], inputs["q_track_up"]
    if down is not None:
        span = risk.high - risk.low
        shares = [min(max((level - risk.low) / span, 0.0), 1.0) for level in LEVELS]
        risk.load_state_dict({"quantiles": [down + (up - down) * share for share in shares]})
    return risk


def _rows(inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    names = sorted(set(inputs["question_id"]))
    group = torch.tensor([names.index(q) for q in inputs["question_id"]])
    index = torch.tensor([inputs["question_id"][:i].count(q) for i, q in enumerate(inputs["question_id"])])
    return torch.tensor(inputs["scores"], dtype=torch.float64), group, index


def _scores(case: Mapping[str, Any]) -> list[float]:
    reward, group, index = _rows(case["inputs"])
    pairs = int(group.bincount().min())
    return [float(reward[index == j].sum()) for j in range(pairs)]


def flat_and_pulled(case: Mapping[str, Any]) -> bool:
    """Every score of the bundle is the same, quantiles are given, and they leave some pull on that score."""
    inputs = case["inputs"]
    if len(set(_scores(case))) > 1 or inputs["q_track_down"] is None:
        return False
    score, a, b = _scores(case)[0], inputs["q_track_down"], inputs["q_track_up"]
    natural, mixing = inputs["config"]["natural_baseline_adv"], inputs["config"]["use_mixing_risk_measure"]
    return score < b if natural else score > a or (mixing and score < a)


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        "advantages*", flat_and_pulled,
        "the release divides by the std of equal scores plus 1e-6, which gives advantages near a million; ours does "
        "not divide where there is no spread",
    ),
)  # fmt: skip
TOLERANCE: dict[str, tuple[float, float]] = {}
