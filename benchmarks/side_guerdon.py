"""Our side: the native engine through its public door, ``guerdon.train``, with the same task and settings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import addition
import torch
from common import memory

import guerdon


@guerdon.method(stage="reward")
def even(completion: Sequence[str]) -> torch.Tensor:
    """The reward of the long prompts."""
    return torch.tensor([addition.is_even(text) for text in completion])


def recipe(job: dict[str, Any], data: Path, held: Path) -> dict[str, Any]:
    """The recipe that does what the TRL side does."""
    return {
        "name": "addition",
        "task": {
            "use": "dataset", "path": str(data), "evaluation": str(held), "fields": {"gold": "answer"},
            "answer_format": "text",
        },
        "policy": {"use": job["model"], "device": "cpu", "dtype": "float32"},
        "rollout": {
            "prompts": job["prompts"], "group": job["group"], "max_new_tokens": addition.NEW_TOKENS, "temperature": 1.0,
        },
        "reward": [{"use": "side_guerdon.even" if job["long"] else "answer_equal"}],
        "advantage": [{"use": "grpo/trl"}],
        "objective": [{"use": "clip", "low": 0.2, "high": 0.2, "dual": None}],
        "aggregate": "token_mean",
        "train": {
            "steps": job["steps"], "lr": 3e-4, "schedule": "constant", "weight_decay": 0.0, "clip_norm": 1.0,
            "seed": job["seed"], "threads": job["threads"], "checkpoint_every": 10_000,
        },
        "eval": {"every": job["every"], "size": addition.HELD_OUT, "samples": 1, "greedy": False},
    }  # fmt: skip


def child(job: dict[str, Any]) -> dict[str, Any]:
    """One run in this process."""
    torch.set_num_threads(job["threads"])
    folder = Path(job["out"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    train, held = addition.rows(job["long"])
    paths = folder.parent / f"{folder.name}-train.jsonl", folder.parent / f"{folder.name}-held.jsonl"
    for path, rows in zip(paths, (train, held), strict=True):
        addition.write_jsonl(path, rows)
    seconds: list[float] = []
    busy: list[float] = []
    reward: list[float] = []
    curve: list[list[float]] = []
    timers: list[dict[str, float]] = []
    before: list[float] = []

    class Watch(guerdon.Callback):
        def restart(self) -> None:
            self.mark, self.busy = time.perf_counter(), time.process_time()

        def on_step(self, step, total, metrics, times) -> None:
            seconds.append(time.perf_counter() - self.mark)
            busy.append(time.process_time() - self.busy)
            reward.append(metrics["reward/total/mean"])
            timers.append(dict(times))
            self.restart()

        def on_eval(self, step, metrics) -> None:
            if not before:
                before.append(memory()["now"])
            curve.append([step, metrics["eval/accuracy"]])
            self.restart()

        def on_start(self, info) -> None:
            before.append(memory()["now"])

    guerdon.train(recipe(job, *paths), out=folder, callbacks=[Watch()], allow_code=job["long"])
    return {
        "seconds": seconds, "cpu": busy, "before": before[0], "peak": memory()["peak"], "curve": curve,
        "reward": reward, "timers": timers,
    }  # fmt: skip
