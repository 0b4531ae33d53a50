"""A run folder that looks like a real one: arithmetic learned over some steps, with every kind of record."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

_PWN = "document.documentElement.dataset.pwned='1'"
HOSTILE = f'<script>{_PWN}</script><img src=x onerror="{_PWN}">'
CONTROL = "\x1b[31mred\x1b[0m \u202egnp.exe\u202c zero\u200bwidth nul\x00 tag\U000e0041 \ud800"
CAUSES = ("no answer found", "answer is not a number", "two answers given")


def make_run(
    folder: Path,
    *,
    steps: int = 40,
    prompts: int = 4,
    group: int = 8,
    tasks: int = 60,
    samples: int = 8,
    seed: int = 0,
    skill: float = 1.0,
    evals: bool = True,
    hostile: bool = False,
) -> Path:
    """Write a run and return its folder; ``skill`` scales how much is learned."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    metrics, rollouts = [], []
    hard = [rng.gauss(0, 1.4) for _ in range(tasks)]
    every = max(1, steps // 6)
    scores = {}
    for step in range(steps + 1):
        level = -1.0 + 3.2 * skill * (1 - math.exp(-3.0 * step / max(1, steps)))
        if evals and (step % every == 0 or step == steps):
            scores[step] = _evaluation(rng, step, level, hard, samples, rollouts, keep=step in (0, steps))
            metrics.append({"v": 1, "kind": "eval", "step": step, "metrics": scores[step], "time": {}})
        if step < steps:
            metrics.append(_step(rng, step, level, prompts, group, rollouts, hostile, step / max(1, steps)))
    _write(folder, metrics, rollouts, scores, steps, seed, skill, hostile)
    return folder


def _chance(level: float, hard: float) -> float:
    return 1 / (1 + math.exp(-(level - hard)))


def _evaluation(rng, step, level, hard, samples, rollouts, keep) -> dict:
    hits, best = 0, 0
    for t, h in enumerate(hard):
        right = [rng.random() < _chance(level, h) for _ in range(samples)]
        hits += sum(right)
        best += rng.random() < _chance(level + 0.6, h)
        for s, ok in enumerate(right if keep else []):
            rollouts.append(
                {
                    "id": f"e{step}:{t}:{s}",
                    "step": step,
                    "task_id": f"held-{t}",
                    "kind": "eval",
                    "prompt": f"{t} + {t + 7} =",
                    "completion": f"<answer>{2 * t + 7 if ok else 3 * t}</answer>",
                    "gold": str(2 * t + 7),
                    "group": t,
                    "sample": s,
                    "length": 9,
                    "is_correct": ok,
                    "reward": float(ok),
                    "v": 1,
                }
            )
    n = len(hard) * samples
    return {"eval/accuracy": hits / n, "eval/greedy_accuracy": best / len(hard), "eval/n": n, "eval/length": 14.0}


def _step(rng, step, level, prompts, group, rollouts, hostile, share) -> dict:
    batch = []
    for p in range(prompts):
        h, a, b, c = rng.gauss(0, 1.4), rng.randint(2, 99), rng.randint(2, 99), rng.randint(2, 9)
        for s in range(group):
            batch.append(_rollout(rng, step, p, s, h, level, share, (a, b, c), hostile))
    rollouts += batch
    scored = [r for r in batch if r["reward"] is not None]
    rewards = [r["reward"] for r in scored]
    groups = [[r["reward"] for r in scored if r["group"] == g] for g in range(prompts)]
    metrics = {
        "reward/total/mean": sum(rewards) / len(rewards),
        "accuracy": sum(r["is_correct"] for r in batch) / len(batch),
        "entropy": 0.9 * math.exp(-1.6 * share) + rng.gauss(0, 0.02),
        "kl": 0.04 * share + abs(rng.gauss(0, 0.002)),
        "length/mean": sum(r["length"] for r in batch) / len(batch),
        "length/max": max(r["length"] for r in batch),
        "truncated/rate": sum(r.get("truncated", False) for r in batch) / len(batch),
        "group/zero_variance": sum(len({round(x, 3) for x in g}) < 2 for g in groups) / prompts,
        "loss/clip": rng.gauss(-0.02, 0.01),
        "clip/clip": abs(rng.gauss(0.01, 0.004)),
        "grad_norm": rng.lognormvariate(-0.5, 0.4),
        "lr": 1e-3 * (1 - share),
        "status/scored": len(scored) / len(batch),
        "status/unscored": 1 - len(scored) / len(batch),
    }
    for name in ("answer_equal", "length_cosine", "format"):
        values = [r["aspects"][name] for r in batch if r["aspects"][name] is not None]
        inside = [
            [r["aspects"][name] for r in batch if r["group"] == g and r["aspects"][name] is not None]
            for g in range(prompts)
        ]
        metrics[f"reward/{name}/mean"] = sum(values) / len(values)
        metrics[f"reward/{name}/within_group_std"] = sum(_std(v) for v in inside) / prompts
    clock = {"rollout": 0.31, "reward": 0.02, "advantage": 0.004, "update": 0.22 + 0.05 * rng.random(), "records": 0.01}
    clock |= {"step": sum(clock.values()) + 0.03, "tokens_per_second": 2100 + rng.gauss(0, 90), "elapsed": 0.6 * step}
    return {"v": 1, "kind": "train", "step": step, "metrics": metrics, "time": clock}


def _rollout(rng, step, p, s, h, level, share, numbers, hostile) -> dict:
    a, b, c = numbers
    gold, right = a + b * c, rng.random() < _chance(level, h)
    length = max(8, int(rng.gauss(34 - 8 * share, 8)))
    cut = rng.random() < 0.06 * (1 - share)
    formed = rng.random() < 0.6 + 0.4 * share
    answer = gold if right else gold + rng.choice((-10, -c, c, 1, b))
    parts = [f"First I multiply {b} by {c} which gives {b * c}.", f"Then I add {a}."][: 1 + (length > 26)]
    text = " ".join(parts) + (f" <answer>{answer}</answer>" if not cut else " Then I")
    if hostile and rng.random() < 0.2:
        text = f"{HOSTILE} {CONTROL} {text}"
    status, reason = {"answer_equal": "scored", "length_cosine": "scored", "format": "scored"}, {}
    aspects = {
        "answer_equal": float(right),
        "length_cosine": round(0.5 + 0.5 * math.cos(length / 20), 3),
        "format": float(formed),
    }
    reward = aspects["answer_equal"] + 0.1 * aspects["length_cosine"] + 0.2 * aspects["format"]
    if cut or rng.random() < 0.04:
        status["answer_equal"], reason["answer_equal"], aspects["answer_equal"], right = (
            "failed",
            CAUSES[rng.randrange(3)],
            0.0,
            False,
        )
    if rng.random() < 0.006:
        status["answer_equal"], reason["answer_equal"], aspects["answer_equal"], reward = (
            "unscored",
            "judge timed out after 10 s",
            None,
            None,
        )
    tokens = [w if i == 0 else " " + w for i, w in enumerate(text.split(" "))]
    out = {
        "id": f"{step}:{p}:{s}",
        "step": step,
        "task_id": f"train-{step}-{p}",
        "prompt": f"What is {a} + {b} * {c}?",
        "completion": text,
        "gold": str(gold),
        "group": p,
        "sample": s,
        "length": length,
        "truncated": cut,
        "answer": str(answer),
        "is_correct": right,
        "reward": None if reward is None else round(reward, 4),
        "aspects": aspects,
        "status": status,
        "reason": reason,
        "v": 1,
        "advantage": rng.gauss(0, 1),
    }
    if s < 2 and p < 2:
        out["detail"] = {
            "token_text": tokens,
            "advantage": [out["advantage"] * (0.4 + rng.random()) for _ in tokens],
            "entropy": [abs(rng.gauss(0, 0.6)) for _ in tokens],
            "logp": [-abs(rng.gauss(0, 0.7)) for _ in tokens],
        }
    return out


def _std(values: list[float]) -> float:
    mean = sum(values) / len(values) if values else 0.0
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) if values else 0.0


def _write(folder, metrics, rollouts, scores, steps, seed, skill, hostile) -> None:
    name = f"evil {HOSTILE}" if hostile else "tiny"
    (folder / "metrics.jsonl").write_text("".join(json.dumps(m) + "\n" for m in metrics), "utf-8")
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rollouts), "utf-8")
    events = [{"v": 1, "step": 0, "level": "info", "name": "start", "message": "training started"}]
    events += [
        {
            "v": 1,
            "step": s,
            "level": "warning",
            "name": "zero_variance",
            "message": "over half of the groups carry no signal",
        }
        for s in range(steps // 2, steps, 3)
    ]
    events += [
        {
            "v": 1,
            "step": 3,
            "level": "error",
            "name": "judge",
            "message": HOSTILE if hostile else "the judge did not answer in 10 s; 2 scores are missing",
        }
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), "utf-8")
    recipe = {
        "task": {"use": "reasoning_gym/chain_sum", "size": 4000},
        "policy": {"use": name, "layers": 4, "width": 192},
        "rollout": {"prompts": 4, "group": 8, "max_new_tokens": 48, "temperature": 1.0},
        "reward": [
            {"use": "answer_equal", "weight": 1.0},
            {"use": "length_cosine", "weight": 0.1, "when": {"level": "hard"}},
            {"use": "format", "weight": 0.2},
        ],
        "advantage": [{"use": "grpo"}, {"use": "empg"}],
        "objective": [{"use": "clip", "low": 0.2, "high": 0.2 if skill == 1.0 else 0.28}],
        "aggregate": "token_mean",
        "train": {"steps": steps, "lr": 1e-3, "seed": seed},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe), "utf-8")  # JSON is YAML
    sources = {
        "task": "recipe arithmetic.yaml",
        "rollout.temperature": "default",
        "reward": "recipe arithmetic.yaml",
        "advantage": "recipe arithmetic.yaml",
        "objective.0.low": "default of clip (paper, arXiv:1707.06347)",
        "objective.0.high": "command line",
        "train.lr": "recipe arithmetic.yaml",
        "train.seed": "command line",
    }
    (folder / "sources.json").write_text(json.dumps(sources), "utf-8")
    info = {
        "v": 1,
        "seed": seed,
        "created": "2026-01-15T10:20:30+00:00",
        "command": "guerdon train arithmetic train.seed=0",
        "machine": {
            "system": "Linux 6.8",
            "cpu": "AMD Ryzen 7 7840U",
            "cores": 8,
            "memory_gb": 32,
            "device": "cpu",
            "threads": 4,
        },
        "versions": {"guerdon": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "python": "3.11.9"},
    }
    (folder / "run.json").write_text(json.dumps(info), "utf-8")
    if scores:
        first, last = scores[min(scores)], scores[max(scores)]
        summary = {
            "accuracy_before": first["eval/accuracy"],
            "accuracy_after": last["eval/accuracy"],
            "n_eval": first["eval/n"],
            "greedy_before": first["eval/greedy_accuracy"],
            "greedy_after": last["eval/greedy_accuracy"],
            "train_seconds": 0.61 * steps,
            "steps": steps,
            "stopped": "finished",
        }
        (folder / "summary.json").write_text(json.dumps(summary), "utf-8")
