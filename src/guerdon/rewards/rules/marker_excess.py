"""A price on words or phrases that occur too often."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.answers import same_length
from guerdon.ops.phrases import phrase_hits
from guerdon.records import Task


@method(
    paper=Paper("", "TableGPT-R1: Advancing Tabular Reasoning Through Reinforcement Learning", "agentic/tablegpt-r1",
                where="behavioural regularisation: reflection words, plots that were not asked for"),
    tags=("style",),
    default_source="ours",
)  # fmt: skip
def marker_excess(
    completion: Sequence[str | None],
    task: Sequence[Task] | None = None,
    *,
    markers: tuple[str, ...],
    allowance: float,
    weight: float,
    unless: str = "",
) -> Float[Tensor, " batch"]:
    r"""Charge every marker beyond an allowance.

    .. math:: R_i = -w \max(n_i - a,\, 0)

    Args:
        completion: generated text.
        task: the task of every row, needed with ``unless``.
        markers: words or phrases such as ``wait``, counted as whole words, case ignored.
        allowance: markers :math:`a` that are free.
        weight: price :math:`w` of one more, 0 or more.
        unless: field of the task that allows the markers where it is true, such as ``need_plot`` with the marker
            ``plt.plot``; ``""`` for none.

    Returns:
        The penalty per row, 0 or negative.

    Raises:
        RecipeError: no marker, a negative weight or allowance, or ``unless`` without tasks.
        DataError: the columns have different lengths.

    Example:
        >>> marker_excess(["Wait, wait. But wait", "no"], markers=("wait",), allowance=1, weight=0.5).tolist()
        [-1.0, 0.0]

    Source: TableGPT-R1, which describes these penalties in words.
    Differs: markers, allowance and weight have no default, because the paper publishes none.
    """
    if not any(markers) or weight < 0 or allowance < 0:
        raise RecipeError(
            "markers with an allowance and a weight of at least 0 are needed", where="marker_excess",
            seen=f"markers {markers}, allowance {allowance}, weight {weight}",
        )  # fmt: skip
    if unless and task is None:
        raise RecipeError("unless needs the tasks", where="marker_excess.unless", seen=unless)
    same_length("marker_excess", completion=completion, task=task if task is not None else completion)
    found = []
    for i, text in enumerate(completion):
        free = bool(unless and task is not None and task[i].fields.get(unless))
        over = max(len(phrase_hits(text or "", markers)) - allowance, 0.0)
        found.append(0.0 if free else 0.0 - weight * over)
    return torch.tensor(found, dtype=torch.get_default_dtype())
