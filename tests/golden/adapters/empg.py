"""The published equations of EMPG on given step spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.advantages.empg import empg


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our advantages, and the parts that follow from them by choosing other inputs."""
    inputs = case["inputs"]
    advantage, entropy = (torch.tensor(inputs[k], dtype=torch.float64) for k in ("advantages", "token_entropy"))
    spans = inputs["segments_row_start_end"]
    steps = torch.full(advantage.shape, -1)
    for i, (row, start, end) in enumerate(spans):
        steps[row, start:end] = i
    mask = torch.ones_like(steps, dtype=torch.bool)
    options = {"k": inputs["k"], "k_future": inputs["k_f"], "zeta": inputs["zeta"]}

    def firsts(x: Tensor) -> Tensor:
        return torch.stack([x[row, start] for row, start, _ in spans])

    ones = torch.ones_like(advantage)
    before = firsts(empg(advantage, entropy, steps, mask, center=False, **options))
    final = empg(advantage, entropy, steps, mask, **options)
    return {
        "advantages": final,
        "step_adv_before_centering": before,
        "mean": (before - firsts(final)).mean(),
        "g": firsts(empg(ones, entropy, steps, mask, k=inputs["k"], zeta=0.0, center=False)),
    }


EXCLUDED: tuple[Exclusion, ...] = tuple(
    Exclusion(name, lambda case: True, "an inner quantity that our function does not return; what follows is compared")
    for name in ("step_entropy*", "H_norm*", "f*")
)
TOLERANCE: dict[str, tuple[float, float]] = {}
