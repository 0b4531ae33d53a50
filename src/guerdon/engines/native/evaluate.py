"""Held-out evaluation: sampled and greedy accuracy, pass@k, length."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts, collect
from guerdon.engines.native.sampler import Sampling
from guerdon.errors import RunError
from guerdon.ops.stats import pass_at_k
from guerdon.pipeline import Pipeline, Scores
from guerdon.records import Task
from guerdon.runtime.seeds import generator


def memory(pipeline: Pipeline) -> dict[str, Any]:
    """States of the methods that remember, by their key in checkpoints; later calls do not change them."""
    return {k: copy.deepcopy(c.state_dict()) for k, c in pipeline.stateful().items()}


def remember(pipeline: Pipeline, states: Mapping[str, Any]) -> None:
    """Give the methods back what :func:`memory` returned.

    Raises:
        RunError: the states are those of another recipe.
    """
    components = pipeline.stateful()
    if states.keys() != components.keys():
        raise RunError(
            "the saved states belong to another recipe", seen=sorted(states), allowed=sorted(components),
            fix="resume with the recipe of this run",
        )  # fmt: skip
    for name, component in components.items():
        component.load_state_dict(copy.deepcopy(states[name]))


@contextlib.contextmanager
def unchanged(pipeline: Pipeline) -> Iterator[None]:
    """Methods that remember come out as they went in: looking at the policy must not move what trains it."""
    kept = memory(pipeline)
    try:
        yield
    finally:
        remember(pipeline, kept)


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
        frame.put("rng", generator(*coordinates, "reward", start))
        with unchanged(pipeline):
            scores = pipeline.score(frame, held_out=True)
        rollouts.values["answer"] = frame.get("answer", optional=True)
        rollouts.values["reward"] = frame.get("reward")
        ok = frame.get("is_correct").double()
        ok[torch.isnan(scores.values[:, 0])] = math.nan
        rows.append(ok.reshape(len(part), samples).numpy())
        found.append((rollouts, scores))
    return np.concatenate(rows)
