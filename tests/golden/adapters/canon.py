"""The released conditional advantages: metric, weight of the two comparisons, and the schedule of that weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.advantages.conditional import conditional
from guerdon.advantages.grpo import grpo
from guerdon.schedule import Schedule

# the release schedules the weight of the inner comparison, or one minus it, with these ends
RESTARTS = {"schedule": "cosine_restarts", "period": 40, "warmup": 30}
FIRST_INTRA = Schedule.model_validate({**RESTARTS, "from": 0.4, "to": 1.0, "warm_from": 1.0})
FIRST_INTER = Schedule.model_validate({**RESTARTS, "from": 1.0, "to": 0.4})


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the keys of the case."""
    if "steps" in case["inputs"]:
        return {name: _schedule(name, case["inputs"]["steps"]) for name in case["outputs"]}
    return {name: _advantage(name, case["inputs"]) for name in case["outputs"]}


def _schedule(name: str, steps: list[int]) -> list[float]:
    high, low = (float(x.replace("_", ".")) for x in name.removeprefix("max").split("_min"))
    chosen = Schedule.model_validate({**RESTARTS, "from": high, "to": low})
    return [chosen.at(step=k, total=150) for k in steps]


def _advantage(name: str, inputs: Mapping[str, Any]) -> Tensor:
    reward = torch.tensor(inputs["scores"], dtype=torch.float64)
    labels = list(dict.fromkeys(inputs["index"]))
    group = torch.tensor([labels.index(x) for x in inputs["index"]])
    mask = torch.tensor(inputs["response_mask"]).bool()
    if name == "dr_grpo":
        return grpo(reward, group, mask, scale="none")
    if name.startswith("random"):
        return conditional(reward, group, torch.arange(len(reward)), mask)
    entropy = torch.tensor(inputs["entropy"], dtype=torch.float64)
    if name.startswith("entropy_cosine"):
        chosen = FIRST_INTRA if "first_intra" in name else FIRST_INTER
        weight = chosen.at(step=int(name.rpartition("step")[2]), total=150)
        return conditional(reward, group, entropy, mask, inter=weight)
    if name == "entropy_anneal_by_accuracy":
        return conditional(reward, group, entropy, mask, mix="accuracy")
    metric, inter, alpha = name.split("|")
    return conditional(
        reward, group, torch.tensor(inputs["lengths"]) if metric == "length" else entropy, mask,
        inter=float(inter.removeprefix("lambda")), alpha=float(alpha.removeprefix("alpha")),
        side="high" if metric == "length" else "low",
    )  # fmt: skip


def lone_row(case: Mapping[str, Any]) -> bool:
    """Some group has one response."""
    index = case["inputs"].get("index", [])
    return any(index.count(x) == 1 for x in index)


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        "*", lone_row, "the release gives a group of one its raw reward; without a partner there is nothing to compare",
        whole_case=True,
    ),
)  # fmt: skip
TOLERANCE: dict[str, tuple[float, float]] = {}
