"""SAFE's released controllers, soft minimum and asymmetric KL price, in the order of their calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.advantages.value_baseline import soft_minimum
from guerdon.objectives.policy.kl_gate import KlGate
from guerdon.ops.control import Pid, ema


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the keys of the case."""
    kind = case["name"].split("_alpha")[0].rstrip("0123456789").rstrip("_")
    return _KINDS[kind](case["inputs"])


def _soft_min(inputs: Mapping[str, Any]) -> dict[str, Any]:
    heads = torch.tensor([inputs["v1"], inputs["v2"]], dtype=torch.float64).T
    return {"value": soft_minimum(heads, inputs["alpha"])}


def _pid(inputs: Mapping[str, Any]) -> dict[str, Any]:
    pid, level, out = Pid(kp=0.3, ki=0.01, kd=0.05), None, []
    for reward in inputs["rewards"]:
        before, level = level, ema(level, reward, 0.95)
        out.append(0.0 if before is None else pid.step(level - before - 0.001))
        if len(out) == 3:
            highest = pid.integral
    return {"outputs": out, "integral": highest}


def _trace(inputs: Mapping[str, Any]) -> dict[str, Any]:
    gate, rows, rewards = KlGate(), [], []
    slow = 0.0  # only logged in the release
    for kl, entropy, reward in zip(inputs["kl"], inputs["entropy"], inputs["reward"], strict=True):
        rewards.append(reward)
        slow = ema(slow, kl, 0.99)
        r = gate.step(kl, entropy, rewards)
        rows.append({
            "penalty": r.penalty, "threshold": r.threshold, "kl_short": r.kl_short, "kl_long": slow,
            "entropy_factor": r.entropy_factor, "phase": r.phase.upper(), "active": r.active,
        })  # fmt: skip
    return {"trace": rows}


def _asymmetric(inputs: Mapping[str, Any]) -> dict[str, Any]:
    gate = KlGate(asymmetric_momentum=5.0)
    return {"penalty": [gate.step(kl, 0.0, ()).penalty for kl in inputs["kl"]]}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "soft_min": _soft_min, "pid_antiwindup": _pid, "controller_trace": _trace, "asymmetric_kl": _asymmetric,
}  # fmt: skip
EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {}
