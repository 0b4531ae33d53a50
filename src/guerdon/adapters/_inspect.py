"""inspect: a scorer for its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.adapters._bound import Calls
from guerdon.errors import MachineError
from guerdon.grading.batch import Graded
from guerdon.grading.grader import Grader


def inspect(
    reward: str | Sequence[str] | Grader, *, columns: Mapping[str, str] | None = None, allow_code: bool = False
) -> Any:
    """Rewards by name as an inspect scorer with the metrics ``mean`` and ``stderr``.

    The columns of a row are ``completion`` (the model's output), ``prompt`` (the input), ``gold`` (the target: one
    text, or several accepted ones), ``id``, and the sample's metadata. The score carries the value, the reason as its
    explanation, and status and single rewards in its metadata. What could not be scored has the value NaN, which
    inspect keeps, counts as unscored and leaves out of metrics; its NOANSWER would count as 0.

    Args:
        reward: as behind ``--with`` of ``guerdon score``, several, or what
            ``guerdon.reward`` made (with ``gold_format``, for gold texts that hold a whole solution).
        columns: signals read from columns of another name, such as a key of the metadata.
        allow_code: whether a dotted path to your own code may be imported.

    Raises:
        MachineError: inspect_ai is not installed.
        RecipeError, UnknownNameError: a name, key or value is wrong.

    Example:
        >>> Task(dataset=data, solver=generate(), scorer=inspect("answer_equal:extract=last_number"))  # doctest: +SKIP
    """
    try:
        from inspect_ai.scorer import Score, mean, scorer, stderr  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MachineError("the package inspect_ai is not installed", where="guerdon.adapters.inspect",
                           seen=str(error), fix="pip install inspect-ai") from error  # fmt: skip
    calls = Calls(reward, columns, allow_code)

    @scorer(metrics=[mean(), stderr()], name=calls.grader.name)
    def guerdon_scorer() -> Any:
        async def score(state: Any, target: Any) -> Any:
            # a verifier may wait for a worker process: the loop must not
            graded = (await asyncio.to_thread(calls.grade, [row(state, target)]))[0]
            return Score(**fields(graded, state.output.completion))

        return score

    return guerdon_scorer()


def row(state: Any, target: Any) -> dict[str, Any]:
    """A sample of inspect as a row."""
    golds = list(target)
    return {
        **(state.metadata or {}), "id": str(state.sample_id), "prompt": state.input_text,
        "completion": state.output.completion, "gold": golds[0] if len(golds) == 1 else golds or None,
    }  # fmt: skip


def fields(found: Graded, answer: str) -> dict[str, Any]:
    """What inspect's Score is made of."""
    metadata = {"status": found.status.name.lower(), "rewards": dict(found.aspects)}
    return {"value": found.score, "answer": answer, "explanation": found.reason or None, "metadata": metadata}
