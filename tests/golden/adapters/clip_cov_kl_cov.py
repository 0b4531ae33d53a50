"""The released losses of the entropy mechanism: Clip-Cov, KL-Cov and the clip they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.objectives.aggregate import aggregate
from guerdon.objectives.entropy.clip_cov import clip_cov
from guerdon.objectives.entropy.kl_cov import kl_cov
from guerdon.objectives.policy.clip import clip
from guerdon.ops.masked import masked_mean
from guerdon.ops.metrics import approx_kl, share
from guerdon.providers.ratio import log_ratio

EPS = 1e-8  # the release adds it to the count of every mean of these two functions


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our loss, gradient and metrics under the keys of the case."""
    inputs = case["inputs"]
    old, advantage = (torch.tensor(inputs[k], dtype=torch.float64) for k in ("old_log_prob", "advantages"))
    mask = torch.tensor(inputs["response_mask"]).bool()
    out: dict[str, Any] = {}
    for key in case["outputs"]:
        logp = torch.tensor(inputs["log_prob"], dtype=torch.float64, requires_grad=True)
        if key.startswith("token_cov"):
            now = logp.detach()
            out[key] = (now - masked_mean(now, mask)) * (advantage - masked_mean(advantage, mask)) * mask
        else:
            out[key] = _one(key, inputs, logp, old, advantage, mask)
    return out


def _one(
    key: str, inputs: Mapping[str, Any], logp: Tensor, old: Tensor, advantage: Tensor, mask: Tensor
) -> dict[str, Any]:
    if key.startswith("kl_cov"):
        percent = float(key.removeprefix("kl_cov_kpercent").partition("_")[0])
        token = kl_cov(logp, old, advantage, mask, fraction=percent / 100, coef=float(key.rpartition("coef")[2]))
        metrics = {"ppo_kl_abs": approx_kl(logp, old, mask, absolute=True, eps=EPS)}
    else:
        ratio = log_ratio(logp, old, mask)
        token, clipped = clip(ratio, advantage, low=inputs["clip_low"], high=inputs["clip_high"], dual=None)
        counted = clipped
        if key.startswith("clip_cov"):
            kept = clip_cov(
                logp, advantage, mask, torch.Generator(), clipped,
                fraction=float(key.removeprefix("clip_cov_ratio")), low=inputs["clip_cov_lb"],
                high=inputs["clip_cov_ub"],
            )  # fmt: skip
            token, counted = token * kept, mask & ~kept
        share_of = share(counted, mask, eps=EPS, dtype=torch.float64)
        metrics = {"clipfrac": share_of, "ppo_kl": approx_kl(logp, old, mask, eps=EPS)}
    loss = aggregate(token, mask)
    loss.backward()
    return {"loss": loss.detach(), "grad_log_prob": logp.grad, **metrics}


def tied_covariances(case: Mapping[str, Any]) -> bool:
    """All valid advantages are equal, so every covariance is 0 and more decisions than k tie."""
    advantage = _valid(case)
    return len(advantage) > 1 and bool((advantage == advantage[0]).all())


def _valid(case: Mapping[str, Any]) -> Tensor:
    inputs = case["inputs"]
    return torch.tensor(inputs["advantages"], dtype=torch.float64)[torch.tensor(inputs["response_mask"]).bool()]


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        "kl_cov*", tied_covariances,
        "constant advantages tie every covariance: which decisions are penalised depends on the top-k routine",
    ),
)  # fmt: skip
# the count + 1e-8 that the release divides by moves the seventh digit at most, which the default allows
TOLERANCE: dict[str, tuple[float, float]] = {}
