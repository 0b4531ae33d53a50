"""Longest common subsequence of words with a reference text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.answers import extract_answer, same_length
from guerdon.ops.subsequence import f_beta, lcs_length

_WORD = re.compile(r"[^\W_]+")


@method(
    paper=(
        Paper("arXiv:2509.13081", "Shaping Explanations: Semantic Reward Modeling with Encoder-Only Transformers for "
              "GRPO", "rewards/semantic-encoder", where="the ROUGE baseline"),
        Paper("acl:W04-1013", "ROUGE: A Package for Automatic Evaluation of Summaries", where="section 3, ROUGE-L"),
    ),
    tags=("text overlap",),
    sources={"beta": "code", "segment": "ours", "max_words": "ours"},
)  # fmt: skip
def rouge_l(
    completion: Sequence[str | None],
    gold: Sequence[Any],
    *,
    beta: float = 1.0,
    segment: str | None = None,
    max_words: int = 20_000,
) -> Float[Tensor, " batch"]:
    r"""Pay the F score of the longest common subsequence of words with the best reference.

    .. math:: R = \max_g \frac{(1+\beta^2) P_g Q_g}{Q_g + \beta^2 P_g},\qquad
              P_g = \frac{\mathrm{LCS}(y, g)}{|y|},\quad Q_g = \frac{\mathrm{LCS}(y, g)}{|g|}

    Args:
        completion: generated text.
        gold: the reference text; a list or tuple holds several, of which the best counts.
        beta: how much more recall :math:`Q` counts than precision :math:`P`, 0 or more; 0 is the precision.
        segment: tag whose last element is compared, such as ``explanation``; None for the whole text.
        max_words: words of the completion that are read, from its beginning.

    Returns:
        A number in [0, 1] per row; 0 for a text without words or without the segment; NaN without a reference.

    Raises:
        RecipeError: ``beta`` is negative.
        DataError: the columns have different lengths.

    Example:
        >>> rouge_l(["police kill the gunman"], ["police killed the gunman"]).tolist()
        [0.75]

    Source: Lin 2004; rouge-score for lower case, words of letters and digits, and :math:`\beta = 1`.
    Differs: words of every script count, where rouge-score drops all but ASCII; no stemming.
    """
    if not beta >= 0:
        raise RecipeError("beta must be at least 0", where="rouge_l.beta", seen=beta)
    same_length("rouge_l", completion=completion, gold=gold)
    found = []
    for text, given in zip(completion, gold, strict=True):
        part = text or ""
        if segment is not None:
            part = extract_answer(part, "tag", tag=segment, max_answer=len(part))
        words = _words(part)[:max_words]
        golds = [w for g in (given if isinstance(given, (list, tuple)) else [given]) if (w := _words(str(g or "")))]
        scores = [f_beta(lcs_length(words, g), len(words), len(g), beta) for g in golds]
        found.append(max(scores, default=float("nan")))
    return torch.tensor(found, dtype=torch.get_default_dtype())


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
