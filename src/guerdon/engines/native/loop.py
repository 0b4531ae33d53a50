"""The training loop: rollouts, scores, advantages, updates, logs; and what a checkpoint holds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from guerdon.engines.callbacks import Callbacks
from guerdon.engines.native import measure, replay
from guerdon.engines.native.evaluate import evaluate, memory, remember
from guerdon.engines.native.gather import gather, sampling
from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts
from guerdon.engines.native.update import Updater
from guerdon.engines.native.weights import load_into, tensors_of
from guerdon.errors import NumericsError, RunError
from guerdon.frame import Frame, cut
from guerdon.pipeline import Pipeline, Scores
from guerdon.recipe import Recipe
from guerdon.records.jsonl import Writer
from guerdon.runtime import checkpoint
from guerdon.runtime.optimizer import load_optimizer, optimizer_tensors
from guerdon.runtime.seeds import generator
from guerdon.tasks.base import TaskData

BUDGET = {"cpu": 32_768, "cuda": 65_536}
# what controllers may look back on, and the metric that it is; the raw reward is only there where it is asked for
SERIES = (("entropy", "entropy"), ("kl", "kl"), ("reward", "reward/total/mean"), ("raw_reward", "reward/raw/mean"))


def learning_rate(recipe: Recipe, step: int) -> float:
    """Learning rate of an optimiser step, warm-up included."""
    t = recipe.train
    if step < t.warmup:
        return t.lr * (step + 1) / t.warmup
    share = (step - t.warmup) / max(t.steps - t.warmup, 1)
    if t.schedule == "linear":
        return t.lr * (1 - share)
    if t.schedule == "cosine":
        return t.lr * 0.5 * (1 + math.cos(math.pi * share))
    return t.lr


class Loop:
    """A run in memory. ``step`` counts finished rollout batches, ``cursor`` the prompts drawn so far."""

    def __init__(
        self, recipe: Recipe, data: TaskData, policy: Policy, pipeline: Pipeline, logs: Mapping[str, Writer],
        tell: Callbacks, folder: Path,
    ):  # fmt: skip
        self.recipe, self.data, self.policy, self.pipeline = recipe, data, policy, pipeline
        self.logs, self.tell, self.folder = logs, tell, folder
        self.step = self.cursor = 0
        self.facts: dict[str, Any] = {"train_seconds": 0.0, "tokens": 0}
        self.history: dict[str, list[float]] = {}
        self.budget = recipe.train.micro_tokens or BUDGET.get(policy.device.type, 32_768)
        self.needs_early, needs = pipeline.needs_before_update(), pipeline.needs()
        self.reference: Policy | None = None
        self.penalised = "ref_logp" in needs
        self.needs_reference = self.penalised or recipe.record.kl_rows > 0
        self.value_head = None
        if needs & {"value", "old_value"}:
            self.value_head = torch.nn.Linear(policy.body.config.hidden_size, 1).to(policy.device)
            torch.nn.init.zeros_(self.value_head.weight)
            torch.nn.init.zeros_(self.value_head.bias)
        t = recipe.train
        parameters = policy.trainable() + (list(self.value_head.parameters()) if self.value_head else [])
        self.optimizer = torch.optim.AdamW(parameters, lr=t.lr, betas=t.betas, weight_decay=t.weight_decay)
        self.updater = Updater(
            policy, pipeline, self.optimizer, self.value_head, self.budget, t.share_prompt, t.clip_norm, t.non_finite
        )

    # logs

    def event(self, level: str, name: str, message: str) -> None:
        """Something worth knowing, in the log and to whoever watches."""
        self.logs["events.jsonl"].write([{"v": 1, "step": self.step, "level": level, "name": name, "message": message}])
        self.tell.on_message(level, message)

    def log(self, kind: str, step: int, metrics: Mapping[str, float], times: Mapping[str, float]) -> None:
        """One line of metrics."""
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in metrics.items()}
        self.logs["metrics.jsonl"].write([{"v": 1, "kind": kind, "step": step, "metrics": clean, "time": dict(times)}])

    def warm_check(self, info: dict) -> None:
        """One check of the supervised start."""
        numbers = {k: float(v) for k, v in info.items() if isinstance(v, (int, float)) and k != "step"}
        self.log("warm_start", info["step"], numbers, {})
        self.tell.on_warm_start(info)

    # evaluation

    def quick_accuracy(self, size: int) -> float:
        """Sampled accuracy on about ``size`` samples of held-out prompts."""
        tasks = [self.data.evaluation[i] for i in range(min(size, len(self.data.evaluation)))]
        copies = max(size // len(tasks), 1)
        metrics, _ = evaluate(
            self.policy, self.pipeline, tasks, sampling(self.recipe, self.data), samples=copies, greedy=False,
            batch=self.recipe.eval.batch, coordinates=(self.recipe.train.seed, "warm_check"),
        )  # fmt: skip
        return metrics["eval/accuracy"]

    def evaluate(self, step: int, *, keep: bool = False) -> dict[str, float]:
        """Held-out evaluation; the rollouts of the first and last one are kept."""
        e = self.recipe.eval
        began = time.perf_counter()
        tasks = [self.data.evaluation[i] for i in range(min(e.size, len(self.data.evaluation)))]
        metrics, found = evaluate(
            self.policy, self.pipeline, tasks, sampling(self.recipe, self.data, step=step), samples=e.samples,
            greedy=e.greedy, batch=e.batch, coordinates=(self.recipe.train.seed, "eval"),
        )  # fmt: skip
        if keep:
            for rollouts, scores in found:
                self.logs["rollouts.jsonl"].write(
                    measure.records(self.policy, rollouts, scores, step=step, kind="eval")
                )
        self.log("eval", step, metrics, {"step": time.perf_counter() - began})
        if step == 0:
            self.facts["first_eval"] = metrics
        self.tell.on_eval(step, metrics)
        return metrics

    # one step

    def frame(self, values: Mapping[str, Any]) -> Frame:
        """A frame of the current step with the run-level signals."""
        total = self.recipe.train.steps
        frame = self.pipeline.frame(values, step=self.step, total=total)
        frame.put("train_step", torch.tensor(self.step))
        frame.put("train_progress", torch.tensor(self.step / max(total, 1)))
        frame.put("rng", generator(self.recipe.train.seed, "update", self.step))
        for name, series in self.history.items():
            frame.put("last", torch.tensor(series[-1]), {"metric": name})
            frame.put("history", torch.tensor(series), {"metric": name})
        return frame

    def train_step(self) -> None:
        """Sample, score, update, log."""
        began = time.perf_counter()
        times: dict[str, float] = {}
        metrics: dict[str, float] = {}
        frame, rollouts, scores, keep = gather(self, times, metrics)
        mark = time.perf_counter()
        values = self._advantages(frame, rollouts, keep, metrics)
        times["advantage"] = time.perf_counter() - mark
        mark = time.perf_counter()
        lr = learning_rate(self.recipe, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        metrics |= self._update(rollouts, values, keep)
        metrics["lr"] = lr
        times["update"] = time.perf_counter() - mark
        mark = time.perf_counter()
        self.step += 1
        self._record(frame, rollouts, scores, values, keep)
        for name, source in SERIES:
            if metrics.get(source) is not None and math.isfinite(metrics[source]):
                self.history.setdefault(name, []).append(metrics[source])
        self._finish_step(metrics, times, mark, began, int(rollouts.completions.lengths.sum()))

    def _finish_step(self, metrics, times, mark, began, tokens) -> None:
        total = self.recipe.train.steps
        times["records"] = time.perf_counter() - mark
        times["step"] = time.perf_counter() - began
        times["tokens_per_second"] = tokens / times["step"]
        self.facts["train_seconds"] += times["step"]
        self.facts["tokens"] += tokens
        times["elapsed"] = self.facts["train_seconds"]
        times["left"] = self.facts["train_seconds"] / self.step * (total - self.step)
        self.log("train", self.step, metrics, times)
        self._watch(metrics)
        self.tell.on_step(self.step, total, metrics, times)

    def _advantages(self, frame: Frame, rollouts: Rollouts, keep: torch.Tensor, metrics) -> dict[str, Any]:
        """Advantages of the rows that train; returns their signals for the update."""
        index = keep.nonzero()[:, 0]
        if nothing := not len(index):
            index = torch.arange(len(rollouts))
        size = len(rollouts)
        if len(index) < size:
            kept = self.frame(frame.rows(index, size))
            for name, settings, value in frame.set_apart(index, size):
                kept.put(name, value, settings)
        else:
            kept = frame
        metrics |= self.pipeline.starts(kept)
        advantage = self.pipeline.advantage(kept)
        if nothing:  # rows that were left out must not train for want of others
            advantage = torch.zeros_like(advantage)
            for name in [n for n in kept.names() if n.partition("/")[0] == "advantage"]:
                kept.put(name, advantage)
        metrics |= measure.advantage_metrics(advantage, kept.get("mask"))
        if not bool((advantage != 0).any()):
            why = "the selection kept no row" if nothing else "all rewards equal"
            self.event("warning", "no_signal", f"step {self.step + 1}: every advantage is 0 ({why})")
        values = kept.rows(torch.arange(len(index)), len(index))
        values["_index"] = index
        return values

    def _update(self, rollouts: Rollouts, values: dict[str, Any], keep: torch.Tensor) -> dict[str, float]:
        """One optimiser step per mini-batch and epoch; groups stay together."""
        index = values.pop("_index")
        rows, values, replayed = replay.joined(self, rollouts.pick(index), values)
        t = self.recipe.train
        totals: dict[str, list[float]] = {k: [v] for k, v in replayed.items()}
        group_id = values["group_id"]
        names = torch.unique(group_id)
        for epoch in range(t.epochs):
            order = names[torch.randperm(len(names), generator=generator(t.seed, "mini", self.step, epoch))]
            for part in order.chunk(t.minibatches) if t.epochs * t.minibatches > 1 else [names]:
                chosen = torch.isin(group_id, part).nonzero()[:, 0]
                size = len(group_id)
                whole = len(chosen) == size
                logs = self.updater.step(
                    rows if whole else rows.pick(chosen),
                    values if whole else {k: cut(v, chosen, size) for k, v in values.items()},
                    self.frame,
                )
                for k, v in logs.items():
                    totals.setdefault(k, []).append(v)
        return {k: sum(v) / len(v) for k, v in totals.items()}

    def _record(self, frame: Frame, rollouts: Rollouts, scores: Scores, values: dict[str, Any], keep) -> None:
        if (self.step - 1) % self.recipe.record.every:
            return
        advantage = torch.zeros(rollouts.completions.mask.shape)
        index = keep.nonzero()[:, 0] if bool(keep.any()) else torch.arange(len(rollouts))
        advantage[index] = values["advantage"].to(advantage.dtype).cpu()
        columns = {"advantage": advantage, **rollouts.sampled}
        self.logs["rollouts.jsonl"].write(
            measure.records(
                self.policy, rollouts, scores, step=self.step, columns=columns, detail=self.recipe.record.detail
            )
        )

    def _watch(self, metrics: Mapping[str, float]) -> None:
        unscored = metrics.get("status/unscored", 0.0)
        if unscored > self.recipe.train.max_unscored:
            raise NumericsError(
                "too many rewards could not be scored", where=f"step {self.step}", seen=f"{unscored:.0%} unscored",
                allowed=f"{self.recipe.train.max_unscored:.0%} (train.max_unscored)",
                fix="see failure causes in the report; the run can be resumed",
            )  # fmt: skip
        if unscored > 0.02:
            self.event("warning", "unscored", f"step {self.step}: {unscored:.1%} of the rewards could not be scored")

    # checkpoints

    def set_reference(self) -> None:
        """Freeze the policy as it is now, when a method asks for reference log-probs."""
        if self.needs_reference:
            self.reference = self.policy.frozen_copy()
            checkpoint.save(self.folder / "reference", 0, {"policy": tensors_of(self.reference.model)}, {}, keep=1)

    def save(self) -> None:
        """Write a checkpoint of everything the next step depends on."""
        tensors = {"policy": tensors_of(self.policy.model), "optimizer": optimizer_tensors(self.optimizer)}
        if self.value_head is not None:
            tensors["value_head"] = tensors_of(self.value_head)
        state = {
            "step": self.step, "cursor": self.cursor, "history": self.history,
            "facts": {k: v for k, v in self.facts.items() if not k.startswith("_")},
            "components": memory(self.pipeline),
            "logs": {name: log.offset() for name, log in self.logs.items()},
        }  # fmt: skip
        checkpoint.save(self.folder / "checkpoints", self.step, tensors, state, keep=self.recipe.train.keep)

    def restore(self, found: checkpoint.Checkpoint) -> None:
        """Go back to a checkpoint; what the logs hold beyond it is cut off and will be written again."""
        load_into(self.policy.model, found.tensors["policy"], found.path)
        load_optimizer(self.optimizer, found.tensors["optimizer"])
        if self.value_head is not None:
            load_into(self.value_head, found.tensors["value_head"], found.path)
        state = found.state
        self.step, self.cursor = state["step"], state["cursor"]
        self.history = {k: list(v) for k, v in state["history"].items()}
        self.facts = dict(state["facts"])
        remember(self.pipeline, state["components"])
        for name, log in self.logs.items():
            log.truncate_to(state["logs"][name])
        if self.needs_reference:
            kept = checkpoint.newest(self.folder / "reference")
            if kept is None:
                raise RunError("the reference model of this run is missing", where=str(self.folder / "reference"))
            self.reference = self.policy.frozen_copy()
            load_into(self.reference.model, kept.tensors["policy"], kept.path)
