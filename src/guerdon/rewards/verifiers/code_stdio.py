"""A whole program of the completion, run on inputs of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.errors import UnknownNameError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.outputs import CHECKERS, Checker, same_output
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task, Verdict
from guerdon.rewards.verifiers import _code as code
from guerdon.rewards.verifiers._program import POLICY
from guerdon.rewards.verifiers._rows import short, unscored, verdict


@method(
    paper=Paper(
        "arXiv:2105.09938", "Measuring Coding Challenge Competence With APPS", "rewards/verifiers-baseline",
        where="test cases of standard input and output",
    ),
    tags=("code", "sandbox"),
    writes=code.WRITES,
    policy=Policy(
        several=POLICY,
        empty="Failed with the floor.",
        copied="A program that prints an example's output fails the cases that are not shown in the prompt.",
    ),
    default_source="ours",
)  # fmt: skip
@outside
def code_stdio(
    completion: Sequence[str | None], task: Sequence[Task], *, form: code.Form = "all", checker: Checker = "tokens",
    tolerance: float = 1e-6, seconds: float = 5.0, memory_mb: int = 512,
) -> Exchange[tuple[Verdict, Bool[Tensor, "batch step item"], Float[Tensor, "batch step item"]]]:  # fmt: skip
    r"""Run the program of the completion on every input of the task and compare what it prints.

    .. math:: s_i = \prod_j p_{ij} \quad\text{or}\quad \tfrac{1}{n_i}\sum_j p_{ij},\qquad
              p_{ij} = \mathbb{1}[\mathrm{out}_i(x_j) \equiv y_j \text{ and it ended well}]

    Args:
        completion: generated text; the last python block, else the last block, else all of it is the program.
        task: the task of every row; reads ``fields["tests"]``: ``cases``, each with ``stdin`` and ``stdout``, perhaps
            ``argv``; perhaps ``checker``, which wins over the parameter, and ``preamble``.
        form: ``all`` pays 1 when every case passes, ``fraction`` pays the share of them.
        checker: ``tokens`` compares what stands between white space; ``lines`` the lines without white space at their
            end and without empty lines at the end; ``exact`` every character; ``floats`` tokens, where two numbers
            are equal within the tolerance.
        tolerance: of ``floats``, relative above 1 and absolute below.
        seconds: processor time of one case.
        memory_mb: address space of the program.

    Returns:
        The verdict; ``item_passed`` [batch, 1, items], False where a row has fewer cases than the widest; and
        ``item_credit`` of the same shape with 1, 0, and NaN for no such case or none decided. A program that ends
        with another exit code than 0 has not passed, whatever it printed. No program, or one that ends in no case,
        failed with 0; unusable tests, or nobody to run it, unscored.

    Raises:
        RecipeError: a limit is not positive.
        UnknownNameError: a task names a checker that does not exist.
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "Print the sum.", fields={"tests": {"cases": [{"stdin": "1 2", "stdout": "3"}]}})
        >>> next(code_stdio.exchange(["print(sum(map(int, input().split())))"], [t]))[0].payload["cases"]
        [{'stdin': '1 2', 'argv': []}]

    Source: Hendrycks et al. 2021 and the judges of programming contests.
    Differs: the expected output stays outside the sandbox; the comparison is one of four stated ones, where
        published harnesses try several until one fits.
    """
    same_length("code_stdio", completion=completion, task=task)
    code.check_limits("code_stdio", seconds, memory_mb)
    graded: list[code.Graded] = []
    calls: list[Call] = []
    asked: list[tuple[int, Sequence[Mapping[str, Any]], str]] = []
    for text, t in zip(completion, task, strict=True):
        try:
            tests = code.tests_of(t, cases=list)
            cases = [_case(c) for c in tests["cases"]]
        except code.TestsError as error:
            graded.append(code.Graded(unscored(str(error))))
            continue
        chosen = tests.get("checker", checker)
        if chosen not in CHECKERS:
            raise UnknownNameError("checker", str(chosen), CHECKERS, where=f"code_stdio, task {t.id}")
        source = code.source_of(text, tests)
        graded.append(code.no_program(cases))
        if source:
            inputs = [{"stdin": c["stdin"], "argv": c["argv"]} for c in cases]
            calls.append(Call("sandbox", "stdio", {"source": source, "cases": inputs}, seconds, memory_mb))
            asked.append((len(graded) - 1, cases, chosen))
    replies = (yield calls) if calls else []
    for reply, (i, cases, chosen) in zip(replies, asked, strict=True):
        graded[i] = _graded(reply, cases, form, chosen, tolerance)
    return verdict(g.row for g in graded), *code.item_signals(graded, task)


def _case(case: Any) -> dict[str, Any]:
    texts = isinstance(case, Mapping) and all(isinstance(case.get(k, ""), str) for k in ("stdin", "stdout"))
    if not texts or "stdout" not in case or not isinstance(case.get("argv", []), (list, tuple)):
        raise code.TestsError(f"a case needs the texts stdin and stdout: {short(repr(case))}")
    return {"stdin": case.get("stdin", ""), "stdout": case["stdout"], "argv": [str(a) for a in case.get("argv", [])]}


def _graded(
    reply: Reply, cases: Sequence[Mapping[str, Any]], form: code.Form, checker: str, tolerance: float
) -> code.Graded:
    if not reply.ok:
        return code.missing(reply, len(cases))
    results = code.results_of(reply, len(cases))
    if results is None:
        return code.Graded(unscored("the sandbox gave another number of results than cases"))
    items = []
    for result, case in zip(results, cases, strict=True):
        if result.outcome != "exited":
            items.append(code.outcome_item(result))
        elif result.exit_code != 0:
            items.append(code.Item(False, f"ended with code {result.exit_code}: {short(last_line(result.stderr), 80)}"))
        else:
            right = same_output(result.stdout, case["stdout"], checker, tolerance)
            items.append(code.Item(right, "" if right else f"printed {short(result.stdout)}"))
    graded = code.judged(items, form, ran=any(r.outcome == "exited" and r.exit_code == 0 for r in results))
    return code.noted(graded, reply.reason)


def last_line(text: str) -> str:
    """The last line with something in it, where Python names the exception."""
    return text.strip().rpartition("\n")[2]
