"""Tasks with many right answers: any of the accepted ones will do."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon.method import Paper, Policy, method
from guerdon.ops.answers import same_length
from guerdon.records import Task, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict


@method(
    paper=Paper(
        "arXiv:2507.14843", "The Invisible Leash: Why RLVR May or May Not Escape Its Origin", "audit/invisible-leash",
        where="problems with several distinct correct answers",
    ),
    tags=("several answers",),
    policy=Policy(
        several="The parser hands over one, the last; a list is wrong.",
        empty="Failed with the floor.",
        copied="Counts like any other answer of the list.",
    ),
    default_source="ours",
)  # fmt: skip
def task_rule(answer: Sequence[str | None], task: Sequence[Task], *, accepts: str = "accepted") -> Verdict:
    r"""Accept any answer of the task's own list of right ones, or any that has the right symbol at every position.

    .. math:: s_i = \mathbb{1}[a_i \in task_i.accepted] \quad\text{or}\quad \prod_t \mathbb{1}[a_{it} \in C_t]

    Args:
        answer: parsed answers, ``""`` or None for none; white space inside is ignored.
        task: the task of every row; reads the field named by ``accepts``, the right answers in their one spelling,
            or where it has none ``fields["pattern"]``, the right characters of every position.
        accepts: the field with the answers to pay; ``spurious`` pays the wrong labels of a world that has some.

    Returns:
        1 or 0, scored; no answer failed with 0; a task without accepted answers unscored. Another spelling of a right
        answer (``03+4`` for ``3+4``) is wrong, so the number of modes is exactly the number of accepted answers.

    Raises:
        DataError: the columns have different lengths.

    Example:
        >>> t = Task("1", "?+?=4", fields={"accepted": ("0+4", "1+3", "2+2", "3+1", "4+0")})
        >>> task_rule(["1+3", "2 + 2", "1+4"], [t, t, t]).score
        [1.0, 1.0, 0.0]

    Source: the support question of Wu et al. 2025 at the level of answers; the rule itself is this library's.
    Differs: the paper states no verifier.
    """
    same_length("task_rule", answer=answer, task=task)
    return verdict(_row(a or "", t, accepts) for a, t in zip(answer, task, strict=True))


def _row(answer: str, task: Task, accepts: str) -> Row:
    accepted, pattern = task.fields.get(accepts) or (), task.fields.get("pattern") or ()
    plain = "".join(answer.split())
    if isinstance(accepted, str) or not (accepted or (pattern and accepts == "accepted")):
        return unscored(f"the task lists no answers in its field {accepts!r}")
    if not plain:
        return failed("no answer found")
    if accepted:
        return scored(plain in accepted)
    fits = len(plain) == len(pattern) and all(c in "".join(r) for c, r in zip(plain, pattern, strict=True))
    return scored(fits)
