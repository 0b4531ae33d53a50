"""A program of the completion, judged by a test file."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task, Verdict
from guerdon.rewards.verifiers import _code as code
from guerdon.rewards.verifiers._program import POLICY
from guerdon.rewards.verifiers._rows import unscored, verdict


@method(
    paper=(
        Paper("arXiv:2107.03374", "Evaluating Large Language Models Trained on Code", "rewards/verifiers-baseline",
              where="functional correctness, section 2.1"),
        Paper("arXiv:2601.03525", "VeRPO: Verifiable Dense Reward Policy Optimization for Code Generation",
              "rewards/verpo", where="outcome of every test"),
    ),
    aliases=("code_tests",),
    tags=("code", "sandbox"),
    writes=code.WRITES,
    policy=Policy(
        several=POLICY,
        empty="Failed with the floor.",
        copied="A program that only knows examples of the prompt fails the tests that are not shown there.",
    ),
    default_source="ours",
)  # fmt: skip
@outside
def code_unit_tests(
    completion: Sequence[str | None], task: Sequence[Task], *, form: code.Form = "all", seconds: float = 5.0,
    total: float = 30.0, memory_mb: int = 512,
) -> Exchange[tuple[Verdict, Bool[Tensor, "batch step item"], Float[Tensor, "batch step item"]]]:  # fmt: skip
    r"""Run a test file whose assertions are decided outside the sandbox, on plain values that the program returned.

    .. math:: s_i = \prod_j p_{ij} \quad\text{or}\quad \tfrac{1}{n_i}\sum_j p_{ij},\qquad
              p_{ij} = \mathbb{1}[\text{test } j \text{ passes with } f_i]

    Args:
        completion: generated text; the last python block, else the last block, else all of it is the program.
        task: the task of every row; reads ``fields["tests"]``, the text of the file or a mapping: ``file``; ``entry``,
            the name that ``check`` is given and that the file may use without importing it; perhaps ``module``, the
            name it imports from (``solution``); perhaps ``preamble``, code in front of both the program and the file;
            perhaps ``in_place``, true where lists, sets and mappings of the test shall change as the program changes
            them. ``entry``, ``preamble`` and ``module`` may also be fields of the task.
        form: ``all`` pays 1 when every test passes, ``fraction`` pays the share of them.
        seconds: processor time of one call of the program.
        total: time of the whole file, with all calls; one that still runs after a further call is stopped.
        memory_mb: address space of the program.

    Returns:
        The verdict; ``item_passed`` [batch, 1, items], False where a row has fewer tests than the widest; and
        ``item_credit`` of the same shape with 1, 0, and NaN for no such test or none decided. A test is a function
        ``test_…`` (times its rows of ``parametrize``), or a statement of the module or of ``check(candidate)`` that
        holds an assertion. No program, or one that does not load, failed with 0; a test file that cannot be run (it
        asks for fixtures, classes or modules that are missing), or nobody to run it, unscored.

    The file is trusted and runs in a worker, which is stopped when it hangs. The program runs in the sandbox: calls
    take plain arguments and give plain values, so a class, a generator or a function as result is no value. By default
    a test keeps its own lists whatever the program does to them: one that empties its argument would otherwise pass
    ``assert sort(xs) == sorted(xs)``.

    Raises:
        RecipeError: a limit is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "Double x.", fields={"tests": "def test_f():\n    assert f(3) == 6", "entry": "f"})
        >>> call = next(code_unit_tests.exchange(["def f(x): return 2 * x"], [t]))[0]
        >>> call.program, call.payload["source"]
        ('unit_tests.run', 'def f(x): return 2 * x')

    Source: Chen et al. 2021, functional correctness by tests; VeRPO's matrix of tests.
    Differs: the published harnesses run program and assertions in one process, where a program can answer for the
        test; a failed assertion does not end the file, so that every test has its outcome. Plain ``assert``,
        ``raises``, ``approx`` and ``parametrize`` are understood without pytest; the rest of it is not.
    """
    same_length("code_unit_tests", completion=completion, task=task)
    code.check_limits("code_unit_tests", min(seconds, total), memory_mb)
    graded: list[code.Graded] = []
    calls: list[Call] = []
    asked: list[int] = []
    for text, t in zip(completion, task, strict=True):
        try:
            tests = code.tests_of(t, file=str)
        except code.TestsError as error:
            graded.append(code.Graded(unscored(str(error))))
            continue
        source = code.source_of(text, tests)
        graded.append(code.no_program(None))
        if source:
            payload = {
                "source": source, "file": tests["file"], "entry": tests.get("entry", ""),
                "module": tests.get("module", "solution"), "preamble": tests.get("preamble", ""),
                "in_place": tests.get("in_place") is True, "seconds": seconds, "total": total, "memory_mb": memory_mb,
            }  # fmt: skip
            # the file ends by itself once its calls have used the total; the worker is stopped when it does not
            calls.append(Call("pool", "unit_tests.run", payload, total + seconds + 1.0))
            asked.append(len(graded) - 1)
    replies = (yield calls) if calls else []
    for reply, i in zip(replies, asked, strict=True):
        graded[i] = _graded(reply, form)
    return verdict(g.row for g in graded), *code.item_signals(graded, task)


def _graded(reply: Reply, form: code.Form) -> code.Graded:
    if not reply.ok:
        return code.missing(reply, None)
    if reply.value["problem"]:
        return code.Graded(unscored(reply.value["problem"]))
    items = [code.Item(passed, reason) for _, passed, reason in reply.value["items"]]
    return code.judged(items, form, ran=reply.value["loaded"])
