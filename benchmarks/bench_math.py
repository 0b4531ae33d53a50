"""The maths verifier: its fast path against math-verify, hostile batches, and who is right on real and made answers."""

from __future__ import annotations

import gzip
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Options, Outcome, note
from math_items import FORMS, MUTATIONS, Item, all_items

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
BOMBS = (
    "9^{9^{9^{9}}}", "(10^9)!", "7^{3 \\cdot 10^8}", "(" * 3000 + "1" + ")" * 3000, "+".join(["1"] * 20_000),
    "7" * 100_000, "\\frac{1}{1+" * 200 + "1" + "}" * 200, "\\frac{" * 400, "\\sin(9^{9^{9^9}})",
    "\\prod_{k=1}^{10^8} k", "\\sum_{k=1}^{10^9} \\sin k", "\\int_0^{1} \\sin(1/x)^{99} dx", "(2^{10^8})!", "1/(10^9)!",
)  # fmt: skip


def run(name: str, options: Options) -> Outcome:
    """One of the three."""
    return {"math_fast": fast, "math_bombs": bombs, "math_data": data}[name](options)


def gsm8k() -> Iterator[tuple[str, str, bool, str]]:
    """Completion, gold answer, label and model of the published GSM8K solutions."""
    with gzip.open(DATA / "gsm8k" / "example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            gold = row["ground_truth"].rpartition("A:")[2].strip()
            for model in MODELS:
                yield row[model]["solution"], gold, row[model]["is_correct"], model


def math500() -> list[str]:
    """Gold answers."""
    return [json.loads(line)["answer"] for line in (DATA / "math500" / "test.jsonl").read_text("utf-8").splitlines()]


def fast(options: Options) -> Outcome:
    """Seconds per GSM8K answer, cut out beforehand, for the exact path and for math-verify in this process."""
    from guerdon.ops.mathtext import Rules, decide
    from guerdon.ops.mathtext.final import final_answer
    from guerdon.programs.math import verify

    rows = [(final_answer(c)[0], gold) for c, gold, _, _ in gsm8k()]
    rows = [r for r in rows if r[0]][: 200 if options.small else 2000]
    rules, repeats = Rules(), options.runs or 3
    times: dict[str, list[float]] = {"ours": [], "math-verify": []}
    verdicts: dict[str, list[bool]] = {}
    for _ in range(repeats):
        for who in times:
            start = time.perf_counter()
            if who == "ours":
                verdicts[who] = [decide(a, g, rules).relation == "equal" for a, g in rows]
            else:
                verdicts[who] = [verify({"answer": f"${a}$", "gold": f"${g}$"}) for a, g in rows]
            times[who].append((time.perf_counter() - start) / len(rows))
    ratios = [b / a for a, b in zip(times["ours"], times["math-verify"], strict=True)]
    other = [(a, g) for (a, g), x, y in zip(rows, verdicts["ours"], verdicts["math-verify"], strict=True) if x != y]
    unknown = sum(decide(a, g, rules).relation == "unknown" for a, g in rows)
    note(f"{len(rows)} answers: ours {statistics.median(times['ours']) * 1e6:.1f} us, math-verify "
         f"{statistics.median(times['math-verify']) * 1e6:.0f} us, {len(other)} verdicts differ")  # fmt: skip
    detail = {"answers": len(rows), "ratios": ratios, "seconds": times, "verdicts that differ": other,
              "left to a worker": unknown}  # fmt: skip
    return Outcome(
        statistics.median(ratios), statistics.median(times["ours"]), repeats, "s per answer", "math-verify", detail
    )


def bombs(options: Options) -> Outcome:
    """Wall time of a batch of 256 answers of which 26 are bombs, each another one, through the real worker pool."""
    from guerdon.records import Status
    from guerdon.rewards.verifiers.math import math

    good = [item for item in all_items(math500()[:120]) if not item.relative][:230]
    hostile = [Item(f"\\boxed{{{BOMBS[k % len(BOMBS)]}}} % {k}", str(7 + k), False, "bomb") for k in range(26)]
    rows = good + hostile
    rows = [rows[(i * 101) % len(rows)] for i in range(len(rows))]  # 101 and 256 share no factor: all of them, mixed
    math(["\\boxed{\\log_2 8}"], ["3"])  # workers start once per process
    times, wrong, causes = [], [], Counter()
    for _ in range(options.runs or (1 if options.small else 3)):
        start = time.perf_counter()
        v = math([r.completion for r in rows], [r.gold for r in rows])
        times.append(time.perf_counter() - start)
        wrong = [(r.completion[:60], r.gold) for r, s in zip(rows, v.score, strict=True) if s != float(r.right)]
        ends = [f"{s.name.lower()} {why.partition(':')[0]}".strip() for s, why in zip(v.status, v.reason, strict=True)]
        causes = Counter(end for r, end in zip(rows, ends, strict=True) if r.made_by == "bomb")
        if any(s is Status.UNSCORED for s in v.status):
            raise RuntimeError("a completion was charged to our side")
    limit = 15.0
    note(
        f"256 answers, 26 bombs: {statistics.median(times):.1f} s (goal {limit} s), {len(wrong)} wrong; {dict(causes)}"
    )
    detail = {"seconds": times, "wrong": wrong, "bombs": dict(causes), "goal": limit}
    return Outcome(
        limit / statistics.median(times), statistics.median(times), len(times), "s", "the goal of 15 s", detail
    )


def data(options: Options) -> Outcome:
    """Verdicts of ``math`` and of math-verify alone on GSM8K solutions and on answers made from those of MATH-500."""
    golds = math500()[: 50 if options.small else None]
    items = all_items(golds)
    labelled = [Item(c, g, right, f"GSM8K {m}") for c, g, right, m in gsm8k()][: 200 if options.small else None]
    rows = labelled + items
    start = time.perf_counter()
    ours = _ours(rows)
    seconds = time.perf_counter() - start
    theirs = _theirs(rows)
    groups = [*(f"GSM8K {m}" for m in MODELS), *FORMS, *MUTATIONS]
    table = {}
    for group in groups:
        chosen = [i for i, r in enumerate(rows) if r.made_by == group]
        if chosen:
            table[group] = {
                "items": len(chosen),
                "math": sum(ours[i][0] == rows[i].right for i in chosen),
                "math-verify": sum(theirs[i] == rows[i].right for i in chosen),
            }
            note(f"{group:25} {table[group]}")
    wrong = [_shown(rows[i], ours[i][1]) for i in range(len(rows)) if ours[i][0] != rows[i].right]
    missed = [_shown(rows[i], "") for i in range(len(rows)) if theirs[i] != rows[i].right]
    share = 1 - len(wrong) / len(rows)
    detail = {"items": len(rows), "table": table, "math wrong": wrong, "math-verify wrong": missed, "seconds": seconds}
    return Outcome(share, share, 1, "share of right verdicts", "labels and construction", detail)


def _shown(row: Item, reason: str) -> dict[str, Any]:
    return {"completion": row.completion[-120:], "gold": row.gold, "right": row.right, "made by": row.made_by,
            "reason": reason}  # fmt: skip


def _ours(rows: list[Item]) -> list[tuple[bool, str]]:
    from guerdon.rewards.verifiers.math import math

    out: list[tuple[bool, str]] = [(False, "")] * len(rows)
    for relative in {r.relative for r in rows}:
        chosen = [i for i, r in enumerate(rows) if r.relative == relative]
        v = math([rows[i].completion for i in chosen], [rows[i].gold for i in chosen], relative=relative)
        for i, score, status, reason in zip(chosen, v.score, v.status, v.reason, strict=True):
            out[i] = (score == 1.0, f"{status.name.lower()}: {reason}".removesuffix(": "))
    return out


def _theirs(rows: list[Item]) -> list[bool | None]:
    """math-verify as its documentation uses it: the whole completion against the boxed gold answer, in workers."""
    from guerdon.records import Call
    from guerdon.runtime.calls import send

    out: list[bool | None] = []
    for k in range(0, len(rows), 500):
        calls = [Call("pool", "math.verify", {"answer": r.completion, "gold": f"\\boxed{{{r.gold}}}"}, seconds=10.0)
                 for r in rows[k : k + 500]]  # fmt: skip
        out += [bool(reply.value) if reply.ok else None for reply in send(calls)]
    return out
