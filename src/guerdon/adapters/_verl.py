"""verl: ``compute_score`` functions for ``custom_reward_function``, one row or a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guerdon.adapters._bound import Calls
from guerdon.grading.batch import Graded
from guerdon.grading.grader import Grader

Result = dict[str, Any]


def verl(
    reward: str | Sequence[str] | Grader, *, columns: Mapping[str, str] | None = None, unscored: float = math.nan,
    allow_code: bool = False,
) -> Callable[..., Result]:  # fmt: skip
    """Rewards by name as verl's ``compute_score`` for one row.

    The columns of a row are ``completion`` (verl's solution_str), ``gold`` (ground_truth), ``data_source`` and the
    keys of ``extra_info``. verl has no place for a missing reward: what could not be scored is NaN, so that it is seen
    and never taken for 0; give ``unscored`` to have another number there, knowing that it trains as if it were one.

    Args:
        reward: as behind ``--with`` of ``guerdon score``, several, or what
            ``guerdon.reward`` made (with ``gold_format``, for gold texts that hold a whole solution).
        columns: signals read from columns of another name, such as ``{"prompt": "question"}`` in ``extra_info``.
        unscored: the score of a row that could not be scored.
        allow_code: whether a dotted path to your own code may be imported.

    Returns:
        ``compute_score(data_source, solution_str, ground_truth, extra_info=None, …)``, which gives a dict with
        ``score``, ``acc`` (1.0 where the first reward is at least 1), ``status`` and ``reason``.

    Raises:
        RecipeError, UnknownNameError: a name, key or value is wrong; at the first call, a column.

    Example:
        >>> compute_score = verl("answer_equal:extract=hash")
        >>> compute_score("gsm8k", "2+2=4 #### 4", "4", {"split": "train"})
        {'score': 1.0, 'acc': 1.0, 'status': 'scored', 'reason': ''}
    """
    calls = Calls(reward, columns, allow_code)

    # reward_kwargs of the configuration and a router's address may follow; they are not rewards' business
    def compute_score(
        data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **rest: Any
    ) -> Result:
        return _result(calls.grade([_row(data_source, solution_str, ground_truth, extra_info)])[0], unscored)

    return compute_score


def verl_batch(
    reward: str | Sequence[str] | Grader, *, columns: Mapping[str, str] | None = None, unscored: float = math.nan,
    allow_code: bool = False,
) -> Callable[..., list[Result]]:  # fmt: skip
    """The same as :func:`verl` for verl's batch reward manager: lists in, a list out.

    Example:
        >>> compute_score = verl_batch("numeric_close:relative=0.1")
        >>> [r["score"] for r in compute_score(["a", "a"], ["10", "12"], ["10", "10"], [None, None])]
        [1.0, 0.0]
    """
    calls = Calls(reward, columns, allow_code)

    def compute_score(
        data_sources: Sequence[str], solution_strs: Sequence[str], ground_truths: Sequence[Any],
        extra_infos: Sequence[Mapping[str, Any] | None] | None = None, **rest: Any,
    ) -> list[Result]:  # fmt: skip
        extras = [None] * len(solution_strs) if extra_infos is None else extra_infos
        columns = zip(data_sources, solution_strs, ground_truths, extras, strict=True)
        return [_result(g, unscored) for g in calls.grade([_row(*values) for values in columns])]

    return compute_score


def _row(source: str, solution: str, gold: Any, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**(extra or {}), "data_source": source, "completion": solution, "gold": _plain(gold)}


def _plain(gold: Any) -> Any:
    # a parquet column of lists arrives as a numpy array
    return gold.tolist() if type(gold).__module__ == "numpy" else gold


def _result(found: Graded, unscored: float) -> Result:
    missing = math.isnan(found.score)
    first = next(iter(found.aspects.values()), math.nan)
    return {
        "score": unscored if missing else found.score, "acc": math.nan if math.isnan(first) else float(first >= 1.0),
        "status": found.status.name.lower(), "reason": found.reason,
    }  # fmt: skip
