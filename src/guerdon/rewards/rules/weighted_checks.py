"""Style checks written for one prompt: a sum of weights over those that hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.method import Paper, method
from guerdon.ops.answers import same_length
from guerdon.ops.constraints import unmet
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task

Program = tuple[str, str]


@method(
    paper=Paper("", "From Verifiable Dot to Reward Chain: Harnessing Verifiable Reference-based Rewards for "
                "Reinforcement Learning of Open-ended Generation", "rewards/rlvrr", where="style reward"),
    tags=("open-ended", "instructions", "sandbox"),
    default_source="code",
    sources={"seconds": "ours", "memory_mb": "ours"},
    golden="rlvrr",
)  # fmt: skip
@outside
def weighted_checks(
    completion: Sequence[str | None],
    task: Sequence[Task],
    *,
    normalize: bool = False,
    seconds: float = 1.0,
    memory_mb: int = 256,
) -> Exchange[Float[Tensor, " batch"]]:
    r"""Pay the weight of every check of the task that the completion passes.

    .. math:: R_i = \sum_k w_k\, \mathbb{1}[c_k(y_i)] \;\Big/\; \Big(\sum_k w_k \text{ with } normalize\Big)

    Args:
        completion: generated text.
        task: the task of every row; ``fields["checks"]`` lists mappings with a ``weight`` (1 where it is missing) and
            either a constraint as in ``instruction_constraints`` (``name`` and its values), or ``program``, Python
            source run in the sandbox, whose function ``entry`` (``check``) is given the text.
        normalize: divide by the sum of the weights.
        seconds: processor time of one program on one text.
        memory_mb: memory of one program.

    Returns:
        The sum per row. A program that raises, hangs or crashes does not hold. NaN where the task lists no checks or
        one that cannot be used, and where nothing healthy could run a program.

    Raises:
        RecipeError: a limit is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> checks = [{"name": "words", "max": 3, "weight": 0.7}, {"name": "ends_with", "suffix": "!", "weight": 0.3}]
        >>> t = Task("1", "Greet.", fields={"checks": checks})
        >>> weighted_checks(["Hello there!", "Hello there.", "Well, hello to all!"], [t] * 3).tolist()
        [1.0, 0.699999988079071, 0.30000001192092896]

    Source: RLVRR, style reward, with the authors' released function.
    Differs: the release executes checks written by a model inside the trainer; here they are declared, or run in a
        sandbox. An empty text can pass checks such as an upper bound on words, as in the release.
    """
    if not (seconds > 0 and memory_mb > 0):
        raise RecipeError("a limit must be positive", where="weighted_checks", seen=f"{seconds} s, {memory_mb} MB")
    same_length("weighted_checks", completion=completion, task=task)
    texts = [c or "" for c in completion]
    checks = [_checks(t.fields.get("checks")) for t in task]
    # one job per program: it is read once and run in a fresh process for every text
    jobs: dict[Program, list[str]] = {}
    for text, listed in zip(texts, checks, strict=True):
        for _, rule in listed or ():
            if isinstance(rule, tuple) and text not in (known := jobs.setdefault(rule, [])):
                known.append(text)
    calls = [
        Call("sandbox", "function", {"source": p[0], "entry": p[1], "cases": [{"args": [t]} for t in said],
                                     "fresh": True}, seconds, memory_mb)
        for p, said in jobs.items()
    ]  # fmt: skip
    replies = (yield calls) if calls else []
    held: dict[tuple[Program, str], float] = {}
    for (program, said), reply in zip(jobs.items(), replies, strict=True):
        held |= {(program, t): v for t, v in zip(said, _held(reply, len(said)), strict=True)}
    return torch.tensor(
        [_total(t, c, held, normalize) for t, c in zip(texts, checks, strict=True)], dtype=torch.get_default_dtype()
    )


def _checks(given: Any) -> list[tuple[float, Mapping[str, Any] | Program]] | None:
    """Weight and rule of every check; None where one cannot be used."""
    if not isinstance(given, (list, tuple)) or not given:
        return None
    found: list[tuple[float, Mapping[str, Any] | Program]] = []
    for check in given:
        if not isinstance(check, Mapping):
            return None
        weight = check.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            return None
        rule = {k: v for k, v in check.items() if k != "weight"}
        if "program" in rule:
            source, entry = rule["program"], rule.get("entry", "check")
            if not (isinstance(source, str) and isinstance(entry, str)):
                return None
            found.append((weight, (source, entry)))
            continue
        try:
            unmet("", rule)
        except (UnknownNameError, DataError):  # whatever the text is, this check is ours to mend
            return None
        found.append((weight, rule))
    return found


def _held(reply: Reply, count: int) -> list[float]:
    """Per text 1 or 0, NaN where nothing healthy could decide."""
    if not reply.ok:
        return [0.0 if reply.theirs else math.nan] * count
    results = reply.value
    if len(results) != count:
        return [math.nan] * count
    open_ = [r.outcome == "unavailable" for r in results]
    return [
        math.nan if o else float(r.outcome == "returned" and bool(r.value)) for o, r in zip(open_, results, strict=True)
    ]


def _total(
    text: str, checks: Sequence[tuple[float, Mapping[str, Any] | Program]] | None,
    held: Mapping[tuple[Program, str], float], normalize: bool,
) -> float:  # fmt: skip
    if checks is None:
        return math.nan
    whole = sum(w for w, _ in checks) if normalize else 1.0
    if not whole:
        return math.nan
    marks = [held[r, text] if isinstance(r, tuple) else float(not unmet(text, r)) for _, r in checks]
    return sum(w * m for (w, _), m in zip(checks, marks, strict=True)) / whole
