"""The tampering corpus and right solutions against the real sandbox: no wrong program is paid, no right one refused."""

from __future__ import annotations

import ast
import builtins
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from guerdon.ops.check_cases import cases_of
from guerdon.records import Task
from guerdon.rewards.verifiers.code_function import code_function
from guerdon.rewards.verifiers.code_stdio import code_stdio
from guerdon.rewards.verifiers.code_unit_tests import code_unit_tests
from guerdon.runtime.calls import using
from guerdon.runtime.machine import sandbox
from guerdon.tasks.dataset import Dataset

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HUMANEVAL = ROOT.parent / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
FILES = sorted((HERE / "tampering").glob("*.yaml"))
SECONDS = 1.0  # the longest right solution of the corpus needs a millisecond


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> None:
    found = sandbox()
    if found.level < 2:
        pytest.skip(f"model-written code needs isolation level 2, this machine has {found.level}: {found.reason}")


def corpus(path: Path) -> tuple[Task, list[str], list[tuple[str, str]]]:
    data = yaml.safe_load(path.read_text("utf-8"))
    task = Task(data["task"]["id"], data["task"]["prompt"], fields={"tests": data["task"]["tests"]})
    return task, data["honest"], [(c["name"], c["code"]) for c in data["completions"]]


def graders() -> Iterator[tuple]:
    for path in FILES:
        tests = corpus(path)[0].fields["tests"]
        methods = (code_function, code_unit_tests) if "entry" in tests else (code_stdio,)
        yield from (pytest.param(path, m, id=f"{path.stem}-{m.__name__}") for m in methods)


def test_the_corpus_is_large_enough():
    wrong = [name for path in FILES for name, _ in corpus(path)[2]]
    assert len(wrong) >= 60
    assert all(ast.parse(code) for path in FILES for code in corpus(path)[1])


@pytest.mark.parametrize(("path", "method"), list(graders()))
def test_no_wrong_program_is_paid_and_no_right_one_refused(path, method):
    task, honest, wrong = corpus(path)
    programs = [*honest, *(code for _, code in wrong)]
    names = [*(f"honest {i}" for i in range(len(honest))), *(name for name, _ in wrong)]
    verdict = method([f"```python\n{p}```" for p in programs], [task] * len(programs), seconds=SECONDS)[0]
    rows = list(zip(names, verdict.score, verdict.status, verdict.reason, strict=True))
    assert [r for r in rows if not r[2].counts] == []
    assert [r for r in rows[len(honest) :] if r[1] != 0.0] == []
    assert [r for r in rows[: len(honest)] if r[1] != 1.0] == []


def test_expected_values_stand_nowhere_a_program_can_read():
    task, honest, wrong = corpus(HERE / "tampering" / "secret.yaml")
    canary = yaml.safe_load((HERE / "tampering" / "secret.yaml").read_text("utf-8"))["task"]["canary"]
    from guerdon.runtime.sandbox import channel

    seen: list[str] = []

    def recording(calls):
        replies = channel.send(calls)
        seen.extend(repr((c.payload, r)) for c, r in zip(calls, replies, strict=True))
        return replies

    programs = [code for _, code in wrong]
    with using(sandbox=recording):
        code_function(programs, [task] * len(programs), seconds=SECONDS)
        code_function(honest[:1], [task], seconds=SECONDS)
    # the program that is right says the canary, so it would be seen
    assert [canary in text for text in seen] == [False] * len(programs) + [True]


def humaneval() -> list[dict]:
    if not HUMANEVAL.is_file():
        pytest.skip(f"no {HUMANEVAL.name} beside the repository")
    with gzip.open(HUMANEVAL, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def task_of(row: dict) -> Task:
    return Task(row["task_id"], row["prompt"], fields={
        "tests": row["test"], "entry": row["entry_point"], "preamble": row["prompt"],
    })  # fmt: skip


def refused(method, programs, tasks, **params) -> list[tuple]:
    verdict = method(programs, tasks, **params)[0]
    rows = zip(tasks, verdict.score, verdict.status, verdict.reason, strict=True)
    return [(t.id, score, status.name, reason) for t, score, status, reason in rows if score != 1.0]


@pytest.mark.slow
def test_humaneval_accepts_every_canonical_solution():
    humaneval()
    # the columns of the file are the fields of the tasks, as the page about code verifiers says
    fields = {"prompt": "prompt", "tests": "test", "entry": "entry_point", "preamble": "prompt", "id": "task_id",
              "demonstration": "canonical_solution"}  # fmt: skip
    tasks = Dataset(path=str(HUMANEVAL), format="jsonl", fields=fields, held_out=0.0).load().train
    assert len(tasks) == 164
    # the completion is the indented body behind the prompt, as a base model writes it
    assert refused(code_unit_tests, [t.demonstration for t in tasks], list(tasks)) == []


@pytest.mark.slow
def test_humaneval_accepts_the_solutions_written_in_other_ways():
    rows = humaneval()
    programs = [rewritten(r["prompt"] + r["canonical_solution"], r["entry_point"], i % 3) for i, r in enumerate(rows)]
    assert refused(code_unit_tests, programs, [task_of(r) for r in rows]) == []


@pytest.mark.slow
def test_humaneval_pays_nobody_for_saying_yes():
    rows = humaneval()
    yes = "class Yes(int):\n    __eq__ = __lt__ = __bool__ = lambda *a: True\n    __hash__ = int.__hash__\n"
    programs = [f"{yes}\ndef {r['entry_point']}(*args):\n    return Yes()\n" for r in rows]
    verdict = code_unit_tests(programs, [task_of(r) for r in rows])[0]
    assert [s for s in verdict.status if not s.counts] == []
    assert sum(verdict.score) == 0.0


@pytest.mark.slow
def test_humaneval_as_inputs_and_values():
    tasks, programs, left = [], [], []
    for r in humaneval():
        found = cases_of(r["test"])
        if found.left:
            left.append(int(r["task_id"].removeprefix("HumanEval/")))
            continue
        tests = {"entry": r["entry_point"], "preamble": r["prompt"], "literals": True, "cases": found.cases}
        tasks.append(Task(r["task_id"], r["prompt"], fields={"tests": tests}))
        programs.append(r["canonical_solution"])
    # tolerances, loops over random inputs, tuple(...) around the call, truth instead of equality, a print, a setup
    assert left == [2, 4, 32, 33, 37, 38, 44, 50, 52, 53, 56, 61, 129, 151]
    assert refused(code_function, programs, tasks, sequences="same", tolerance=0.0) == []


def rewritten(source: str, entry: str, way: int) -> str:
    """A right program in another shape: names changed, wrapped, or with talk and an example around it."""
    tree = ast.parse(source)
    if way == 0:
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        stored |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
        keywords = {k.arg for k in ast.walk(tree) if isinstance(k, ast.keyword)}
        changed = stored - keywords - set(dir(builtins))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in changed:
                node.id = f"{node.id}_renamed"
            if isinstance(node, ast.arg) and node.arg in changed:
                node.arg = f"{node.arg}_renamed"
        return f"Sure.\n```python\n{ast.unparse(tree)}\n```\n"
    if way == 1:
        return (
            f"import functools\n{ast.unparse(tree)}\n\n_inner = {entry}\n\n"
            f"@functools.wraps(_inner)\ndef {entry}(*args, **kwargs):\n"
            "    print('called')\n    return _inner(*args, **kwargs)\n"
        )
    body = "\n".join(f"        {line}" for line in ast.unparse(tree).splitlines())
    wrapped = f"class Solution:\n    def build(self):\n{body}\n        return {entry}\n\n{entry} = Solution().build()\n"
    talk = "Run it with:\n```bash\npython main.py\n```\nThe program:\n"
    return f"{talk}```py\n{wrapped}\nif __name__ == '__main__':\n    print({entry})\n```\n"


def test_the_table_of_the_page_is_the_kept_result():
    kept = ROOT / "benchmarks" / "results" / "tampering.json"
    detail = json.loads(kept.read_text("utf-8"))["detail"]
    page = (ROOT / "docs" / "code-verifiers.md").read_text("utf-8")
    for way, counts in detail["ways"].items():
        assert f"| {counts['paid']} | {counts['refused']} |" in page, way
    wrong = sum(len(corpus(p)[2]) for p in FILES if "entry" in corpus(p)[0].fields["tests"])
    assert detail["wrong"] == wrong, "the corpus has grown: run benchmarks/run.py tampering --save"
    assert all(detail["ways"][w] == {"paid": 0, "refused": 0, "open": 0} for w in ("code_function", "code_unit_tests"))
