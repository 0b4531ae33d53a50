"""Supervised start: learn from the task's demonstrations until sampled accuracy lies in a band.

Accuracy can jump between two checks. A policy that overshoots goes back to the last one below the band and continues
with half the learning rate and a shorter way to the next check.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from guerdon.engines.native.forward import micro_batches, statistics
from guerdon.engines.native.packing import Completions
from guerdon.engines.native.policy import Policy, pad
from guerdon.errors import DataError, ModelError
from guerdon.frame import key
from guerdon.recipe import WarmStart
from guerdon.records import Task
from guerdon.runtime.seeds import generator


@dataclass(frozen=True)
class WarmStarted:
    """How the supervised start ended."""

    steps: int
    accuracy: float
    loss: float
    overshoots: int


def warm_start(
    policy: Policy, tasks: Sequence[Task], recipe: WarmStart, accuracy: Callable[[int], float], *, seed: int,
    budget: int | None, report: Callable[[dict], None],
) -> WarmStarted:  # fmt: skip
    """Train on demonstrations until ``accuracy(size)`` lies within the recipe's band.

    Args:
        policy: changed in place.
        tasks: with demonstrations.
        recipe: band, batch, learning rate, how often to check.
        accuracy: sampled accuracy over about that many samples.
        seed: of the run.
        budget: padded tokens of a micro-batch.
        report: told about every check.

    Raises:
        DataError: a task has no demonstration.
        ModelError: the band was not reached within ``max_steps``.
    """
    low, high = recipe.target
    optimizer = torch.optim.AdamW(policy.trainable(), lr=recipe.lr, weight_decay=0.01)
    gap, lr, overshoots, step, loss = recipe.check_every, recipe.lr, 0, 0, math.nan
    found = math.nan
    below = _snapshot(policy, optimizer)
    since = 0
    while step < recipe.max_steps:
        loss = _learn(policy, optimizer, _draw(tasks, recipe.batch, seed, step), budget, lr)
        step, since = step + 1, since + 1
        if since < gap:
            continue
        since = 0
        found = accuracy(recipe.check_size)
        report({"step": step, "accuracy": found, "loss": loss, "target": list(recipe.target), "lr": lr})
        if found < low:
            below = _snapshot(policy, optimizer)
        elif found <= high:
            # one check is noisy: the band must hold on four times as many samples
            found = accuracy(4 * recipe.check_size)
            if low <= found <= high:
                report({"step": step, "accuracy": found, "loss": loss, "target": list(recipe.target), "done": True})
                return WarmStarted(step, found, loss, overshoots)
        if found > high:
            overshoots += 1
            _restore(policy, optimizer, below)
            gap, lr = max(gap // 2, 1), lr / 2
    seen = "never checked" if math.isnan(found) else f"accuracy {found:.3f}"
    raise ModelError(
        "the supervised start did not reach its band", where="warm_start.target", seen=seen,
        allowed=f"{low} to {high} within {recipe.max_steps} steps",
        fix="raise warm_start.max_steps, make the policy larger, or the task easier",
    )  # fmt: skip


def _draw(tasks: Sequence[Task], size: int, seed: int, step: int) -> list[Task]:
    index = torch.randint(len(tasks), (size,), generator=generator(seed, "warm_start", step))
    return [tasks[i] for i in index.tolist()]


def _learn(policy: Policy, optimizer: torch.optim.Optimizer, tasks: list[Task], budget: int | None, lr: float) -> float:
    batch = demonstrations(policy, tasks)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)
    total, count = 0.0, int(batch.mask.sum())
    for packed in micro_batches(batch, torch.arange(len(batch)), policy, budget=budget, shared=False):
        logp = statistics(policy, packed, batch.tokens.shape[1], {key("logp"): "logp"})[key("logp")]
        loss = -logp.sum() / count
        loss.backward()
        total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(policy.trainable(), 1.0)
    optimizer.step()
    return total


def demonstrations(policy: Policy, tasks: Sequence[Task]) -> Completions:
    """Prompts with their demonstrations as completions, the end token included."""
    rows = []
    for task in tasks:
        if not task.demonstration:
            raise DataError(
                "a supervised start needs demonstrations", where=f"task {task.id}",
                fix="choose a task with demonstrations, or start from a trained model and drop warm_start",
            )  # fmt: skip
        ids = policy.tokenizer(task.demonstration, add_special_tokens=False)["input_ids"]
        rows.append([*ids, *policy.end_ids[:1]])
    prompts, prompt_lengths = pad([policy.encode(t) for t in tasks], policy.pad_id)
    tokens, lengths = pad(rows, policy.pad_id)
    mask = torch.arange(tokens.shape[1]) < lengths[:, None]
    return Completions(prompts, prompt_lengths, torch.arange(len(tasks)), tokens, lengths, mask)


def _snapshot(policy: Policy, optimizer: torch.optim.Optimizer) -> tuple[dict, dict]:
    return copy.deepcopy(policy.model.state_dict()), copy.deepcopy(optimizer.state_dict())


def _restore(policy: Policy, optimizer: torch.optim.Optimizer, state: tuple[dict, dict]) -> None:
    policy.model.load_state_dict(state[0])
    optimizer.load_state_dict(copy.deepcopy(state[1]))
