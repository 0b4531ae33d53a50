"""The released charge outside the band of past entropies, and the weight of the two phases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.objectives.entropy.entropy_history_band import EntropyHistoryBand
from guerdon.schedule import Schedule


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our penalties or weights under the keys of the case."""
    inputs = case["inputs"]
    return _weights(inputs) if "epochs" in inputs else _penalty(inputs)


def _weights(inputs: Mapping[str, Any]) -> dict[str, Any]:
    last = 0.8 * math.exp(-3.0)
    phases = Schedule.model_validate({"schedule": "two_phase", "from": 1.0, "to": last})
    return {"weights": [phases.at(step=max(e, 0), total=inputs["max_epochs"]) for e in inputs["epochs"]]}


def _penalty(inputs: Mapping[str, Any]) -> dict[str, Any]:
    entropy = torch.tensor(inputs["entropy"], dtype=torch.float64)
    history = torch.tensor(inputs["entropy_history_per_step"], dtype=torch.float64)
    reference = history[torch.tensor(inputs["rollout_step"])][:, None].expand_as(entropy)
    if inputs["mode"] == "seq":
        entropy = entropy.mean(1, keepdim=True).expand_as(entropy)
    inside = torch.ones_like(entropy, dtype=torch.bool)
    given = {"low": inputs["min_ratio"], "high": inputs["max_ratio"], "penalty": inputs["out_range_penalty"]}
    penalty = EntropyHistoryBand(mode="constant", **given).charge(entropy, reference, inside)
    # the mask multiplies the entropy of a bonus
    bonus = EntropyHistoryBand(mode="mask", **given).charge(entropy, reference, inside)
    return {
        "penalty": penalty,
        "mask_variant": -bonus / entropy,
        "in_range_fraction": float((penalty == 0).double().mean()),
    }


EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {}
