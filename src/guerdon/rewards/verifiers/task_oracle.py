"""The scorer that a procedural task brings along."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from guerdon.errors import MachineError, RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict, without_value


@method(
    paper=Paper(
        "arXiv:2505.24760", "REASONING GYM: Reasoning Environments for Reinforcement Learning with Verifiable Rewards",
        "rewards/verifiers-baseline",
    ),
    tags=("procedural",),
    policy=Policy(
        several="The parser hands over one, the last; a list is judged by the rule of the data set.",
        empty="Failed with the floor.",
        copied="The rule of the data set: its default pays an answer that contains the right one by the share of its "
        "length.",
    ),
    default_source="ours",
)  # fmt: skip
@outside
def task_oracle(
    answer: Sequence[str | None], task: Sequence[Task], *, cascade: bool = False, seconds: float = 5.0
) -> Exchange[Verdict]:
    r"""Score an answer with the data set's own ``score_answer``.

    .. math:: s_i = \mathrm{score}_{d(i)}(a_i, entry_i) \in [0, 1]

    Args:
        answer: parsed answers, ``""`` or None for none.
        task: the task of every row; reads ``fields["reasoning_gym"]`` with ``dataset``, ``config`` and ``entry``.
        cascade: where the data set's own rule pays less than 0.99, try what newer versions of reasoning-gym try:
            text without LaTeX and case, floats within 1 % or 0.01 (100 for 101), math-verify; the best counts.
        seconds: processor time per row.

    Returns:
        The scorer's value, scored. No answer, one on which the scorer needs more than its time or memory, and one on
        which it raises although it can read the right answer, failed with 0. A scorer that raises on the right answer
        too, one that returns something outside [0, 1], a worker that could not run, and a task without a scorer are
        unscored with the reason, never 0. Several answers are settled by the parser; whether an answer that repeats
        the prompt is paid is the data set's rule (its default pays an answer that contains the right one by the share
        of its length).

    Raises:
        MachineError: the package reasoning-gym is not installed.
        RecipeError: ``seconds`` is not positive.
        DataError: the columns have different lengths.

    Example:
        >>> from guerdon.outside import drive
        >>> from guerdon.programs.reasoning_gym import score
        >>> from guerdon.records import Outcome
        >>> entry = {"question": "1 + 2 =", "answer": "3", "metadata": {}}
        >>> t = Task("1", "1 + 2 =", fields={"reasoning_gym": {"dataset": "chain_sum", "config": {}, "entry": entry}})
        >>> exchange = task_oracle.exchange(["3", "4", ""], [t, t, t])
        >>> drive(exchange, lambda calls: [Reply(Outcome.DONE, score(c.payload)) for c in calls]).score
        [1.0, 0.0, 0.0]

    Source: Stojanovski et al. 2025; ``ProceduralDataset.score_answer`` of reasoning-gym.
    Differs: runs in a worker that is killed when it hangs; grids that were stored as lists are compared as grids; the
        cascade of newer versions is off.
    """
    if not seconds > 0:
        raise RecipeError("a time limit must be positive", where="task_oracle.seconds", seen=seconds)
    same_length("task_oracle", answer=answer, task=task)
    program = "cascade.score" if cascade else "reasoning_gym.score"
    rows = [_row(a or "", t) for a, t in zip(answer, task, strict=True)]
    # the samples of one prompt share their task, and equal answers to it are asked once
    asked = {(c.payload["answer"], id(t)): c for c, t in zip(rows, task, strict=True) if isinstance(c, Call)}
    calls = [Call(c.channel, program, c.payload, seconds) for c in asked.values()]
    replies = (yield calls) if calls else []
    found = dict(zip(asked, replies, strict=True))
    return verdict(
        _judged(found[r.payload["answer"], id(t)]) if isinstance(r, Call) else r
        for r, t in zip(rows, task, strict=True)
    )  # fmt: skip


def _row(answer: str, task: Task) -> Row | Call:
    """The outcome of a row that needs no call, else the call."""
    source = task.fields.get("reasoning_gym")
    if not isinstance(source, Mapping) or not isinstance(source.get("entry"), Mapping):
        return unscored("the task brings no scorer")
    if not answer.strip():
        return failed("no answer found")
    payload = {"dataset": str(source.get("dataset")), "config": source.get("config") or {}, "entry": source["entry"]}
    return Call("pool", "reasoning_gym.score", {**payload, "answer": answer})


def _judged(reply: Reply) -> Row:
    if not reply.ok:
        return without_value(reply, "the scorer")
    if "missing" in reply.value:
        raise MachineError(
            "the package reasoning-gym is not installed", where="task_oracle", seen=reply.value["missing"],
            fix="pip install 'guerdon[tasks]'",
        )  # fmt: skip
    if "fault" in reply.value:
        return unscored(reply.value["fault"])
    if "refused" in reply.value:
        return failed(reply.value["refused"])
    value = reply.value["score"]
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        return unscored(f"the scorer returned {value!r}, outside [0, 1]")
    return scored(value)
