"""Boxes and segments against the gold ones, by intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.ops.boxes import Box, boxes_in, has_extent, overlap
from guerdon.ops.overlap import best_total, pairs
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored, verdict

MAX_BOXES = 200


@method(
    paper=Paper("arXiv:2505.24164", "Mixed-R1: Unified Reward Perspective For Reasoning Capability in Multimodal "
                "Large Language Models", "rewards/mixed-r1", where="IoU reward"),
    tags=("grounding",),
    aliases=("iou",),
    default_source="ours",
    sources={"threshold": "paper"},
    policy=Policy(
        several="Boxes are paired with the gold boxes as well as possible; boxes beyond them cost as `spurious` says.",
        empty="Failed with the floor.",
        copied="A box copied from the prompt counts like any other.",
    ),
)  # fmt: skip
def box_iou(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    threshold: float | None = None,
    form: Literal["corners", "size"] = "corners",
    spurious: Literal["diluted", "free"] = "diluted",
    golds: Literal["all", "any"] = "all",
) -> Verdict:
    r"""Score boxes by their overlap with the gold boxes.

    .. math:: s = \frac{1}{\max(|A|, |G|)} \max_{\text{pairing}} \sum_{(a, g)} u(a, g),\qquad
              u = \frac{|a \cap g|}{|a \cup g|}\ \text{ or }\ \mathbb{1}\left[\frac{|a \cap g|}{|a \cup g|} \ge
              \tau\right]

    Args:
        answer: parsed answers: text with four numbers per box, or two per segment where the gold answer is a segment.
        gold: one box ``[x1, y1, x2, y2]`` or segment ``[start, end]``, a list of them, or either as text.
        threshold: IoU :math:`\tau` from which a pair counts 1, else 0; None pays the IoU itself.
        form: ``corners`` as above, or ``size``: ``[x, y, width, height]``, ``[start, length]``.
        spurious: ``diluted`` divides by the larger number of boxes, ``free`` by that of the gold boxes.
        golds: ``all`` gold boxes must be found, or ``any`` of them is the answer.

    Returns:
        The score in [0, 1], scored. An answer without whole boxes, with more than 200, or none of any extent (reversed
        corners, no area) failed with 0; a gold answer that is no box, or one without extent, unscored. In a list, a box
        without extent overlaps nothing.

    Raises:
        RecipeError: the threshold is not in (0, 1].
        MachineError: several boxes on both sides without threshold, and scipy is not installed.
        DataError: the columns have different lengths.

    Example:
        >>> v = box_iou(["[1, 1, 3, 3]", "from 5s to 15s", "[3, 3, 1, 1]"], [[0, 0, 2, 2], [0, 10], [0, 0, 2, 2]])
        >>> [round(s, 4) for s in v.score], v.status[2].name
        ([0.1429, 0.3333, 0.0], 'FAILED')

    Source: Mixed-R1's reward for grounding; its best-match mean over gold boxes is ``spurious="free"``.
    Differs: by default boxes beyond the gold ones cost, because naming every box would pay in full otherwise.
    """
    if threshold is not None and not 0.0 < threshold <= 1.0:
        raise RecipeError("an IoU threshold lies in (0, 1]", where="box_iou.threshold", seen=threshold)
    same_length("box_iou", answer=answer, gold=gold)
    return verdict(_row(a or "", g, threshold, form, spurious, golds) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, threshold: float | None, form: str, spurious: str, golds: str) -> Row:
    wanted, size = boxes_in(gold, 4), 4
    if wanted is None or (isinstance(gold, str) and (segments := boxes_in(gold, 2)) and len(segments) == 1):
        wanted, size = boxes_in(gold, 2), 2
    if wanted is None:
        return unscored("no gold answer" if gold is None else f"gold is no box: {short(str(gold))}")
    wanted = [_corners(b, form) for b in wanted]
    if not all(map(has_extent, wanted)):
        return unscored(f"a gold box has no extent: {short(str(gold))}")
    if not answer.strip():
        return failed("no answer found")
    found = boxes_in(answer, size)
    if found is None:
        return failed(f"answer is no box: {short(answer)}")
    if len(found) > MAX_BOXES:
        return failed(f"{len(found)} boxes, more than {MAX_BOXES}")
    found = [_corners(b, form) for b in found]
    if not any(map(has_extent, found)):
        return failed(f"a box has no extent: {short(answer)}")
    shares = [[overlap(f, w) for w in wanted] for f in found]
    if golds == "any":
        shares, wanted = [[max(row)] for row in shares], wanted[:1]
    if threshold is None:
        total = best_total(shares)
    else:
        total = sum(c >= 0 for c in pairs([{j for j, s in enumerate(row) if s >= threshold} for row in shares]))
    return scored(min(total / (max(len(found), len(wanted)) if spurious == "diluted" else len(wanted)), 1.0))


def _corners(box: Box, form: str) -> Box:
    if form == "corners":
        return box
    half = len(box) // 2
    return (*box[:half], *(box[i] + box[i + half] for i in range(half)))
