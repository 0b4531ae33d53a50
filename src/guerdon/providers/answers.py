"""Providers of final answers: cut out of a completion, and numbered by the class of equal answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from guerdon.method import Paper, method
from guerdon.ops.answers import MAX_ANSWER, MAX_TEXT, Extract, Normalise, answer_key, extract_answer


@method(
    paper=Paper(
        "arXiv:2110.14168", "Training Verifiers to Solve Math Word Problems", "rewards/verifiers-baseline",
        where="the #### line of GSM8K",
    ),
    writes=("answer",),
    default_source="ours",
)  # fmt: skip
def answer(
    completion: Sequence[str],
    *,
    extract: Extract = "text",
    tag: str = "answer",
    max_text: int = MAX_TEXT,
    max_answer: int = MAX_ANSWER,
) -> list[str]:
    r"""Cut the final answer out of every completion.

    .. math:: a_i = \mathrm{extract}(\mathrm{last}_{max\_text}(completion_i))

    Args:
        completion: generated text, one per row.
        extract: ``text`` the whole completion; ``last_number`` the last number (decimals, thousands separators, a/b);
            ``boxed`` the last ``\boxed{}`` or ``\fbox{}``, braces matched; ``answer_line`` what follows the last
            ``Answer:``, ``answer is`` or a line's ``A:``; ``hash`` the rest of the line after the last ``####``;
            ``tag`` the last ``<answer>`` element; ``last_line`` the last line with text.
        tag: name of the element of ``extract="tag"``.
        max_text: characters read, counted from the end.
        max_answer: a longer answer is no answer.

    Returns:
        One string per row, outer white space removed; ``""`` where no answer was found. An answer given several times
        counts once, as the last one; an unclosed box or tag is no answer.

    Raises:
        UnknownNameError: no such way to extract.

    Example:
        >>> answer(["2+2=4\n#### 4", "so it is 4"], extract="hash")
        ['4', '']
        >>> answer([r"first \boxed{1}, then \boxed{\frac{1}{2}}"], extract="boxed")
        ['\\frac{1}{2}']

    Source: Cobbe et al. 2021 for ``hash``; the box, tag and answer-line conventions are those of common maths suites.
    Differs: verl reads only the last 300 characters and only ``#### -?[0-9.,]+``; here ``#### $42`` is found too.
    """
    return [extract_answer(text, extract, tag=tag, max_text=max_text, max_answer=max_answer) for text in completion]


@method(scope="rollout_batch", writes=("answer_id",), default_source="ours")
def answer_id(answer: Sequence[str | None], *, normalise: Normalise = "number") -> Int[Tensor, " batch"]:
    r"""Number the classes of equal answers.

    .. math:: id_i = id_j \iff key(a_i) = key(a_j), \qquad id_i = -1 \text{ for an empty answer}

    Args:
        answer: parsed answers, ``""`` or None for none.
        normalise: as in ``answer_equal``; an answer that is no number (no choice) is compared as text.

    Returns:
        Class per row in order of first appearance over the batch, so ids also compare between linked groups; -1 none.

    Example:
        >>> answer_id(["0.5", "1/2", "", "two", "Two."]).tolist()
        [0, 0, -1, 1, 1]

    Source: the vocabulary's ``answer_id``.
    Differs: nothing.
    """
    classes: dict[Hashable, int] = {}
    out = []
    for text in answer:
        key = answer_key(text or "", normalise)
        if key is None and normalise in ("choice", "number"):
            key = answer_key(text or "", "text")
        out.append(-1 if key is None else classes.setdefault(key, len(classes)))
    return torch.tensor(out, dtype=torch.long)
