"""Aggregations, masked statistics, KL estimators, value loss, entropy, adaptive KL and overlong penalty of verl."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion
from torch import Tensor

from guerdon.errors import DataError
from guerdon.objectives.aggregate import aggregate
from guerdon.objectives.policy.adaptive_coefficient import AdaptiveCoefficient
from guerdon.objectives.policy.kl_penalty import kl_penalty
from guerdon.objectives.policy.value_loss import value_loss
from guerdon.ops.kernels.vocab_stats import vocab_stats
from guerdon.ops.masked import masked_mean, masked_var, masked_whiten
from guerdon.ops.metrics import share, value_clipped
from guerdon.rewards.rules.length_penalty import length_penalty

EPS = 1e-8
AGGREGATIONS: dict[str, dict[str, Any]] = {
    "token-mean": {"mode": "token_mean"},
    "seq-mean-token-sum": {"mode": "seq_mean_token_sum"},
    "seq-mean-token-mean": {"mode": "seq_mean_token_mean", "eps": EPS},
    "seq-mean-token-sum-norm": {"mode": "fixed_length", "rows": "none"},
}
ESTIMATORS = {
    "kl": "k1", "k1": "k1", "abs": "abs", "mse": "k2", "k2": "k2", "low_var_kl": "k3", "k3": "k3",
}  # fmt: skip


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the keys of the case; the kind of case is read from its inputs."""
    inputs, outputs = case["inputs"], list(case["outputs"])
    if "loss_mat" in inputs:
        return _reduced(inputs, outputs)
    if "vpreds" in inputs:
        return _value(inputs)
    if "kls" in inputs:
        return _controller(inputs)
    if "logits" in inputs:
        return {key: _entropy(_tensor(inputs["logits"])) for key in outputs}
    current, reference = (
        _first(inputs, ("logprob", "log_prob", "logp")),
        _first(inputs, ("ref_logprob", "ref_log_prob")),
    )
    if current is not None and reference is not None:
        return {key: _kl(key, _tensor(current), _tensor(reference)) for key in outputs}
    lengths = _first(inputs, ("lengths", "length", "valid_response_lengths", "response_lengths"))
    limit = _first(inputs, ("max_resp_len", "max_response_length", "max_length", "L_max"))
    if lengths is not None and limit is not None:
        buffer = _first(inputs, ("overlong_buffer_len", "buffer_len", "buffer", "len"))
        factor = _first(inputs, ("penalty_factor", "factor"))
        penalty = length_penalty(
            torch.tensor(lengths), max_length=int(limit), buffer=float(buffer), factor=1.0 if factor is None else factor
        )
        return dict.fromkeys(outputs, penalty)
    raise DataError("no known kind of case", where=str(case.get("name")), seen=sorted(inputs))


def _reduced(inputs: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    x, mask = _tensor(inputs["loss_mat"]), _tensor(inputs["loss_mask"]).bool()
    statistics = {"masked_mean": masked_mean, "masked_var": masked_var, "masked_whiten": masked_whiten}
    out: dict[str, Any] = {}
    for key in keys:
        if key in statistics:
            out[key] = statistics[key](x, mask, eps=EPS)
            continue
        mode, _, options = key.partition("|")
        extra: dict[str, float] = {}
        if scale := re.search(r"scale=([\d.]+)", options):
            extra["length"] = float(scale[1])
        if ranks := re.search(r"dp(\d+)", options):
            extra["shards"] = float(ranks[1])
        if tokens := re.search(r"tokens(\d+)", options):
            extra["total"] = float(tokens[1])
        out[key] = aggregate(x, mask, **AGGREGATIONS[mode], **extra)
    return out


def _value(inputs: Mapping[str, Any]) -> dict[str, Any]:
    value, old, returns = (_tensor(inputs[k]) for k in ("vpreds", "values", "returns"))
    mask, bound = _tensor(inputs["response_mask"]).bool(), inputs["cliprange_value"]
    flags = value_clipped(value, old, returns, clip=bound)
    return {
        "loss": aggregate(value_loss(value, old, returns, clip=bound), mask),
        "clipfrac": share(flags, mask, eps=EPS, dtype=torch.float64),
    }


def _controller(inputs: Mapping[str, Any]) -> dict[str, Any]:
    control = AdaptiveCoefficient(
        init=inputs["init"], target=inputs["target"], horizon=inputs["horizon"], samples=inputs["n_steps"]
    )
    return {"values": [control(torch.tensor(kl, dtype=torch.float64)).item() for kl in inputs["kls"]]}


def _kl(key: str, logp: Tensor, ref: Tensor) -> Tensor:
    name = key.removesuffix("+")
    return kl_penalty(logp, ref, coef=1.0, estimator=ESTIMATORS[name], straight_through=key.endswith("+"))


def _entropy(logits: Tensor) -> Tensor:
    # an identity output matrix turns the logits into hidden states
    eye = torch.eye(logits.shape[-1], dtype=logits.dtype)
    targets = torch.zeros(logits.shape[:-1], dtype=torch.long)
    return vocab_stats(logits, eye, targets, want=("entropy",))["entropy"]


def _tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _first(inputs: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((inputs[n] for n in names if n in inputs), None)


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion("*+", lambda case: True, "the release rejects its own straight-through names (NotImplementedError)"),
)
TOLERANCE: dict[str, tuple[float, float]] = {}
