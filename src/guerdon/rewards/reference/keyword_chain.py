"""Key points of a reference, found in a completion in the same order."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.answers import same_length
from guerdon.ops.phrases import phrase_hits
from guerdon.ops.subsequence import lcs_length
from guerdon.records import Task

Points = list[list[list[str]]]


@method(
    paper=Paper("", "From Verifiable Dot to Reward Chain: Harnessing Verifiable Reference-based Rewards for "
                "Reinforcement Learning of Open-ended Generation", "rewards/rlvrr", where="content reward"),
    tags=("open-ended", "text overlap"),
    default_source="code",
    golden="rlvrr",
)  # fmt: skip
def keyword_chain(
    completion: Sequence[str | None],
    gold: Sequence[Any],
    task: Sequence[Task],
    *,
    length_coefficient: float = 0.0,
    length_band: tuple[float, float] = (0.9, 1.2),
) -> Float[Tensor, " batch"]:
    r"""Pay every key point by how much of its keywords stands in the completion, in the order of the reference.

    .. math:: R = \max\left(\frac1M \sum_{m} \max_{W \in P_m}
              \frac{\mathrm{LCS}(h_W(y), h_W(g))}{\max(|h_W(y)|, |h_W(g)|)} - c\,|\rho - 1|\,\mathbb{1}[\rho \notin
              band],\; 0\right)

    :math:`h_W` lists every hit of the keywords :math:`W` as whole words, case ignored, repeats kept, so stuffing
    lengthens the denominator; :math:`\rho` is the number of words relative to the reference.

    Args:
        completion: generated text.
        gold: the reference text :math:`g`.
        task: the task of every row; ``fields["keypoints"]`` lists the points :math:`P_m`, each a list of alternative
            lists of keywords (as lists, or written as text). Longer phrases stand before what they contain.
        length_coefficient: price :math:`c` of a length outside of the band, 0 or more.
        length_band: lengths relative to the reference that are free.

    Returns:
        A number in [0, 1] per row; NaN where the task has no reference or no readable key points.

    Raises:
        RecipeError: a negative coefficient.
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "Photosynthesis?", fields={"keypoints": [[["sunlight", "water"]], [["oxygen"]]]})
        >>> texts = ["sunlight and water give oxygen", "water, sunlight, oxygen", "sunlight"]
        >>> keyword_chain(texts, [texts[0]] * 3, [t] * 3).tolist()
        [1.0, 0.75, 0.25]

    Source: RLVRR, content reward, with the authors' released function; the coefficient is 0 there.
    Differs: unreadable key points score 0 in the release and are unscored here.
    """
    if length_coefficient < 0:
        raise RecipeError("the coefficient must be at least 0", where="keyword_chain.length_coefficient",
                          seen=length_coefficient)  # fmt: skip
    same_length("keyword_chain", completion=completion, gold=gold, task=task)
    found = []
    for text, reference, t in zip(completion, gold, task, strict=True):
        points, wanted = _points(t.fields.get("keypoints")), str(reference or "")
        if points is None or not wanted.split():
            found.append(math.nan)
            continue
        said = text or ""
        content = sum(max((_share(w, said, wanted) for w in p), default=0.0) for p in points) / len(points)
        ratio = len(said.split()) / len(wanted.split())
        outside = not length_band[0] <= ratio <= length_band[1]
        found.append(max(content - length_coefficient * abs(ratio - 1.0) * outside, 0.0))
    return torch.tensor(found, dtype=torch.get_default_dtype())


def _share(keywords: list[str], text: str, reference: str) -> float:
    here, there = phrase_hits(text, keywords), phrase_hits(reference, keywords)
    longest = max(len(here), len(there))
    return lcs_length(here, there) / longest if longest else 0.0


def _points(given: Any) -> Points | None:
    """Points, alternatives, keywords; None where the value is something else."""
    if isinstance(given, str):
        try:
            given = ast.literal_eval(given)
        except (ValueError, SyntaxError, MemoryError, RecursionError):  # text that is no literal
            return None
    if not isinstance(given, (list, tuple)) or not given:
        return None
    points = [[list(w) for w in p] if _lists(p) else None for p in given]
    kept = [p for p in points if p is not None and all(isinstance(k, str) for w in p for k in w)]
    return kept if len(kept) == len(points) else None


def _lists(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, (list, tuple)) for v in value)
