"""What is logged about a step, and the records kept of its rollouts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon.engines.native.forward import frozen_statistics
from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts
from guerdon.frame import Frame
from guerdon.ops.groups import groups
from guerdon.ops.kl import kl_estimate
from guerdon.ops.masked import masked_mean
from guerdon.pipeline import Reward, Scores
from guerdon.records import Status
from guerdon.records.model import SCHEMA
from guerdon.schedule import value_at

Metrics = dict[str, float]


def column_weights(rewards: Sequence[Reward], names: Sequence[str], frame: Frame) -> list[float]:
    """Weight of every column now; a reward with named values has a column for each, named ``label.value``."""
    known = {r.component.label: value_at(r.weight, step=frame.step, total=frame.total) for r in rewards}
    return [float(known[n] if n in known else known[n.partition(".")[0]]) for n in names]  # type: ignore[arg-type]


def reward_metrics(scores: Scores, weights: Sequence[float], frame: Frame) -> Metrics:
    """Per component: mean, rate above 0, std, std within groups, share of the total; counts by status."""
    out: Metrics = {}
    group_id = frame.get("group_id")
    reward = frame.get("reward")
    parts = []
    for i, name in enumerate(scores.names):
        value = scores.values[:, i]
        seen = value[~torch.isnan(value)]
        g = groups(group_id, value)
        spread = g.std(value, ddof=0)
        out[f"reward/{name}/mean"] = _mean(seen)
        out[f"reward/{name}/std"] = float(seen.std(correction=0)) if len(seen) else math.nan
        out[f"reward/{name}/rate"] = _mean((seen > 0).double())
        out[f"reward/{name}/within_group_std"] = _mean(spread[~torch.isnan(spread)])
        parts.append(abs(weights[i] * _mean(seen)) if len(seen) else 0.0)
    total = sum(parts)
    for name, part in zip(scores.names, parts, strict=True):
        out[f"reward/{name}/share"] = part / total if total else math.nan
    kept = reward[~torch.isnan(reward)]
    out["reward/total/mean"] = _mean(kept)
    out["reward/total/std"] = float(kept.std(correction=0)) if len(kept) else math.nan
    g = groups(group_id, reward)
    spread = g.std(reward, ddof=0)
    out["group/zero_variance"] = _mean((spread[g.count > 0] == 0).double())
    correct = frame.get("is_correct").double()
    out["accuracy"] = _mean(correct[~torch.isnan(scores.values[:, 0])])
    count = scores.status.numel()
    for status in Status:
        share = float((scores.status == int(status)).sum()) / max(count, 1)
        if status.counts or share:
            out[f"status/{status.name.lower()}"] = share
    out["status/unscored"] = float((scores.status == int(Status.UNSCORED)).sum()) / max(count, 1)
    causes: Counter[str] = Counter()
    for reasons, states in zip(scores.reasons, scores.status.T.tolist(), strict=True):
        causes.update(r for r, s in zip(reasons, states, strict=True) if s == int(Status.FAILED))
    for reason, n in sorted(causes.items())[:20]:
        out[f"failure/{reason[:60] or 'failed'}"] = n / max(len(reward), 1)
    return out


def rollout_metrics(rollouts: Rollouts, ref_logp: Tensor | None = None) -> Metrics:
    """Lengths, truncation, entropy of the policy that sampled, and its KL to the reference (k3) where there is one."""
    lengths = rollouts.completions.lengths.double()
    mask = rollouts.completions.mask
    out = {
        "length/mean": float(lengths.mean()),
        "length/max": float(lengths.max()),
        "truncated/rate": float(rollouts.values["truncated"].any(1).double().mean()),
        "entropy": float(masked_mean(rollouts.sampled["entropy"], mask)),
    }
    if ref_logp is not None:
        out["kl"] = float(masked_mean(kl_estimate(rollouts.sampled["logp"], ref_logp.cpu(), "k3"), mask))
    return out


def sampled_kl(reference: Policy, rollouts: Rollouts, rows: int, temperature: float) -> float:
    """KL of the sampling policy to the reference (k3) on the first rows of a batch."""
    part = rollouts.pick(torch.arange(min(rows, len(rollouts))))
    found = frozen_statistics(reference, part.completions, ["logp"], budget=None, shared=True, temperature=temperature)
    return rollout_metrics(part, found["logp"])["kl"]


def advantage_metrics(advantage: Tensor, mask: Tensor) -> Metrics:
    """Mean, mean magnitude, and the share of decisions that get any."""
    return {
        "advantage/mean": float(masked_mean(advantage, mask)),
        "advantage/abs_mean": float(masked_mean(advantage.abs(), mask)),
        "advantage/nonzero": float(masked_mean((advantage != 0).double(), mask)),
    }


def _mean(x: Tensor) -> float:
    return float(x.double().mean()) if x.numel() else math.nan


def records(
    policy: Policy, rollouts: Rollouts, scores: Scores, *, step: int, kind: str = "train",
    columns: dict[str, Tensor] | None = None, detail: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """One record per row as the data of a ``Rollout``; rows of ``detail`` groups keep their per-token columns.

    Written as plain data, without the 500 objects a step: this is on the path of every step.

    Args:
        policy: decodes tokens.
        rollouts: rows.
        scores: what the rewards said.
        step: optimiser step.
        kind: ``train`` or ``eval``.
        columns: per-decision tensors (advantage, entropy, logp).
        detail: number of groups with per-token columns; a different set each step.
    """
    values, c = rollouts.values, rollouts.completions
    lengths = c.lengths.tolist()
    group, sample = values["group_id"].tolist(), values["sample_index"].tolist()
    reward = values["reward"].tolist()
    truncated = values["truncated"].any(1).tolist()
    correct = (scores.values[:, 0] >= 1.0).tolist()
    scored = (~torch.isnan(scores.values[:, 0])).tolist()
    table = scores.values.tolist()
    states = scores.status.tolist()
    rows, sources = c.tokens.tolist(), values["source"]
    answers = values.get("answer") or [None] * len(rows)
    mean_advantage = None
    if columns and "advantage" in columns:
        mean_advantage = (columns["advantage"].sum(1) / c.mask.sum(1).clamp_min(1)).tolist()
    chosen = set(_spread(sorted(set(group)), detail, step))
    names, completions = scores.names, values["completion"]
    out = []
    for i, task in enumerate(values["task"]):
        n = lengths[i]
        record: dict[str, Any] = {
            "id": f"{step}:{group[i]}:{sample[i]}", "step": step, "task_id": task.id, "prompt": task.prompt,
            "completion": completions[i], "kind": kind, "gold": task.gold, "domain": task.domain, "group": group[i],
            "sample": sample[i], "length": n, "answer": answers[i], "reward": _number(reward[i]),
            "aspects": {m: _number(v) for m, v in zip(names, table[i], strict=True)}, "v": SCHEMA,
        }  # fmt: skip
        if truncated[i]:
            record["truncated"] = True
        if sources[i] != "base":
            record["source"] = sources[i]
        if scored[i]:
            record["is_correct"] = correct[i]
        if any(states[i]):
            record["status"] = {m: _STATUS[s] for m, s in zip(names, states[i], strict=True) if s}
        reasons = {m: scores.reasons[j][i] for j, m in enumerate(names) if scores.reasons[j][i]}
        if reasons:
            record["reason"] = reasons
        if mean_advantage is not None:
            record["advantage"] = round(mean_advantage[i], 6)
        if group[i] in chosen:
            record["tokens"] = rows[i][:n]
            record["detail"] = {"token_text": policy.token_text(rows[i][:n])}
            for name, column in (columns or {}).items():
                record["detail"][name] = [round(v, 5) for v in column[i, :n].tolist()]
        out.append(record)
    return out


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


_STATUS = {int(s): s.name.lower() for s in Status}


def _spread(groups_here: Sequence[int], count: int, step: int) -> list[int]:
    size = len(groups_here)
    return [groups_here[(step * count + i) % size] for i in range(min(count, size))]
