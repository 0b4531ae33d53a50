"""Held-out evaluation: sampled and greedy accuracy, pass@k, length."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch

from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts, collect
from guerdon.engines.native.sampler import Sampling
from guerdon.ops.stats import pass_at_k
from guerdon.pipeline import Pipeline, Scores
from guerdon.records import Task


def evaluate(
    policy: Policy, pipeline: Pipeline, tasks: Sequence[Task], how: Sampling, *, samples: int, greedy: bool,
    batch: int, coordinates: Sequence[int | str],
) -> tuple[dict[str, float], list[tuple[Rollouts, Scores]]]:  # fmt: skip
    """Score the policy on tasks it never trains on.

    The random numbers depend on the task and the sample alone, so two evaluations differ by the policy only.

    Returns:
        Metrics ``eval/...`` and the scored rollouts behind them.
    """
    found: list[tuple[Rollouts, Scores]] = []
    metrics: dict[str, float] = {}
    correct = _correct(policy, pipeline, tasks, how, samples, batch, coordinates, found)
    counted = ~np.isnan(correct)
    per_task = np.nansum(correct, 1)
    n = counted.sum(1)
    metrics["eval/accuracy"] = float(np.nanmean(correct)) if counted.any() else math.nan
    metrics["eval/n"] = float(counted.sum())
    metrics["eval/tasks"] = float(len(tasks))
    k = 1
    while k <= samples:
        enough = n >= k
        if enough.any():
            metrics[f"eval/pass@{k}"] = float(pass_at_k(n[enough], per_task[enough].astype(int), k).mean())
        k *= 2
    lengths = torch.cat([r.completions.lengths for r, _ in found]).double()
    metrics["eval/length"] = float(lengths.mean())
    metrics["eval/truncated"] = float(torch.cat([r.values["truncated"].any(1) for r, _ in found]).double().mean())
    if greedy:
        once = dataclasses.replace(how, greedy=True)
        metrics["eval/greedy_accuracy"] = float(
            np.nanmean(_correct(policy, pipeline, tasks, once, 1, batch, coordinates, []))
        )
    return metrics, found


def _correct(policy, pipeline, tasks, how, samples, batch, coordinates, found) -> np.ndarray:
    rows = []
    size = max(batch // samples, 1)
    for start in range(0, len(tasks), size):
        part = [tasks[i] for i in range(start, min(start + size, len(tasks)))]
        rollouts = collect(policy, part, samples, how, coordinates, first_group=start)
        frame = pipeline.frame(rollouts.values)
        scores = pipeline.score(frame)
        rollouts.values["answer"] = frame.get("answer", optional=True)
        rollouts.values["reward"] = frame.get("reward")
        ok = frame.get("is_correct").double()
        ok[torch.isnan(scores.values[:, 0])] = math.nan
        rows.append(ok.reshape(len(part), samples).numpy())
        found.append((rollouts, scores))
    return np.concatenate(rows)
