"""The released blend of advantages with a tempered REINFORCE term, and its temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.advantages.tempered_reinforce import tempered_reinforce
from guerdon.objectives.entropy.entropy_thermostat import entropy_thermostat


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our blended advantage; alpha and the ratio are read off it with simpler inputs."""
    inputs = case["inputs"]
    advantage, old, tempered = (
        torch.tensor(inputs[k], dtype=torch.float64) for k in ("advantages", "old_log_probs", "old_log_probs_at_T")
    )
    score, target = torch.tensor(inputs["scores"], dtype=torch.float64), inputs["target"]
    last = torch.tensor(inputs["entropy"], dtype=torch.float64)
    everywhere = torch.ones_like(advantage, dtype=torch.bool)  # the release does not mask its second part
    found = tempered_reinforce(advantage, score, old, tempered, everywhere, last, target=target)
    alpha = 1.0 - tempered_reinforce(
        torch.ones_like(advantage), score.where(score > 0.05, 0.0), old, tempered, everywhere, last, target=target
    )
    right = score > 0.05
    wrong_row = int((~right).nonzero()[0, 0])
    pulled = tempered_reinforce(  # nothing but the second part, all rows right, far from the target: a = .1 / 1.1
        torch.zeros_like(advantage), torch.ones_like(score), old, tempered, everywhere, torch.tensor(-1.0), target=0.0
    )
    return {
        "alpha": alpha[wrong_row, 0],
        "temperature": round(float(entropy_thermostat(last, target=target)), 12),
        "entropy_factor": pulled * 11,
        "true_ratio": right.double().mean(),
        "advantages_out": found,
    }


EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {}
