"""Rollouts: tasks in, completions and the signals known at that moment out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.engines.native.packing import Completions
from guerdon.engines.native.policy import Policy, pad
from guerdon.engines.native.sampler import Samples, Sampling, sample
from guerdon.errors import DataError
from guerdon.frame import cut
from guerdon.records import Task
from guerdon.runtime.seeds import seed


@dataclass(frozen=True)
class Rollouts:
    """Sampled rows: token ids for the model, signals for the pipeline.

    ``sampled`` holds the log-probs and entropies of the moment of sampling, for logs and records.
    """

    completions: Completions
    values: dict[str, Any]
    sampled: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.completions)

    def pick(self, index: Tensor) -> Rollouts:
        """Only these rows; prompts stay as they are."""
        c, size = self.completions, len(self)
        kept = Completions(
            c.prompts, c.prompt_lengths, c.prompt_of[index], c.tokens[index], c.lengths[index], c.mask[index]
        )
        values = {k: cut(v, index, size) for k, v in self.values.items()}
        return Rollouts(kept, values, {k: v[index] for k, v in self.sampled.items()})


def collect(
    policy: Policy, tasks: Sequence[Task], copies: int, how: Sampling, coordinates: Sequence[int | str], *,
    first_group: int = 0, source: str = "base",
) -> Rollouts:  # fmt: skip
    """Sample ``copies`` completions of every task.

    Args:
        policy: the model.
        tasks: one per group.
        copies: samples per task.
        how: sampling parameters.
        coordinates: place in the run; a row's seed also takes its task's id and its sample number.
        first_group: group id of the first task.
        source: name of the pass.

    Raises:
        DataError: a prompt is empty or leaves no room in the window.
    """
    prompts = [policy.encode(task) for task in tasks]
    longest = max(range(len(prompts)), key=lambda i: len(prompts[i]))
    if len(prompts[longest]) + how.max_new_tokens > policy.window:
        raise DataError(
            "prompt and completion do not fit the model's window", where=f"task {tasks[longest].id}",
            seen=f"{len(prompts[longest])} + {how.max_new_tokens} tokens", allowed=f"{policy.window}",
            fix="lower rollout.max_new_tokens, or drop long prompts",
        )  # fmt: skip
    seeds = torch.tensor([seed(*coordinates, task.id, j) for task, j in _numbered(tasks, copies)])
    sampled = sample(policy, prompts, [copies] * len(tasks), seeds, how)
    return _assemble(policy, tasks, prompts, copies, sampled, how, first_group, source)


def _numbered(tasks: Sequence[Task], copies: int) -> list[tuple[Task, int]]:
    """Tasks with sample numbers; a task that comes again in a batch goes on counting, or its rows would be copies."""
    times: Counter[str] = Counter()
    out = []
    for task in tasks:
        out += [(task, times[task.id] * copies + j) for j in range(copies)]
        times[task.id] += 1
    return out


def _assemble(
    policy: Policy, tasks: Sequence[Task], prompts: Sequence[list[int]], copies: int, sampled: Samples, how: Sampling,
    first_group: int, source: str,
) -> Rollouts:  # fmt: skip
    ids, lengths = pad(prompts, policy.pad_id)
    tokens = sampled.tokens
    mask = torch.arange(tokens.shape[1]) < sampled.lengths[:, None]
    prompt_of = torch.arange(len(tasks)).repeat_interleave(copies)
    rows = tokens.tolist()
    texts = [_cut(policy.decode(r[:n]), how.stop) for r, n in zip(rows, sampled.lengths.tolist(), strict=True)]
    last = mask & (torch.arange(tokens.shape[1]) == (sampled.lengths - 1)[:, None])
    per_row = [t for t in tasks for _ in range(copies)]
    domains = {d: i for i, d in enumerate(sorted({t.domain for t in tasks}))}
    values = {
        "task": per_row,
        "prompt": [t.prompt for t in per_row],
        "gold": [t.gold for t in per_row],
        "group_id": prompt_of + first_group,
        "sample_index": torch.arange(copies).repeat(len(tasks)),
        "domain": torch.tensor([domains[t.domain] for t in per_row]),
        "source": [source] * len(per_row),
        "completion": texts,
        "tokens": tokens,
        "mask": mask,
        "terminated": last & sampled.ended[:, None],
        "truncated": last & ~sampled.ended[:, None],
        "temperature": torch.tensor(how.temperature),
    }
    seen = {"logp": sampled.logp, "entropy": sampled.entropy}
    return Rollouts(Completions(ids, lengths, prompt_of, tokens, sampled.lengths, mask), values, seen)


def _cut(text: str, stop: Sequence[str]) -> str:
    found = [text.find(s) for s in stop if s in text]
    return text[: min(found)] if found else text


def join(parts: Sequence[Rollouts]) -> Rollouts:
    """Several rollouts as one, in order; groups must not overlap.

    Used when a selection asks for more prompts to fill the batch.
    """
    if len(parts) == 1:
        return parts[0]
    width = max(p.completions.tokens.shape[1] for p in parts)
    wide = max(p.completions.prompts.shape[1] for p in parts)
    offset = 0
    prompts, prompt_lengths, prompt_of = [], [], []
    for part in parts:
        c = part.completions
        prompts.append(_widen(c.prompts, wide))
        prompt_lengths.append(c.prompt_lengths)
        prompt_of.append(c.prompt_of + offset)
        offset += len(c.prompts)
    joined = {k: _concat([p.values[k] for p in parts], width) for k in parts[0].values}
    completions = Completions(
        torch.cat(prompts), torch.cat(prompt_lengths), torch.cat(prompt_of), joined["tokens"],
        torch.cat([p.completions.lengths for p in parts]), joined["mask"],
    )  # fmt: skip
    sampled = {k: _concat([p.sampled[k] for p in parts], width) for k in parts[0].sampled}
    return Rollouts(completions, joined, sampled)


def _widen(x: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, width - x.shape[1])) if x.ndim == 2 and x.shape[1] < width else x


def _concat(items: Sequence[Any], width: int) -> Any:
    first = items[0]
    if isinstance(first, list):
        return [v for part in items for v in part]
    if isinstance(first, Tensor) and first.ndim == 2:
        return torch.cat([_widen(v, width) for v in items])
    if isinstance(first, Tensor) and first.ndim == 1:
        return torch.cat(list(items))
    return first


def subset(values: Mapping[str, Any], index: Tensor, size: int) -> dict[str, Any]:
    """Row-aligned values cut to ``index``."""
    return {k: cut(v, index, size) for k, v in values.items()}


def first_groups(group_id: Tensor, keep: Tensor, count: int) -> Tensor:
    """Kept rows of the first ``count`` groups that have any: what a refilled batch trains on.

    Example:
        >>> first_groups(torch.tensor([0, 0, 1, 2]), torch.tensor([False, True, True, True]), 2).tolist()
        [False, True, True, False]
    """
    return keep & torch.isin(group_id, torch.unique(group_id[keep])[:count])
