"""The released nucleus entropy, peak mask and anchored loss of SIREN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.objectives.entropy.anchored_entropy import AnchoredEntropy
from guerdon.ops.kernels import from_logits
from guerdon.ops.masked import row_quantile, zeroed


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our entropies, masks and losses under the keys of the case."""
    inputs = case["inputs"]
    return _nucleus(inputs) if "logits" in inputs else _peaks(inputs, case["outputs"])


def _nucleus(inputs: Mapping[str, Any]) -> dict[str, Any]:
    logits = torch.tensor(inputs["logits"], dtype=torch.float64, requires_grad=True)
    nucleus = f"nucleus_entropy(top_p={inputs['p']}, inclusive=False, top_k={inputs['k']})"
    out = from_logits(logits, torch.zeros(len(logits), dtype=torch.long), want=(nucleus, "entropy"))
    out[nucleus].sum().backward()
    return {"top_p_entropy": out[nucleus], "full_entropy": out["entropy"], "grad_logits": logits.grad}


def _peaks(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    # the release takes quantiles in float32
    entropy, mask = torch.tensor(inputs["entropy"]), torch.tensor(inputs["response_mask"]).bool()
    ours = AnchoredEntropy(quantile=inputs["quantile"], anchor=0.5, empty_rows="zero")
    peak = ours.peaks(entropy, mask)
    found = {
        "masked_entropy": zeroed(entropy, peak), "mask": peak.long(),
        "lower_bound": row_quantile(entropy, mask, inputs["quantile"])[:, None],
        "agg_seq_mean_token_mean": ours.mean(entropy, mask),
        "mask_applied_twice": AnchoredEntropy(quantile=inputs["quantile"]).peaks(zeroed(entropy, peak), mask).long(),
    }  # fmt: skip
    loss = next((k for k in outputs if k.startswith("anchored_loss")), "")
    return {**found, loss: ours(entropy, mask)}


EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {
    # the release adds 1e-12 inside the logarithm and to the mass of the nucleus
    "top_p_entropy": (1e-6, 1e-8), "grad_logits": (1e-6, 1e-8),
    # its row mean divides by the count + 1e-8, in float32
    "agg_*": (1e-6, 1e-7), "anchored_loss*": (1e-5, 1e-9), "masked_entropy": (1e-6, 1e-7), "lower_bound": (1e-6, 1e-7),
}  # fmt: skip
