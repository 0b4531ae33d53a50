"""Texts that must hold every part of the gold result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.overlap import missing_parts, parts_of
from guerdon.records import ToolCall, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, item_lists, scored, short, unscored, verdict


@method(
    paper=(
        Paper("arXiv:2508.08791", "Feedback-Driven Tool-Use Improvements in Large Language Models via Automated Build "
              "Environments", "agentic/feedback-tool-use", where="the check of a tool's output"),
        Paper("arXiv:2503.23829", "Crossing the Reward Bridge: Expanding RL with Verifiable Rewards Across Diverse "
              "Domains", "rewards/cross-domain-verifier", where="rule-based comparison by containment"),
    ),
    tags=("text overlap",),
    golden="feedback-tool-use",
    default_source="code",
    sources={"whole": "ours", "look_in": "ours", "credit": "ours"},
    policy=Policy(
        several="A text with several answers passes if the right one is among them: use another verifier where that "
        "must not pay.",
        empty="Failed with the floor.",
        copied="Passes when the copied text holds the gold parts.",
    ),
)  # fmt: skip
def contains_all(
    completion: Sequence[str | None],
    gold: Sequence[Any],
    tool_calls: Sequence[Sequence[ToolCall]] | None = None,
    *,
    look_in: Literal["completion", "outputs"] = "completion",
    credit: Literal["all", "share"] = "all",
    normalise: bool = True,
    whole: bool = False,
) -> Verdict:
    r"""Check that every part of the gold result occurs in a text.

    .. math:: s = \mathbb{1}[\,\forall p \in g:\; p \subset t\,], \qquad
              s = |\{p \in g : p \subset t\}| / |g| \text{ with credit "share"}

    Args:
        completion: generated text.
        gold: the parts, as ``"red, blue"`` (split at a comma with a space) or as a list; a list of lists holds several
            accepted answers.
        tool_calls: calls with their outputs, read with ``look_in="outputs"``.
        look_in: the completion, or the outputs of its calls joined by line breaks.
        credit: all parts or nothing, or the share of the parts.
        normalise: ignore case and commas, so that ``1,234`` holds ``1234``.
        whole: a part may not touch a letter or digit, so that ``1`` is not found in ``12``.

    Returns:
        The credit, scored, with the first missing part as reason; an empty text failed with 0; a gold answer without
        parts unscored, and so is a row whose calls are not known with ``look_in="outputs"``.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> contains_all(["Total: 1,234", "red", "red and blue"], ["1234", "red, blue", "red, blue"]).score
        [1.0, 0.0, 1.0]

    Source: the answer check of FTRL's released reward; containment as in Su et al. 2025.
    Differs: the release has no ``whole``, so a short gold result such as ``1`` matches almost anything there.
    """
    same_length("contains_all", completion=completion, gold=gold)
    texts: list[str | None] = [c or "" for c in completion]
    if look_in == "outputs":
        calls = tool_calls if tool_calls is not None else [None] * len(completion)
        same_length("contains_all", completion=completion, tool_calls=calls)
        texts = [None if c is None else "\n".join(x.output or "" for x in c) for c in calls]
    return verdict(_row(t, g, credit, normalise, whole) for t, g in zip(texts, gold, strict=True))


def _row(text: str | None, gold: Any, credit: str, normalise: bool, whole: bool) -> Row:
    several = [_parts(items) for items in item_lists(gold)]
    several = [parts for parts in several if parts]
    if not several:
        return unscored("no gold answer" if gold is None else "the gold answer has no parts")
    if text is None:
        return unscored("the calls of the completion are not known")
    if not text.strip():
        return failed("the text is empty")
    best = min(
        ((missing_parts(text, p, normalise=normalise, whole=whole), len(p)) for p in several),
        key=lambda found: len(found[0]) / found[1],
    )
    missing, count = best
    reason = f"missing: {short(missing[0])}" if missing else ""
    return scored(1.0 - len(missing) / count if credit == "share" else not missing, reason)


def _parts(items: Sequence[Any]) -> list[str]:
    return parts_of(str(items[0])) if len(items) == 1 else [str(i).strip() for i in items if str(i).strip()]
