"""TRL: a function for ``reward_funcs`` of its trainers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guerdon.adapters._bound import Calls
from guerdon.grading.batch import Graded
from guerdon.grading.grader import Grader
from guerdon.records import Status

RewardFunc = Callable[..., list[float | None]]
_NOT_COLUMNS = ("trainer_state", "log_extra", "log_metric", "environments")


def trl(
    reward: str | Sequence[str] | Grader, *, gold: str = "", columns: Mapping[str, str] | None = None,
    allow_code: bool = False,
) -> RewardFunc:  # fmt: skip
    """Rewards by name as one reward function of a TRL trainer.

    The columns of the data set are the columns of the rows; ``completion``, ``prompt``, ``tokens`` and ``length``
    (counted in tokens) come from the trainer. Completions may be texts or chat messages. What could not be scored is
    None, which TRL leaves out of the sum for that row. Where the trainer offers ``log_metric``, the shares of failed
    and unscored completions and the mean of every single reward are logged.

    Args:
        reward: as behind ``--with`` of ``guerdon score``, several, or what
            ``guerdon.reward`` made (with ``gold_format``, for gold texts that hold a whole solution).
        gold: column of the right answer; default ``gold``.
        columns: further signals read from columns of another name.
        allow_code: whether a dotted path to your own code may be imported.

    Returns:
        ``reward_func(completions, prompts, **columns) -> list[float | None]``, named after the rewards.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong; at the first call, a column.

    Example:
        >>> f = trl("answer_equal:normalise=number,extract=last_number", gold="answer")
        >>> f(completions=["so 4", [{"role": "assistant", "content": "5"}], "4"], answer=["4", "4", None])
        [1.0, 0.0, None]
        >>> f.__name__
        'answer_equal'
    """
    calls = Calls(reward, {**(columns or {}), **({"gold": gold} if gold else {})}, allow_code)

    # the trainer adds keywords from release to release, so its own signature is open
    def reward_func(completions: Sequence[Any], **given: Any) -> list[float | None]:
        graded = calls.grade(_rows(completions, given))
        _log(graded, given.get("log_metric"), calls.grader.name)
        return [None if math.isnan(g.score) else g.score for g in graded]

    reward_func.__name__ = reward_func.__qualname__ = calls.grader.name
    return reward_func


def _rows(completions: Sequence[Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    n = len(completions)
    names = {"prompts": "prompt", "completion_ids": "tokens"}
    lists: dict[str, Sequence[Any]] = {
        names.get(k, k): v for k, v in given.items()
        if k not in _NOT_COLUMNS and isinstance(v, (list, tuple)) and len(v) == n
    }  # fmt: skip
    if "tokens" in lists:
        lists["length"] = [len(t) for t in lists["tokens"]]
    lists["completion"] = completions
    if n and not isinstance(completions[0], str):
        lists.setdefault("turns", completions)
    return [{k: v[i] for k, v in lists.items()} for i in range(n)]


def _log(graded: Sequence[Graded], log_metric: Any, name: str) -> None:
    if log_metric is None or not graded:
        return
    states = Counter(g.status for g in graded)
    for status in (Status.FAILED, Status.UNSCORED):
        log_metric(f"{name}/{status.name.lower()}", states[status] / len(graded))
    labels = dict.fromkeys(n for g in graded for n in g.aspects)
    for label in labels if len(labels) > 1 else ():
        values = [v for g in graded if not math.isnan(v := g.aspects.get(label, math.nan))]
        if values:
            log_metric(f"{name}/{label}", sum(values) / len(values))
