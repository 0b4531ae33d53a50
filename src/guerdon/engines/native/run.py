"""A run: folder, warm start, the loop, evaluation, checkpoints, resume.

Everything that decides the next step is in the checkpoint or follows from coordinates, so a run that was killed at any
moment continues from its last checkpoint and ends with the weights and metrics of a run that was not.
"""

from __future__ import annotations

import json
import math
import platform
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError

from guerdon import registry
from guerdon.component import build as build_component
from guerdon.engines import trackers
from guerdon.engines.callbacks import Callback, Callbacks
from guerdon.engines.native import policy as policies
from guerdon.engines.native import replay, table
from guerdon.engines.native.describe import resolved
from guerdon.engines.native.gather import sampling
from guerdon.engines.native.hidden import refuse_tables
from guerdon.engines.native.loop import Loop
from guerdon.engines.native.passes import check_passes
from guerdon.engines.native.warm_start import demonstrations, warm_start
from guerdon.errors import DataError, Interrupted, MachineError, RecipeError, RunError, UnknownNameError
from guerdon.pipeline import Pipeline
from guerdon.recipe import Recipe, WarmStart, load
from guerdon.records.jsonl import Writer
from guerdon.records.run import RunFolder
from guerdon.runtime import checkpoint, machine
from guerdon.runtime.files import DISK, TEMP, atomic_write, disk_errors, free_bytes, size_text
from guerdon.runtime.lock import RunLock
from guerdon.tasks.base import TaskData

PROVIDES = frozenset((
    "prompt", "task", "gold", "group_id", "completion", "tokens", "mask", "token_text", "truncated", "terminated",
    "sample_index", "source", "temperature", "train_step", "train_progress", "rng", "last", "history", "domain",
    "logp", "entropy", "collision", "collision_logp", "nucleus_entropy", "taken_logit", "log_partition",
    "tempered_logp", "old_logp", "old_entropy", "ref_logp", "value", "old_value", "reference_reward", "hidden",
))  # fmt: skip
LOGS = ("rollouts.jsonl", "metrics.jsonl", "events.jsonl")


@dataclass(frozen=True)
class Result:
    """Where a run is and how it ended."""

    path: Path
    summary: Mapping[str, Any] = field(default_factory=dict)


def train(
    recipe: Recipe | str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, out: str | Path | None = None,
    callbacks: Sequence[Callback] = (), allow_code: bool = False,
) -> Result:  # fmt: skip
    """Train a recipe on this machine.

    Args:
        recipe: a recipe, a file, a shipped name or a mapping.
        overrides: ``key=value`` texts.
        out: run folder; a new one under ``runs/`` when not given.
        callbacks: told what happens.
        allow_code: whether the recipe may name code of the user.

    Returns:
        The run folder and its summary.

    Raises:
        GuerdonError: the recipe, task, model or machine is wrong; nothing was started then.
        Interrupted: stopped by the user; progress is saved.
    """
    chosen = load(recipe, overrides, allow_code=allow_code)
    folder = Path(out) if out is not None else _new_folder(chosen.name or "run")
    _refuse_old(folder)
    return _Run(chosen, folder, callbacks).go(fresh=True)


def resume(run: str | Path, *, callbacks: Sequence[Callback] = (), allow_code: bool = False) -> Result:
    """Continue a run from its last good checkpoint; a finished run returns its summary.

    Raises:
        RunError: the folder is no run, or another process works on it.
    """
    folder = Path(run)
    record = RunFolder(folder)
    if (folder / "summary.json").exists():
        return Result(folder, record.summary() or {})
    return _Run(load(folder / "recipe.yaml", allow_code=allow_code), folder, callbacks).go(fresh=False)


def prepare(recipe: Recipe) -> tuple[TaskData, policies.Policy, Pipeline]:
    """Load the task, build the policy and check the pipeline, without starting anything."""
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    data = load_task(recipe)
    if not len(data.train) or not len(data.evaluation):
        raise RecipeError("the task has no training or no evaluation prompts", where="task")
    pipeline = Pipeline(
        recipe,
        default_reward=data.reward,
        provides=PROVIDES,
        provider_params={"answer": {"extract": data.answer_format}},
    )
    refuse_tables(recipe, pipeline)
    replay.check(pipeline)
    if recipe.policy.use == "table":
        policy = table.build(data.chains)
    else:
        policy = policies.build(recipe.policy, characters=data.characters, seed=recipe.train.seed)
    check_passes(recipe, pipeline)
    _try_prompts(recipe, data, policy)
    return data, policy, pipeline


def _try_prompts(recipe: Recipe, data: TaskData, policy: policies.Policy) -> None:
    """What the first prompts already show to be impossible is said before anything starts."""
    room = sampling(recipe, data).max_new_tokens
    for task in [tasks[i] for tasks in (data.train, data.evaluation) for i in range(min(len(tasks), 64))]:
        length = len(policy.encode(task))
        if length + room > policy.window:
            raise DataError(
                "prompt and completion do not fit the model's window", where=f"task {task.id}",
                seen=f"{length} + {room} tokens", allowed=f"{policy.window}",
                fix="lower rollout.max_new_tokens, or drop long prompts",
            )  # fmt: skip
    if _warm_plan(recipe) is not None:
        demonstrations(policy, [data.train[i] for i in range(min(len(data.train), 64))])


def _warm_plan(recipe: Recipe) -> WarmStart | None:
    if recipe.policy.use == "table":
        return None  # it starts at the base distribution itself
    return recipe.warm_start or (WarmStart() if recipe.policy.use == "tiny" else None)


def load_task(recipe: Recipe) -> TaskData:
    """The task of a recipe; ``family/member`` gives ``member`` to the family as its data set."""
    use, where = recipe.task.use, "task"
    params = dict(recipe.task.params)
    try:
        found = registry.resolve(recipe.task.reference, stage="task", allow_code=recipe.allow_code, where=where)
    except UnknownNameError:
        family, _, member = use.partition("/")
        if not member:
            raise
        found = registry.resolve(family, stage="task", allow_code=recipe.allow_code, where=where)
        params["dataset"] = member
    return build_component(found, params, where=where).instance.load()


class _Run:
    def __init__(self, recipe: Recipe, folder: Path, callbacks: Sequence[Callback]):
        self.recipe, self.folder = recipe, folder
        self.sinks = trackers.build(recipe.track, folder, recipe.data(), self._lost_tracker)
        self.tell = Callbacks([*callbacks, *self.sinks])
        self.stop = False
        self.lost: list[str] = []
        self.loop: Loop | None = None

    def go(self, *, fresh: bool) -> Result:
        data, policy, pipeline = prepare(self.recipe)
        self.folder.mkdir(parents=True, exist_ok=True)
        with RunLock(self.folder) as lock:
            if fresh:
                _refuse_old(self.folder)
            _clear_torn(self.folder)
            if not (self.folder / "run.json").exists():
                self._describe(policy, pipeline)
            found = None if fresh else checkpoint.newest(self.folder / "checkpoints")
            logs = {name: Writer(self.folder / name) for name in LOGS}
            notes = [*lock.notes, *(note for log in logs.values() for note in log.notes)]
            try:
                loop = Loop(self.recipe, data, policy, pipeline, logs, self.tell, self.folder)
                self._start(loop, found, notes)
                return self._finish(loop, self._steps(loop))
            finally:
                for sink in self.sinks:
                    sink.close()
                for log in logs.values():
                    log.close()

    def _lost_tracker(self, message: str) -> None:
        # before the logs are set right a message would be cut off again, so it waits
        if self.loop is None:
            self.lost.append(message)
        else:
            self.loop.event("warning", "tracker", message)

    def _describe(self, policy: policies.Policy, pipeline: Pipeline) -> None:
        data, origin = resolved(self.recipe, pipeline)
        atomic_write(self.folder / "recipe.yaml", yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
        atomic_write(self.folder / "sources.json", json.dumps(origin, indent=1, ensure_ascii=False))
        info = {
            "v": 1, "name": self.recipe.name, "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seed": self.recipe.train.seed, "command": " ".join(["guerdon", *sys.argv[1:]]),
            "parameters": policy.size(), "device": str(policy.device),
            "dtype": str(policy.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(), **machine.facts(),
        }  # fmt: skip
        atomic_write(self.folder / "run.json", json.dumps(info, indent=1, ensure_ascii=False))

    def _start(self, loop: Loop, found: checkpoint.Checkpoint | None, notes: Sequence[str]) -> None:
        recipe = self.recipe
        info = {
            "name": recipe.name, "folder": str(self.folder), "parameters": loop.policy.size(), "task": recipe.task.use,
            "device": str(loop.policy.device), "steps": recipe.train.steps, "resumed_at": found.step if found else None,
        }  # fmt: skip
        self.tell.on_start(info)
        if found is not None:
            loop.restore(found)
        else:
            for log in loop.logs.values():
                log.truncate_to(0)
        self.loop = loop
        for level, name, message in (
            *(("warning", "resume", text) for text in notes),
            *(("warning", "checkpoint", text) for text in (found.notes if found else ())),
            *(("warning", "tracker", text) for text in self.lost),
            *(("info", "policy", text) for text in (() if found else loop.policy.notes)),
            *(("info", "task", text) for text in (() if found else loop.data.notes)),
        ):
            loop.event(level, name, message)
        if found is None:
            self._first(loop)

    def _first(self, loop: Loop) -> None:
        """Everything before the first step; without a checkpoint it is done again from the beginning."""
        recipe = self.recipe
        began = time.perf_counter()
        plan = _warm_plan(recipe)
        if plan is not None:
            done = warm_start(
                loop.policy, loop.data.train, plan, loop.quick_accuracy, seed=recipe.train.seed, budget=loop.budget,
                report=loop.warm_check,
            )  # fmt: skip
            loop.facts |= {"warm_start_steps": done.steps, "warm_start_seconds": round(time.perf_counter() - began, 2)}
        loop.set_reference()
        loop.evaluate(0, keep=True)
        loop.save()

    def _steps(self, loop: Loop) -> str:
        total = self.recipe.train.steps
        with _Signals(self):
            while loop.step < total:
                loop.train_step()
                if loop.step % self.recipe.eval.every == 0 and loop.step < total:
                    loop.evaluate(loop.step)
                if loop.step % self.recipe.train.checkpoint_every == 0 and loop.step < total:
                    loop.save()
                if self.stop:
                    loop.save()
                    raise Interrupted(
                        f"stopped after step {loop.step} of {total}; everything is saved", where=str(self.folder),
                        fix=f"guerdon resume {self.folder}",
                    )  # fmt: skip
        return "finished"

    def _finish(self, loop: Loop, stopped: str) -> Result:
        if "last_eval" not in loop.facts:
            # the checkpoint holds the result, so a run killed after it does not write the evaluation twice
            loop.facts["last_eval"] = loop.evaluate(loop.step, keep=True)
            loop.save()
        after = loop.facts["last_eval"]
        self._save_policy(loop)
        before = loop.facts.get("first_eval", {})
        summary = {
            "v": 1, "name": self.recipe.name, "accuracy_before": before.get("eval/accuracy"),
            "accuracy_after": after.get("eval/accuracy"), "greedy_before": before.get("eval/greedy_accuracy"),
            "greedy_after": after.get("eval/greedy_accuracy"), "n_eval": int(after.get("eval/n", 0)),
            "train_seconds": round(loop.facts.get("train_seconds", 0.0), 2), "steps": loop.step, "stopped": stopped,
            "seed": self.recipe.train.seed, "parameters": loop.policy.size(),
            "warm_start_steps": loop.facts.get("warm_start_steps"),
            "warm_start_seconds": loop.facts.get("warm_start_seconds"),
            "tokens": loop.facts.get("tokens", 0), "machine": platform.machine(),
        }  # fmt: skip
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in summary.items()}
        atomic_write(self.folder / "summary.json", json.dumps(clean, indent=1))
        self.tell.on_end({**clean, "path": str(self.folder)})
        return Result(self.folder, clean)

    def _save_policy(self, loop: Loop) -> None:
        needed = sum(p.nbytes for p in loop.policy.model.parameters())
        try:
            with disk_errors(self.folder, needed=needed, intact="the run and its checkpoints"):
                loop.policy.save(self.folder / "policy")
        except SafetensorError as error:  # it hides the system's error number
            free = free_bytes(self.folder)
            raise MachineError(
                f"cannot write the policy: {error}", where=str(self.folder / "policy"),
                seen=f"{size_text(free)} free, about {size_text(needed)} needed",
                fix=f"free some space, then guerdon resume {self.folder}; intact: the run and its checkpoints",
            ) from error  # fmt: skip


class _Signals:
    """SIGINT once: finish the step, save, stop. Twice: stop at once."""

    def __init__(self, run: _Run):
        self.run = run
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._caught)
        except ValueError:  # not the main thread: the caller owns the signals
            self.before = {}

    def _caught(self, number: int, frame: Any) -> None:
        if self.run.stop:
            raise KeyboardInterrupt
        self.run.stop = True
        self.run.tell.on_message("warning", "stopping after this step; once more stops at once and loses it")

    def __exit__(self, *args: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _refuse_old(folder: Path) -> None:
    if (folder / "run.json").exists():
        raise RunError(
            "there is a run here already", where=str(folder), fix=f"guerdon resume {folder}, or another --out"
        )


def _clear_torn(folder: Path) -> None:
    """Take away what a killed write left: names that no reader takes for a finished file."""
    for place in (folder, folder / "checkpoints", folder / "reference"):
        for torn in [p for p in place.iterdir() if p.name.startswith(TEMP)] if place.is_dir() else ():
            DISK.remove(torn)


def _new_folder(name: str) -> Path:
    root = Path("runs")
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"


__all__ = ["PROVIDES", "Result", "prepare", "resume", "sampling", "train"]
