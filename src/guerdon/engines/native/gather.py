"""A batch before its update: sampled, looked at by the models that rewards ask, scored, selected."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING

import torch

from guerdon.engines.native import measure
from guerdon.engines.native.evaluate import memory, remember, unchanged
from guerdon.engines.native.forward import VOCAB, frozen_statistics
from guerdon.engines.native.hidden import put_ranks
from guerdon.engines.native.passes import base_pass, further, reads_raw_reward, temperature, tempered
from guerdon.engines.native.rollout import Rollouts, collect, first_groups, join
from guerdon.engines.native.sampler import Sampling
from guerdon.frame import Frame
from guerdon.ops.kernels import stat_key
from guerdon.pipeline import Scores
from guerdon.recipe import Recipe
from guerdon.records import Task
from guerdon.runtime.seeds import generator
from guerdon.tasks.base import TaskData

if TYPE_CHECKING:
    from guerdon.engines.native.loop import Loop


def sampling(recipe: Recipe, data: TaskData, *, step: int = 0, controlled: float | None = None) -> Sampling:
    """Sampling parameters of the base pass at a step; a controlled temperature is 1 where nothing controls it."""
    r = recipe.rollout
    return Sampling(
        max_new_tokens=r.max_new_tokens or data.max_new_tokens,
        temperature=temperature(r.temperature, step=step, total=recipe.train.steps, controlled=controlled),
        top_p=r.top_p, top_k=r.top_k, min_p=r.min_p, stop=r.stop or data.stop,
    )  # fmt: skip


def gather(
    loop: Loop, times: dict[str, float], metrics: dict[str, float]
) -> tuple[Frame, Rollouts, Scores, torch.Tensor]:
    """Sample and score until the selection has enough groups.

    Args:
        loop: the run; its cursor over the prompts moves on.
        times: where the seconds of sampling and scoring go.
        metrics: where what is known about the batch goes.

    Returns:
        The frame with the signals of the whole batch, its rows, their scores, and which rows train.
    """
    recipe = loop.recipe
    parts: list[Rollouts] = []
    wanted = recipe.rollout.prompts
    refill = [c.instance for c in loop.pipeline.selection if "refill" in c.params and c.instance.refill]
    batches = [c.max_batches for c in refill] or [1]
    limit = 0 if 0 in batches else max(batches)
    times["rollout"] = times["reward"] = 0.0
    before = memory(loop.pipeline) if refill else {}
    heat: float | None = None
    for attempt in itertools.count(1):
        mark = time.perf_counter()
        first = sum(len(p.completions.prompts) for p in parts)
        tasks = [next_task(loop, loop.cursor + i) for i in range(wanted)]
        loop.cursor += wanted
        heat = loop.pipeline.steer(loop.frame({})) if attempt == 1 else heat
        how = sampling(recipe, loop.data, step=loop.step, controlled=heat)
        coordinates = (recipe.train.seed, "rollout", loop.step, attempt - 1)
        parts.append(collect(loop.policy, tasks, recipe.rollout.group, how, coordinates, first_group=first))
        parts += further(loop, tasks, how, coordinates, heat, metrics, first_group=first + len(tasks))
        rollouts = join(parts)
        times["rollout"] += time.perf_counter() - mark
        mark = time.perf_counter()
        if attempt > 1:  # the rows of the first batches are scored again with the new ones, and count once
            remember(loop.pipeline, before)
        frame = loop.frame(rollouts.values)
        early(loop, frame, rollouts, how, heat)
        scores = loop.pipeline.score(frame)
        keep = loop.pipeline.select(frame)
        times["reward"] += time.perf_counter() - mark
        groups_kept = len(torch.unique(rollouts.values["group_id"][keep]))
        if not refill or groups_kept >= wanted or attempt == limit:
            break
    if refill:  # the last batch may have brought more than was missing
        keep = first_groups(rollouts.values["group_id"], keep, wanted)
    rollouts.values["reward"] = frame.get("reward")
    rollouts.values["answer"] = frame.get("answer") if "answer" in frame else None
    _measure(loop, frame, rollouts, scores, how, metrics)
    if loop.pipeline.selection:
        metrics["selection/kept"] = float(keep.double().mean())
        metrics["selection/batches"] = float(len(parts))
    return frame, rollouts, scores, keep


def _measure(
    loop: Loop, frame: Frame, rollouts: Rollouts, scores: Scores, how: Sampling, metrics: dict[str, float]
) -> None:
    """What is known about the base pass: further passes are another policy's."""
    if loop.recipe.rollout.passes:
        frame, rollouts, scores = base_pass(frame, rollouts, scores, loop.frame)
    weights = measure.column_weights(loop.pipeline.rewards, scores.names, frame)
    metrics |= measure.reward_metrics(scores, weights, frame)
    metrics |= measure.rollout_metrics(rollouts, frame.get("ref_logp", optional=True))
    if reads_raw_reward(loop.pipeline):
        means = [metrics[f"reward/{name}/mean"] for name in scores.names]
        metrics["reward/raw/mean"] = sum(w * m for w, m in zip(weights, means, strict=True) if w)
    if loop.reference is not None and not loop.penalised:
        metrics["kl"] = measure.sampled_kl(loop.reference, rollouts, loop.recipe.record.kl_rows, how.temperature)


def next_task(loop: Loop, position: int) -> Task:
    """The task at a place of the endless, per-epoch shuffled order of prompts."""
    size = len(loop.data.train)
    epoch, place = divmod(position, size)
    if loop.facts.get("_epoch") != epoch:
        order = torch.randperm(size, generator=generator(loop.recipe.train.seed, "order", epoch))
        loop.facts["_epoch"], loop.facts["_order"] = epoch, order
    return loop.data.train[int(loop.facts["_order"][place])]


def early(
    loop: Loop, frame: Frame, rollouts: Rollouts, how: Sampling, controlled: float | None = None, *,
    greedy: bool = True,
) -> None:  # fmt: skip
    """Signals of models that rewards and advantages read: they run before the scores.

    Rows of every pass are looked at as the base pass sampled; ``controlled`` is the temperature of ``tempered_logp``
    where the recipe binds none.
    """
    wanted = loop.needs_early
    heat = how.temperature
    own = {"old_logp": "logp", "old_entropy": "entropy", "old_value": "value"}
    # with one update the behaviour policy is the current one; with several it must be looked at before the first
    several = loop.recipe.train.epochs * loop.recipe.train.minibatches > 1
    kept = {"old_logp", *(loop.pipeline.needs() & {"old_entropy", "old_value"})} if several else set()
    needed = [(n, {}, stat) for n, stat in own.items() if n in wanted or n in kept]
    asked = loop.pipeline.asked(VOCAB, loop.pipeline.early())
    needed += [(n, s, stat_key(n, tempered(n, s, controlled))) for n, s in asked]
    if needed:
        stats = frozen_statistics(
            loop.policy, rollouts.completions, list(dict.fromkeys(stat for _, _, stat in needed)), budget=loop.budget,
            shared=loop.recipe.train.share_prompt, temperature=heat, value_head=loop.value_head,
        )  # fmt: skip
        for name, settings, stat in needed:
            frame.put(name, stats[stat].cpu(), settings)
    if loop.reference is not None and loop.penalised:
        stats = frozen_statistics(
            loop.reference, rollouts.completions, ["logp"], budget=loop.budget,
            shared=loop.recipe.train.share_prompt, temperature=heat,
        )  # fmt: skip
        frame.put("ref_logp", stats["logp"].cpu())
    if greedy and "hidden" in wanted:
        put_ranks(loop, frame, rollouts)
    if "token_text" in loop.pipeline.needs():  # an objective may ask for steps too
        rows = rollouts.completions.tokens.tolist()
        frame.put("token_text", [loop.policy.token_text(r) for r in rows])
    if greedy and "reference_reward" in wanted:
        frame.put("reference_reward", _greedy_reward(loop, rollouts, how, controlled))


def _greedy_reward(loop: Loop, rollouts: Rollouts, how: Sampling, controlled: float | None) -> torch.Tensor:
    """Reward of the greedy answer to each row's prompt, ``[batch, 1]``."""
    tasks = dict(zip(rollouts.values["group_id"].tolist(), rollouts.values["task"], strict=True))
    once = dataclasses.replace(how, greedy=True)
    greedy = collect(loop.policy, list(tasks.values()), 1, once, (loop.recipe.train.seed, "greedy", loop.step))
    frame = loop.frame(greedy.values)
    early(loop, frame, greedy, once, controlled, greedy=False)
    with unchanged(loop.pipeline):
        loop.pipeline.score(frame)
    per_group = dict(zip(tasks, frame.get("reward").tolist(), strict=True))
    return torch.tensor([[per_group[g]] for g in rollouts.values["group_id"].tolist()])
