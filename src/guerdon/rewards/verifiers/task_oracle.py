"""The scorer that a procedural task brings along."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guerdon.errors import MachineError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.records import Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict

Scorer = Callable[[str, dict[str, Any]], float]


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
def task_oracle(answer: Sequence[str | None], task: Sequence[Task]) -> Verdict:
    r"""Score an answer with the data set's own ``score_answer``.

    .. math:: s_i = \mathrm{score}_{d(i)}(a_i, entry_i) \in [0, 1]

    Args:
        answer: parsed answers, ``""`` or None for none.
        task: the task of every row; reads ``fields["reasoning_gym"]`` with ``dataset``, ``config`` and ``entry``.

    Returns:
        The scorer's value, scored; no answer failed with 0. A scorer that raises, or returns something outside
        [0, 1], and a task without a scorer are unscored with the reason, never 0. Several answers are settled by the
        parser; whether an answer that repeats the prompt is paid is the data set's rule (its default pays an answer
        that contains the right one by the share of its length).

    Raises:
        MachineError: the package reasoning-gym is not installed.
        DataError: the columns have different lengths.

    Example:
        >>> entry = {"question": "1 + 2 =", "answer": "3", "metadata": {}}
        >>> t = Task("1", "1 + 2 =", fields={"reasoning_gym": {"dataset": "chain_sum", "config": {}, "entry": entry}})
        >>> task_oracle(["3", "4", ""], [t, t, t]).score
        [1.0, 0.0, 0.0]

    Source: Stojanovski et al. 2025; ``ProceduralDataset.score_answer`` of reasoning-gym.
    Differs: runs in this process, so a data set whose scorer can hang on hostile text needs a worker around it; the
        cascade of newer versions, which accepts 100 for 101, is not applied.
    """
    same_length("task_oracle", answer=answer, task=task)
    scorers: dict[str, Scorer | str] = {}  # one per data set and call, not one per row
    return verdict(_row(a or "", t, scorers) for a, t in zip(answer, task, strict=True))


def _row(answer: str, task: Task, scorers: dict[str, Scorer | str]) -> Row:
    source = task.fields.get("reasoning_gym")
    if not isinstance(source, Mapping):
        return unscored("the task brings no scorer")
    key = json.dumps([source.get("dataset"), source.get("config")], default=repr, sort_keys=True)
    if key not in scorers:
        scorers[key] = _scorer(str(source.get("dataset")), source.get("config") or {})
    scorer = scorers[key]
    if isinstance(scorer, str):
        return unscored(scorer)
    if not answer.strip():
        return failed("no answer found")
    try:
        value = float(scorer(answer, dict(source["entry"])))
    except Exception as error:
        return unscored(f"the scorer raised {type(error).__name__}: {error}")
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        return unscored(f"the scorer returned {value!r}, outside [0, 1]")
    return scored(value)


def _scorer(name: str, config: Mapping[str, Any]) -> Scorer | str:
    """The data set's scorer, or the reason why there is none."""
    try:
        import reasoning_gym
    except ImportError as error:
        raise MachineError(
            "the package reasoning-gym is not installed", where="task_oracle", seen=str(error),
            fix="pip install 'guerdon[tasks]'",
        ) from error  # fmt: skip
    try:
        return reasoning_gym.create_dataset(name, **config).score_answer
    except Exception as error:
        return f"no scorer for {name!r}: {type(error).__name__}: {error}"
