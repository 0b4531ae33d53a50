"""The policy losses of verl, by ``method|aggregation``: loss, gradient and logged metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.objectives.aggregate import aggregate
from guerdon.objectives.entropy.kl_cov import kl_cov
from guerdon.objectives.policy.cispo import cispo
from guerdon.objectives.policy.clip import clip
from guerdon.objectives.policy.gmpo import gmpo
from guerdon.objectives.policy.reinforce import reinforce
from guerdon.objectives.policy.sapo import sapo
from guerdon.ops.metrics import approx_kl, dual_clipped, share
from guerdon.providers.ratio import log_ratio

KEYS = (
    "vanilla|token-mean", "vanilla|seq-mean-token-sum", "vanilla|seq-mean-token-mean",
    "vanilla|seq-mean-token-sum-norm", "gspo|token-mean", "sapo|token-mean", "gpg|token-mean", "geo_mean|token-mean",
    "cispo|token-mean", "kl_cov_ratio0.25|token-mean",
)  # fmt: skip
MODES: dict[str, dict[str, Any]] = {
    "token-mean": {"mode": "token_mean"},
    "seq-mean-token-sum": {"mode": "seq_mean_token_sum"},
    "seq-mean-token-mean": {"mode": "seq_mean_token_mean", "eps": 1e-8},
    "seq-mean-token-sum-norm": {"mode": "fixed_length", "rows": "none"},
}
EPS = 1e-8  # verl adds it to the count of every logged mean
KL_COV_COEF = 0.1


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our loss, gradient and metrics under the keys of the case."""
    return {key: _one(key, case["inputs"]) for key in case.get("outputs") or KEYS}


def _one(key: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    name, _, mode = key.partition("|")
    logp = torch.tensor(inputs["log_prob"], dtype=torch.float64, requires_grad=True)
    old, advantage = (torch.tensor(inputs[k], dtype=torch.float64) for k in ("old_log_prob", "advantages"))
    mask = torch.tensor(inputs["response_mask"], dtype=torch.float64).bool()
    band = {"low": inputs["clip_ratio_low"], "high": inputs["clip_ratio_high"]}
    none = torch.zeros_like(mask)
    ratio = log_ratio(logp, old, mask)
    upper = lower = none
    absolute = False
    if name == "vanilla":
        token, upper = clip(ratio, advantage, dual=inputs["clip_ratio_c"], **band)
        lower = dual_clipped(ratio, advantage, dual=inputs["clip_ratio_c"], **band)
    elif name == "gspo":
        token, upper = clip(log_ratio(logp, old, mask, level="sequence"), advantage, dual=None, **band)
        mode = "seq-mean-token-mean"
    elif name == "sapo":
        token = sapo(ratio, advantage, tau_pos=inputs["tau_pos"], tau_neg=inputs["tau_neg"])
        mode = "seq-mean-token-mean"
    elif name == "gpg":
        token = reinforce(logp, advantage)
    elif name == "geo_mean":
        token, clipped = gmpo(ratio, advantage, mask, **band)
        upper, lower = clipped & (advantage > 0), clipped & (advantage < 0)
    elif name == "cispo":
        token, upper = cispo(ratio, logp, advantage, **band)
    elif name.startswith("kl_cov_ratio"):
        fraction = float(name.removeprefix("kl_cov_ratio"))
        token, absolute = kl_cov(logp, old, advantage, mask, fraction=fraction, coef=KL_COV_COEF), True
    else:
        raise KeyError(key)
    loss = token.mean() if token.ndim == 1 else aggregate(token, mask, **MODES[mode])
    loss.backward()
    metrics = {"actor/ppo_kl": approx_kl(logp, old, mask, absolute=absolute, eps=EPS)}
    if not absolute:
        metrics["actor/pg_clipfrac"] = share(upper, mask, eps=EPS, dtype=torch.float64)
        metrics["actor/pg_clipfrac_lower"] = share(lower, mask, eps=EPS, dtype=torch.float64)
    return {
        "loss": loss.detach(), "grad_log_prob": logp.grad, "metrics": {} if name == "gpg" else metrics,
    }  # fmt: skip


def _valid(case: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    inputs = case["inputs"]
    keep = torch.tensor(inputs["response_mask"]).bool()
    d = torch.tensor(inputs["log_prob"], dtype=torch.float64) - torch.tensor(
        inputs["old_log_prob"], dtype=torch.float64
    )
    return d[keep], torch.tensor(inputs["advantages"], dtype=torch.float64)[keep]


def tied_covariances(case: Mapping[str, Any]) -> bool:
    """All valid advantages are equal, so every covariance is 0 and more decisions than k tie."""
    _, advantage = _valid(case)
    count = len(advantage)
    return count > 0 and bool((advantage == advantage[0]).all()) and count > max(1, int(count * 0.25))


def harmless_side(case: Mapping[str, Any]) -> bool:
    """Some log-ratio leaves the band on the side where nothing is clipped."""
    d, advantage = _valid(case)
    low, high = case["inputs"]["clip_ratio_low"], case["inputs"]["clip_ratio_high"]
    return bool((((advantage > 0) & (d < -low)) | ((advantage < 0) & (d > high))).any())


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        "kl_cov*", tied_covariances,
        "constant advantages tie every covariance: which decisions are penalised depends on the top-k routine",
    ),
    Exclusion(
        "geo_mean*pg_clipfrac*", harmless_side,
        "the released metric also counts log-ratios outside the band on the side where nothing is clipped",
    ),
)  # fmt: skip
TOLERANCE: dict[str, tuple[float, float]] = {}
