"""Benchmarks: ``python benchmarks/run.py NAME [--runs N] [--small] [--save]``.

Human lines first; the last line is one JSON object with name, ratio, median, runs and machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import sys

from common import HERE, RESULTS, Options, machine

BENCHMARKS = {
    "startup": "wall time of `guerdon --help` and `guerdon list` in new processes, against 150 ms",
    "vocab_stats": "log-prob and entropy over a large vocabulary, against TRL's fused head and the plain formula",
    "trl_step": "one training step of the native engine, against TRL's GRPO trainer",
    "trl_step_long": "the same with prompts of 128 tokens",
    "quickstart": "held-out accuracy before and after the quickstart, over seeds, and its training time",
    "tampering": "programs that try to be paid without solving their task, under five ways of grading",
    "sandbox": "isolated runs of code per second and core, against a cold interpreter per test",
    "overhead": "share of a step spent on advantage, objective and records",
    "methods": "time and memory of a step with each method, against plain GRPO",
    "pool": "what a cheap call costs more in the worker pool than in the same process",
    "math_fast": "one GSM8K answer compared exactly, against math-verify",
    "math_bombs": "256 mathematical answers, a tenth of them hostile, through the worker pool, against 15 s",
    "math_data": "right verdicts on labelled GSM8K solutions and on made MATH-500 answers, beside math-verify",
    "pool_memory": "memory of caller and workers over 100,000 calls of the worker pool",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=BENCHMARKS, help="; ".join(f"{k}: {v}" for k, v in BENCHMARKS.items()))
    parser.add_argument("--runs", type=int, help="repeats of every case")
    parser.add_argument("--steps", type=int, help="training steps per run (trl_step, overhead)")
    parser.add_argument("--seeds", type=int, help="seeds (trl_step)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads of every case")
    parser.add_argument("--small", action="store_true", help="a quick check of the benchmark itself, not a result")
    parser.add_argument("--save", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    options = Options(args.runs, args.small, args.steps, args.seeds, args.threads)
    module = args.name
    while not (HERE / f"bench_{module}.py").exists():  # trl_step_long is a case of bench_trl_step.py
        module = module.rpartition("_")[0]
    out = importlib.import_module(f"bench_{module}").run(args.name, options)
    data = {
        "name": args.name,
        "ratio": round(out.ratio, 3),
        "median": round(out.median, 6),
        "runs": out.runs,
        "unit": out.unit,
        "against": out.against,
        "small": args.small,
        "machine": machine(),
        "command": shlex.join(["python", "benchmarks/run.py", *sys.argv[1:]]),
        "detail": out.detail,
    }
    if args.save:
        if args.small:
            parser.error("--small is a check of the benchmark, not a result: leave --save out")
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{args.name}.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    print(json.dumps(data))


if __name__ == "__main__":
    main()
