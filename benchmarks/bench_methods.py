"""What each method costs: step time and memory of its recipe against plain GRPO, from the same checkpoint folder.

The policy is a Hugging Face directory. Every method takes its stages from its recipe and keeps task, batch and
optimiser of the baseline; runs alternate with the baseline in new processes, and times are compared inside each pair.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from common import SCRATCH, Options, Outcome, fresh, memory, note

BASELINE = "grpo"
METHODS = (
    "dapo", "gspo", "steer", "entropy-discriminator-clip", "clip_cov", "kl_cov", "siren", "epo",
    "entropy-performance-exchange", "ares", "safe", "aepo-arbitrary", "dcpo", "canon", "copo", "riskpo", "g2rpo",
    "empg", "spear", "verl-effective-rank",
)  # fmt: skip
SKIP = 4
GOAL, SECOND_PASS = 0.10, 0.30


def run(name: str, options: Options) -> Outcome:
    """Median overhead of a step per method, and of peak memory."""
    steps = options.steps or (6 if options.small else 16)
    folder = SCRATCH / f"warm-{'small' if options.small else 'full'}-0"
    fresh("bench_trl_step", {"folder": str(folder), "seed": 0, "small": options.small})
    found: dict[str, dict[str, float]] = {}
    failed: dict[str, str] = {}
    for method in METHODS:
        pairs = []
        for repeat in range(options.runs or 1):
            job = {"model": str(folder), "steps": steps, "seed": repeat, "threads": options.threads}
            try:
                base = fresh("bench_methods", {**job, "method": BASELINE}, threads=options.threads)
                ours = fresh("bench_methods", {**job, "method": method}, threads=options.threads)
            except RuntimeError as error:
                failed[method] = str(error).strip().splitlines()[-1]
                note(f"{method:>30}: {failed[method]}")
                break
            pairs.append((base, ours))
        if not pairs or method in failed:
            continue
        found[method] = {
            "step": statistics.median(o["step"] / b["step"] - 1 for b, o in pairs),
            "cpu": statistics.median(o["cpu"] / b["cpu"] - 1 for b, o in pairs),
            "peak": statistics.median(o["peak"] / b["peak"] - 1 for b, o in pairs),
            "seconds": statistics.median(o["step"] for _, o in pairs),
        }
        f = found[method]
        note(f"{method:>30}: step {f['step']:+.1%} (processor {f['cpu']:+.1%}), peak memory {f['peak']:+.1%}")
    worst = max(found.values(), key=lambda f: f["cpu"])
    median = statistics.median(f["cpu"] for f in found.values())
    detail: dict[str, Any] = {"methods": found, "failed": failed, "goal": GOAL, "goal_with_second_pass": SECOND_PASS,
                              "largest": worst}  # fmt: skip
    return Outcome(GOAL / max(median, 1e-3), median, len(found), "share of a step", "plain GRPO", detail)


def child(job: dict[str, Any]) -> dict[str, Any]:
    """One run of one method."""
    import shutil
    import time

    import addition
    import torch

    import guerdon
    from guerdon.suite import STAGES, recipe_of

    torch.set_num_threads(job["threads"])
    out = SCRATCH / "methods"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    train, held = addition.rows()
    paths = Path(out, "train.jsonl"), Path(out, "held.jsonl")
    for path, rows in zip(paths, (train, held), strict=True):
        addition.write_jsonl(path, rows)
    given = recipe_of(job["method"], "exploration", "modes")
    seconds: list[float] = []
    busy: list[float] = []

    class Watch(guerdon.Callback):
        def restart(self) -> None:
            self.mark, self.busy = time.perf_counter(), time.process_time()

        def on_step(self, step, total, metrics, times) -> None:
            seconds.append(time.perf_counter() - self.mark)
            busy.append(time.process_time() - self.busy)
            self.restart()

        def on_eval(self, step, metrics) -> None:
            self.restart()

        def on_start(self, info) -> None:
            self.restart()

    recipe = {
        "name": "methods",
        "task": {"use": "dataset", "path": str(paths[0]), "evaluation": str(paths[1]), "fields": {"gold": "answer"},
                 "answer_format": "text"},
        "policy": {"use": job["model"], "device": "cpu", "dtype": "float32"},
        "rollout": {"prompts": 64, "group": 8, "max_new_tokens": addition.NEW_TOKENS},
        "reward": [{"use": "answer_equal"}],
        **{k: given[k] for k in STAGES if k in given},
        "train": {"steps": job["steps"], "lr": 3e-4, "seed": job["seed"], "threads": job["threads"],
                  "checkpoint_every": 10_000},
        "eval": {"every": 10_000, "size": 8, "samples": 1, "greedy": False},
    }  # fmt: skip
    guerdon.train(recipe, out=out / "run", callbacks=[Watch()])
    return {"step": statistics.median(seconds[SKIP:]), "cpu": statistics.median(busy[SKIP:]), "peak": memory()["peak"]}
