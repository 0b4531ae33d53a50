"""STEER's released token weights and weighted, dual-clipped loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.objectives.aggregate import aggregate
from guerdon.objectives.entropy.entropy_change_weight import entropy_change_weight
from guerdon.objectives.policy.clip import clip
from guerdon.ops.metrics import approx_kl, dual_clipped, share
from guerdon.providers.ratio import log_ratio

EPS = 1e-8  # the release adds it to the count of every mean


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Weights, loss, gradient and metrics of a case, in the release's single precision."""
    inputs = case["inputs"]
    logp = torch.tensor(inputs["log_prob"], requires_grad=True)
    old, advantage, entropy = (torch.tensor(inputs[k]) for k in ("old_log_prob", "advantages", "entropy"))
    mask = torch.tensor(inputs["response_mask"]).bool()
    weight = entropy_change_weight(
        logp, old, entropy, advantage, mask, w_min=inputs["token_weight_min"], w_max=inputs["token_weight_max"],
        mode="linear" if inputs["linear"] else "exp",
    )  # fmt: skip
    ratio = log_ratio(logp, old, mask)
    band = {"low": inputs["clip_low"], "high": inputs["clip_high"], "dual": inputs["clip_ratio_c"]}
    token, clipped = clip(ratio, advantage, **band)
    loss = aggregate(token * weight, mask)
    loss.backward()
    assert logp.grad is not None
    return {
        "token_weights": weight,
        "loss": loss.detach(),
        "grad_log_prob": logp.grad,
        "ppo_kl": approx_kl(logp, old, mask, eps=EPS),
        "clipfrac": share(clipped, mask, eps=EPS),
        "clipfrac_high": share(clipped & (advantage > 0), mask, eps=EPS),
        "clipfrac_low": share(clipped & (advantage < 0), mask, eps=EPS),
        "clipfrac_lower": share(dual_clipped(ratio, advantage, **band), mask, eps=EPS),
    }


EXCLUDED: tuple[Exclusion, ...] = ()
# the release works in single precision; the smallest gradients are differences of terms near 0.1
TOLERANCE: dict[str, tuple[float, float]] = {"*": (1e-5, 1e-7)}
