"""The tampering corpus under five ways of grading: how many wrong programs are paid, and how many right ones are not.

Everything runs in the sandbox, the ways of others too: each is a script of a few lines that does what they do. Written
to the table of docs/code-verifiers.md by ``python benchmarks/bench_tampering.py``.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from common import HERE, RESULTS, Options, Outcome, note

from guerdon.records import Call, Task
from guerdon.rewards.verifiers.code_function import code_function
from guerdon.rewards.verifiers.code_unit_tests import code_unit_tests
from guerdon.runtime.calls import send

CORPUS = HERE.parent / "tests" / "rewards" / "verifiers" / "tampering"
PAGE = HERE.parent / "docs" / "code-verifiers.md"
SECONDS = 1.0
WAYS = {
    "one process": "program and assertions in one process",
    "exit code": "exit code 0",
    "sentinel": "PASSED on standard output",
    "child json": "child prints JSON, parent compares",
    "code_function": "`code_function`",
    "code_unit_tests": "`code_unit_tests`",
}
OURS = ("code_function", "code_unit_tests")
# the harness of HumanEval: the program and its check are executed together, what is left is a result in this process
_ONE_PROCESS = """
import os
out = os.dup(1)
def run():
    try:
        exec({text!r}, {{"__name__": "solution"}})
        return "passed"
    except BaseException:
        return "failed"
os.write(out, ("\\n{word}" + run()).encode())
os._exit(0)
"""


def corpus(path: Path = CORPUS) -> list[tuple[Task, str, str, bool]]:
    """Task, name, program, and whether it is right; whole programs of standard input and output are left out."""
    found = []
    for file in sorted(path.glob("*.yaml")):
        data = yaml.safe_load(file.read_text("utf-8"))
        if "entry" not in data["task"]["tests"]:
            continue
        task = Task(data["task"]["id"], data["task"]["prompt"], fields={"tests": data["task"]["tests"]})
        found += [(task, f"{task.id}/honest {i}", code, True) for i, code in enumerate(data["honest"])]
        found += [(task, f"{task.id}/{c['name']}", c["code"], False) for c in data["completions"]]
    return found


def peer(way: str, task: Task, program: str) -> tuple[Call, Callable[[Any], bool]]:
    """The call of one way of grading, and what it takes from the result."""
    tests = task.fields["tests"]
    entry, names = tests["entry"], tests.get("run", [])
    calls = "\n".join(f"{n}({entry})" if n == "check" else f"{n}()" for n in names)
    text, word = f"{program}\n{tests['file']}\n{calls}\n", secrets.token_hex(16)
    inputs, expected = [c["args"] for c in tests["cases"]], [c["expected"] for c in tests["cases"]]
    script, judge = {
        "one process": (_ONE_PROCESS.format(text=text, word=word), lambda r: f"{word}passed" in r.stdout),
        "exit code": (text, lambda r: r.outcome == "exited" and r.exit_code == 0),
        "sentinel": (f"{text}\nprint('PASSED')\n", lambda r: "PASSED" in r.stdout),
        "child json": (
            f"{program}\nimport json\nprint(json.dumps([{entry}(*a) for a in {inputs!r}]))\n",
            lambda r: _json(r.stdout) == expected,
        ),
    }[way]
    payload = {"source": script, "cases": [{"stdin": "", "argv": []}]}
    return Call("sandbox", "stdio", payload, SECONDS), judge


def _json(text: str) -> Any:
    try:
        return json.loads(text.strip().rpartition("\n")[2])
    except ValueError:
        return None


def paid(way: str, rows: Sequence[tuple[Task, str, str, bool]]) -> list[bool | None]:
    """Whether each program is paid; None where it could not be run."""
    if way in OURS:
        method = {"code_function": code_function, "code_unit_tests": code_unit_tests}[way]
        verdict = method([r[2] for r in rows], [r[0] for r in rows], seconds=SECONDS)[0]
        counts = zip(verdict.score, verdict.status, strict=True)
        return [score == 1.0 if status.counts else None for score, status in counts]
    calls = [peer(way, r[0], r[2]) for r in rows]
    replies = send([call for call, _ in calls])
    cases = [reply.value[0] if reply.ok else None for reply in replies]
    return [
        None if case is None or case.outcome == "unavailable" else judge(case)
        for case, (_, judge) in zip(cases, calls, strict=True)
    ]


def run(name: str, options: Options) -> Outcome:
    """Every program under every way; the ratio is right decisions of ours over those of the best other way."""
    rows = corpus()[:: 8 if options.small else 1]
    matrix = {way: paid(way, rows) for way in WAYS}
    open_ = [(w, r[1]) for w, found in matrix.items() for r, p in zip(rows, found, strict=True) if p is None]
    if any(w in OURS for w, _ in open_):
        raise RuntimeError(f"rows that could not be graded: {open_}")
    detail: dict[str, Any] = {
        "seconds": SECONDS, "wrong": sum(not r[3] for r in rows), "right": sum(r[3] for r in rows),
        "ways": {way: _counts(rows, found) for way, found in matrix.items()},
        "fooled": {r[1]: [w for w in WAYS if matrix[w][i]] for i, r in enumerate(rows) if not r[3]},
    }  # fmt: skip
    note(table(detail))
    share = {w: 1 - (c["paid"] + c["refused"]) / len(rows) for w, c in detail["ways"].items()}
    best = max(v for w, v in share.items() if w not in OURS)
    mistakes = max(len(rows) * (1 - share[w]) for w in OURS)
    against = "decisions of the best of four other ways"
    return Outcome(min(share[w] for w in OURS) / best, mistakes, 1, "wrong decisions", against, detail)


def _counts(rows: Sequence[tuple[Task, str, str, bool]], found: Sequence[bool | None]) -> dict[str, int]:
    pairs = [(r[3], p) for r, p in zip(rows, found, strict=True)]
    return {
        "paid": sum(not right and p is True for right, p in pairs),
        "refused": sum(right and p is not True for right, p in pairs),
        "open": sum(p is None for _, p in pairs),
    }


def table(detail: Mapping[str, Any]) -> str:
    """The table of the page."""
    head = (
        f"| way of grading | wrong programs paid, of {detail['wrong']} | right programs refused, of {detail['right']} |"
    )
    lines = [head, "|---|---|---|"]
    lines += [f"| {WAYS[way]} | {c['paid']} | {c['refused']} |" for way, c in detail["ways"].items()]
    return "\n".join(lines)


def main() -> None:
    """Write the table of the kept result into the page."""
    detail = json.loads((RESULTS / "tampering.json").read_text("utf-8"))["detail"]
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition("<!-- table -->\n")
    _, _, after = rest.partition("\n<!-- end -->")
    PAGE.write_text(f"{before}<!-- table -->\n{table(detail)}\n<!-- end -->{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
