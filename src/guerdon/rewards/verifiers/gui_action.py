"""One action on a screen against the gold action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guerdon.errors import RecipeError
from guerdon.method import Paper, Policy, method
from guerdon.ops import gui_actions as gui
from guerdon.ops.answers import same_length
from guerdon.ops.boxes import boxes_in
from guerdon.records import Status, Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, short, unscored, verdict

OTHER_TYPE = "another type of action"


@method(
    paper=Paper("arXiv:2505.21496", "UI-Genie: A Self-Improving Approach for Iteratively Boosting MLLM-based Mobile "
                "GUI Agents", "agentic/ui-genie", where="rule-based action check"),
    tags=("gui", "agents"),
    golden="ui-genie",
    sources={"tolerance": "code", "reverse_swipe": "code", "empty_text": "ours"},
    policy=Policy(
        several="The first JSON object of the answer counts.",
        empty="Failed with the floor.",
        copied="An action copied from the prompt counts like any other.",
    ),
)  # fmt: skip
def gui_action(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    task: Sequence[Task] | None = None,
    *,
    tolerance: float = 0.14,
    reverse_swipe: bool = True,
    empty_text: gui.Empty = "wrong",
) -> Verdict:
    r"""Accept an action of the right type at the right place, with the right text or direction.

    .. math:: s = \mathbb{1}[type_a = type_g]\;\mathbb{1}[\,\|p_a - p_g\| \le \|(\tau W, \tau H)\|\,]

    for a click; the other types have rules of their own.

    Args:
        answer: text that holds the action as JSON, ``{"action": "click", "coordinate": [x, y]}``, or a call with it as
            its ``arguments``.
        gold: the action, as mapping or text; a list holds several accepted ones. A gold click may have a ``box``.
        task: the task of every row; ``fields["width"]`` and ``fields["height"]`` of the screen, which clicks without a
            box need.
        tolerance: :math:`\tau`, share of width and height that a click may be off.
        reverse_swipe: whether the direction said by the gold action is that of the content, opposite to the finger;
            two points always are the finger's.
        empty_text: whether an empty text, status or button matches any other, as in the release.

    Returns:
        1 or 0, scored, with a reason. No action in the answer failed with 0; a gold action that cannot be read or has
        an unknown type, and a click without box and screen, unscored.

    Types: ``click`` and ``long_press`` by place; ``type`` and ``system_button`` where one text contains the other;
    ``open`` and ``terminate`` also where they share more than half of their words (F1); ``swipe`` by direction;
    ``wait`` always.

    Raises:
        RecipeError: a negative tolerance.
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "Open it.", fields={"width": 1000, "height": 2000})
        >>> said = ['{"action": "click", "coordinate": [500, 813]}', '{"action": "wait"}', "tap it"]
        >>> v = gui_action(said, [{"action": "click", "coordinate": [500, 500]}] * 3, [t] * 3)
        >>> v.score, v.reason
        ([1.0, 0.0, 0.0], ['', 'another type of action', 'no action found'])

    Source: UI-Genie, the matcher of the released evaluation.
    Differs: there an empty text matches everything, points are cut to whole pixels, and an answer without a point
        raises; the box rule is that of the paper's data pipeline.
    """
    if not tolerance >= 0:
        raise RecipeError("a tolerance is at least 0", where="gui_action.tolerance", seen=tolerance)
    same_length("gui_action", answer=answer, gold=gold, task=task if task is not None else answer)
    tasks = task if task is not None else [None] * len(answer)
    options = (tolerance, reverse_swipe, empty_text)
    return verdict(_row(a or "", g, t, options) for a, g, t in zip(answer, gold, tasks, strict=True))


def _row(answer: str, gold: Any, task: Task | None, options: tuple[float, bool, gui.Empty]) -> Row:
    several = gold if isinstance(gold, (list, tuple)) else [gold]
    golds = [g for g in map(gui.read_action, several) if g and g["action"] in gui.KNOWN]
    if not golds:
        return unscored("no gold answer" if gold is None else f"gold is no known action: {short(str(gold))}")
    rows = [_compare(gui.read_action(answer), g, task, options) for g in golds]
    # a right one decides; otherwise our own fault comes first, then a miss of the right type
    return min(rows, key=lambda r: (r[0] != 1.0, r[1] is not Status.UNSCORED, r[2] == OTHER_TYPE))


def _compare(said: gui.Action | None, gold: gui.Action, task: Task | None, options: tuple[float, bool, Any]) -> Row:
    tolerance, reverse_swipe, empty = options
    kind = gold["action"]
    place = _place(gold, task) if kind in gui.POINTING else None
    if isinstance(place, str):
        return unscored(place)
    if kind == "swipe" and gui.direction_of(gold) is None:
        return unscored("the gold swipe has no direction")
    if said is None:
        return failed("no action found")
    if said["action"] != kind:
        return scored(0.0, OTHER_TYPE)
    if kind in gui.POINTING:
        point = gui.point_of(said, "coordinate")
        if point is None:
            return failed("the action has no point")
        return _judged(_hits(point, gold, place, tolerance), "too far away")
    if kind == "swipe":
        return _judged(gui.direction_of(said) == gui.direction_of(gold, reverse=reverse_swipe), "another direction")
    if kind == "wait":
        return scored(1.0)
    (text, by_words), (wanted, _) = gui.text_field(kind, said), gui.text_field(kind, gold)
    return _judged(gui.same_text(text, wanted, empty=empty, words=by_words), "another text")


def _judged(right: bool, reason: str) -> Row:
    return scored(right, "" if right else reason)


def _place(gold: gui.Action, task: Task | None) -> tuple[float, float] | str | None:
    """Size of the screen, None where the gold action has a box, or what is missing."""
    if "box" in gold:
        return None if boxes_in(gold["box"], 4) else "the gold box is no box"
    if gui.point_of(gold, "coordinate") is None:
        return "the gold action has no point"
    fields = task.fields if task is not None else {}
    size = gui.point_of({"size": [fields.get("width"), fields.get("height")]}, "size")
    return size if size and min(size) > 0 else "the task does not give the width and height of the screen"


def _hits(point: tuple[float, float], gold: gui.Action, size: Any, tolerance: float) -> bool:
    if size is None:
        return any(b[0] <= point[0] <= b[2] and b[1] <= point[1] <= b[3] for b in boxes_in(gold["box"], 4) or ())
    wanted = gui.point_of(gold, "coordinate")
    return wanted is not None and gui.near(point, wanted, size, tolerance)
