"""A function of the completion, called on inputs of the task."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.plain_values import Sequences, holds_nan, is_plain, same_value, shown
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
def code_function(
    completion: Sequence[str | None], task: Sequence[Task], *, form: code.Form = "all", sequences: Sequences = "any",
    tolerance: float = 1e-6, seconds: float = 5.0, memory_mb: int = 512,
) -> Exchange[tuple[Verdict, Bool[Tensor, "batch step item"], Float[Tensor, "batch step item"]]]:  # fmt: skip
    r"""Call a function of the completion on the inputs of the task and compare what it returns, outside the sandbox.

    .. math:: s_i = \prod_j p_{ij} \quad\text{or}\quad \tfrac{1}{n_i}\sum_j p_{ij},\qquad
              p_{ij} = \mathbb{1}[f_i(x_j) = y_j]

    Args:
        completion: generated text; the last python block, else the last block, else all of it is the program.
        task: the task of every row; reads ``fields["tests"]``: ``entry``, the name of the function; ``cases``, each
            with ``args``, perhaps ``kwargs``, and ``expected`` or, in some cases, ``raises`` (an exception's name);
            perhaps ``preamble``, code in front of the program; with ``literals: true`` the parts of a case are Python
            literals as text, which can say what JSON cannot (``"((1, 2), {3})"``).
        form: ``all`` pays 1 when every case passes, ``fraction`` pays the share of them.
        sequences: ``any`` lets a list equal a tuple, because JSON has no tuples; ``same`` tells them apart.
        tolerance: of floats, relative above 1 and absolute below; ints are compared exactly.
        seconds: processor time of one case.
        memory_mb: address space of the program.

    Returns:
        The verdict; ``item_passed`` [batch, 1, items], False where a row has fewer cases than the widest; and
        ``item_credit`` of the same shape with 1, 0, and NaN for no such case or none decided. No program, or one that
        answers no case with a value, failed with 0; unusable tests, or nobody to run it, unscored.

    The expected value never enters the sandbox: an input goes in, a plain value comes out and is compared by exact
    type (True is not 1, 1 is 1.0, NaN equals nothing, an object is no value). Every case has a fresh process.

    Raises:
        RecipeError: a limit is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> from guerdon.outside import drive
        >>> t = Task("1", "Double x.", fields={"tests": {"entry": "f", "cases": [{"args": [3], "expected": 6}]}})
        >>> exchange = code_function.exchange(["```python\ndef f(x): return 2 * x\n```"], [t])
        >>> next(exchange)[0].payload["cases"]
        [{'args': (3,), 'kwargs': {}}]

    Source: Chen et al. 2021, functional correctness by tests; VeRPO's matrix of tests.
    Differs: the published harnesses run program and assertions in one process, where a program can answer for the
        test; floats have a tolerance, as in later harnesses.
    """
    same_length("code_function", completion=completion, task=task)
    code.check_limits("code_function", seconds, memory_mb)
    graded: list[code.Graded] = []
    calls: list[Call] = []
    asked: list[tuple[int, Sequence[Mapping[str, Any]]]] = []
    for text, t in zip(completion, task, strict=True):
        try:
            tests = code.tests_of(t, entry=str, cases=list)
            cases = _cases(tests["cases"], bool(tests.get("literals")))
        except code.TestsError as error:
            graded.append(code.Graded(unscored(str(error))))
            continue
        source = code.source_of(text, tests)
        graded.append(code.no_program(cases))
        if source:
            inputs = [{"args": c["args"], "kwargs": c["kwargs"]} for c in cases]
            payload = {"source": source, "entry": tests["entry"], "cases": inputs, "fresh": True}
            calls.append(Call("sandbox", "function", payload, seconds, memory_mb))
            asked.append((len(graded) - 1, cases))
    replies = (yield calls) if calls else []
    for reply, (i, cases) in zip(replies, asked, strict=True):
        graded[i] = _graded(reply, cases, form, sequences, tolerance)
    return verdict(g.row for g in graded), *code.item_signals(graded, task)


def _cases(cases: Sequence[Any], literals: bool) -> list[dict[str, Any]]:
    found = [_case(c, literals) for c in cases]
    if not any("expected" in c for c in found):
        raise code.TestsError("at least one case must expect a value: a program that never loads raises in every one")
    return found


def _case(case: Any, literals: bool) -> dict[str, Any]:
    """A case with its parts as values; what nothing can equal is a fault of the tests."""
    wants = [k for k in ("expected", "raises") if isinstance(case, Mapping) and k in case]
    if len(wants) != 1:
        raise code.TestsError(f"a case needs args and one of expected and raises: {shown(case)}")
    parts = {"args": case.get("args", "()" if literals else ()), "kwargs": case.get("kwargs", "{}" if literals else {})}
    parts |= {wants[0]: case[wants[0]]}
    if literals:
        parts = {k: v if k == "raises" else _literal(v) for k, v in parts.items()}
    fits = isinstance(parts["args"], (list, tuple)) and isinstance(parts["kwargs"], Mapping)
    if not fits or holds_nan(parts.get("expected")) or not isinstance(parts.get("raises", ""), str):
        raise code.TestsError(f"args is a list, kwargs a mapping, expected no NaN, raises a name: {shown(case)}")
    if not (is_plain(parts["args"]) and is_plain(dict(parts["kwargs"]))):
        raise code.TestsError(f"the arguments must be plain values: {shown(case)}")
    return {**parts, "args": tuple(parts["args"]), "kwargs": dict(parts["kwargs"])}


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise code.TestsError(f"not a Python literal: {shown(text)}") from None


def _graded(
    reply: Reply, cases: Sequence[Mapping[str, Any]], form: code.Form, sequences: Sequences, tolerance: float
) -> code.Graded:
    if not reply.ok:
        return code.missing(reply, len(cases))
    results = code.results_of(reply, len(cases))
    if results is None:
        return code.Graded(unscored("the sandbox gave another number of results than cases"))
    items = []
    # a program that raises while it loads raises whatever is expected: only one that loads can raise on purpose
    loaded = any(r.outcome == "returned" for r in results)
    for result, case in zip(results, cases, strict=True):
        if "raises" in case:
            right = loaded and result.outcome == "raised" and result.error.partition(":")[0] == case["raises"]
            items.append(code.Item(right, "" if right else f"did not raise {case['raises']}"))
        elif result.outcome == "returned":
            right = same_value(result.value, case["expected"], sequences=sequences, tolerance=tolerance)
            items.append(code.Item(right, "" if right else f"returned {shown(result.value)}"))
        else:
            items.append(code.outcome_item(result))
    graded = code.judged(items, form, ran=any(r.outcome in ("returned", "not_plain") for r in results))
    return code.noted(graded, reply.reason)
