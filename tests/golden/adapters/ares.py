"""The released entropy reward, window entropies and controllers of ARES."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from tests.golden.support import Exclusion

from guerdon.providers.entropy_windows import EntropyWindows, listed_entropy, window_means
from guerdon.shaping.entropy_budget import EntropyBudget, huber

BUCKETS = ("easy", "medium", "hard")


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the keys of the case."""
    for start, answer in _KINDS.items():
        if case["name"].startswith(start):
            return answer(case["inputs"])
    raise ValueError(f"no answer to the case {case['name']}")


def _reward(inputs: Mapping[str, Any]) -> dict[str, Any]:
    budget, bonus = EntropyBudget(), []
    for s in inputs["samples"]:
        bucket = torch.tensor([BUCKETS.index(s["difficulty"])])
        count, target = (
            torch.tensor([float(s[k])], dtype=torch.float64)
            for k in ("high_entropy_token_num", "target_high_entropy_token_num")
        )
        alpha = torch.full((3,), s["alpha_entropy"], dtype=torch.float64)
        bonus.append(budget.bonus(count, target, torch.tensor([s["accuracy"] == 1.0]), bucket, alpha).item())
    return {
        "entropy_reward": bonus,
        "overall": [s["accuracy"] + b for s, b in zip(inputs["samples"], bonus, strict=True)],
    }


def _windows(inputs: Mapping[str, Any]) -> dict[str, Any]:
    triggers = {str(i) for i in inputs["trigger_token_ids"]}
    counter = EntropyWindows(window=inputs["window"], percentile=inputs["percentile"], triggers=tuple(triggers))
    counter.threshold = inputs["threshold"]
    means, rows = [], []
    for tokens in inputs["topk_logprobs"]:
        listed = [torch.tensor(list(t.values()), dtype=torch.float64) for t in tokens]
        entropy = torch.stack([listed_entropy(x) for x in listed])[None]
        mask = torch.ones_like(entropy, dtype=torch.bool)
        ahead, known = window_means(entropy, mask, inputs["window"])
        # the release looks at the most likely token of a position
        opens = torch.tensor([[max(t, key=t.__getitem__) in triggers for t in tokens]])
        means.append(entropy.mean().item())
        rows.append(counter.count(ahead, known & opens)[0].tolist())
    valid, invalid, cost = zip(*rows, strict=True)
    return {
        "mean_entropy_tail_corrected": means, "valid_count": valid, "invalid_count": invalid, "soft_cost": cost,
    }  # fmt: skip


def _curves(inputs: Mapping[str, Any]) -> dict[str, Any]:
    x = torch.tensor(inputs["x"], dtype=torch.float64)
    counts = torch.tensor([0.0, 1.0, 10.0, 100.0], dtype=torch.float64)
    return {
        "huber": huber(x, torch.tensor(inputs["kappa"], dtype=torch.float64)),
        "sigmoid": torch.sigmoid(x / inputs["temp"]),
        "margin": (EntropyBudget().margin[0] * counts.clamp_min(1.0)).clamp_min(1.0),
    }


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "entropy_reward": _reward, "window_entropy": _windows, "huber_sigmoid": _curves,
}  # fmt: skip
EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        "per_sample_p95*", lambda case: True,
        "the release fills the last positions with the mean of the other windows and leaves the tail of the "
        "vocabulary out of their entropies; ours takes the percentile of the real windows",
    ),
)  # fmt: skip
# window entropies are float32 there
TOLERANCE: dict[str, tuple[float, float]] = {
    "mean_entropy_tail_corrected*": (1e-5, 1e-6), "soft_cost*": (1e-5, 1e-6),
}  # fmt: skip
