"""Equality of mathematical answers, decided exactly where that is possible."""

from __future__ import annotations

import math as numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from guerdon.errors import MachineError, RecipeError
from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import same_length
from guerdon.ops.mathtext import Rules, decide, screen
from guerdon.ops.mathtext.final import bare_gold, final_answer
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, short, unscored, verdict

Extract = Literal["auto", "text", "last_number", "boxed", "answer_line", "hash", "tag", "last_line"]
_Key = tuple[str, str]


@method(
    name="math",
    aliases=("math_equal",),
    paper=Paper(
        "arXiv:2103.03874", "Measuring Mathematical Problem Solving With the MATH Dataset",
        "rewards/verifiers-baseline", where="answers in \\boxed{}",
    ),
    tags=("mathematics", "symbolic"),
    golden="verifiers-baseline",
    default_source="ours",
    presets=(Preset("math/close", params={"relative": 1e-4}, note="rounded decimals count"),),
    policy=Policy(
        several="The last box counts; boxes joined by nothing but 'and', 'or' or a comma are one list. An unclosed "
        "last box is no answer.",
        empty="Failed with the floor.",
        copied="Counts like any other: it is right if it is equal.",
    ),
)  # fmt: skip
@outside
def math(
    completion: Sequence[str | None],
    gold: Sequence[Any],
    *,
    extract: Extract = "auto",
    relative: float = 0.0,
    units: Literal["ignore", "strict"] = "ignore",
    several: Literal["join", "last"] = "join",
    seconds: float = 1.0,
) -> Exchange[Verdict]:
    r"""Accept a completion whose final answer equals the gold answer in value.

    .. math:: s_i = \mathbb{1}[\exists g \in gold_i: value(a_i) = value(g)], \qquad a_i = extract(completion_i)

    Args:
        completion: generated text; None is an empty one.
        gold: the right answer, with or without its box or ``####`` line; a list or tuple holds several accepted ones.
        extract: ``auto`` the last box, else the last ``####`` line, else what follows ``Answer:`` or ``answer is``,
            else the last number; or one of the formats of the provider ``answer``.
        relative: tolerance for real numbers as a share of the gold number; 0 for exact, so that 0.33 is not 1/3.
        units: ``ignore`` accepts an answer without the unit of the gold answer or with one it lacks, ``strict`` does
            not. Units that convert are converted in both, 5 m is not 5 cm. ``ignore`` also lets 50% be 50 or 0.5,
            ``strict`` 0.5 alone.
        several: boxes joined by "and", "or" or a comma are one list with ``join``, else the last counts.
        seconds: processor time per comparison that needs a worker.

    Returns:
        1 or 0, scored. No answer, one that cannot be read, one with more than 2,000 characters, 64 nested brackets or
        400 digits in a row, and one that runs out of time: failed with 0 and the reason. A gold answer that cannot be
        read, and a worker that is not healthy: unscored.

    Numbers, roots, powers, pi, i and formulas in letters are decided here, exactly. Lists and sets have no order;
    tuples, points and matrices do; intervals differ if a bracket differs. The rest goes to a worker process: values at
    points to 150 digits, and math-verify, whose word alone is not enough. Variables are taken to be positive.

    Raises:
        MachineError: a formula needs math-verify, which is not installed.
        RecipeError: ``relative`` is negative or not finite, or ``seconds`` is not above 0.
        DataError: the columns have different lengths.
        UnknownNameError: no such way to extract.

    Example:
        >>> v = math([r"so $x=\boxed{\dfrac{1}{2}}$", "#### 1,000", "the answer is (3, 4]", "?"],
        ...          ["0.5", 1000, "(3,4)", "1"])
        >>> v.score, v.reason[3]
        ([1.0, 1.0, 0.0, 0.0], 'no answer found')

    Source: the convention of Hendrycks et al. 2021; math-verify 0.9 for formulas that are not decided here.
    Differs: false verdicts of math-verify alone are put right; the page on the maths verifier lists them.
    """
    same_length("math", completion=completion, gold=gold)
    if not (numbers.isfinite(relative) and relative >= 0):
        raise RecipeError("a tolerance must be finite and at least 0", where="math.relative", seen=relative)
    if not (numbers.isfinite(seconds) and seconds > 0):
        raise RecipeError("a time limit must be above 0", where="math.seconds", seen=seconds)
    rules = Rules(relative, units)
    rows = [_row(c or "", g, extract, several, rules) for c, g in zip(completion, gold, strict=True)]
    asked = list(dict.fromkeys(key for row in rows if not row.done for key in row.open))
    replies: dict[_Key, Reply] = {}
    if asked:
        found = yield [_call("equal", {"answer": a, "gold": g, "relative": relative, "units": units}, seconds)
                       for a, g in asked]  # fmt: skip
        replies = dict(zip(asked, found, strict=True))
    # a gold answer that runs out of time on its own is our fault, not the completion's
    doubted = list(dict.fromkeys(g for (_, g), reply in replies.items() if reply.theirs))
    sound: dict[str, bool] = {}
    if doubted:
        found = yield [_call("readable", {"text": g}, seconds) for g in doubted]
        sound = {g: bool(r.ok and r.value) for g, r in zip(doubted, found, strict=True)}
    return verdict(row.done or _settled(row, replies, sound) for row in rows)


@dataclass
class _Pending:
    """A row: its outcome, or the comparisons that are still open."""

    done: Row | None = None
    open: list[_Key] = field(default_factory=list)
    note: str = ""


def _call(program: str, payload: Mapping[str, Any], seconds: float) -> Call:
    return Call("pool", f"math.{program}", payload, seconds=seconds)


def _row(completion: str, gold: Any, extract: str, several: str, rules: Rules) -> _Pending:
    golds = [bare_gold(g) for g in alternatives(gold)]
    answer, problem = final_answer(completion, extract, several)
    if not golds:
        return _Pending(unscored("no gold answer"))
    # an empty answer is compared too, to learn whether the gold answer can be read
    found = [decide(answer or "0", g, rules) for g in golds]
    bad = [d for d in found if d.relation == "bad_gold"]
    if len(bad) == len(found):
        return _Pending(unscored(f"the gold answer cannot be read: {bad[0].reason}"))
    if problem:
        return _Pending(failed(problem))
    for d in found:
        if d.relation == "bad_answer":
            return _Pending(failed(d.reason))
        if d.relation == "equal":
            return _Pending(scored(True, d.reason))
    pairs = [(answer, g) for d, g in zip(found, golds, strict=True) if d.relation == "unknown"]
    unknown = [(screen(a).text, screen(g).text) for a, g in pairs]
    return _Pending(None if unknown else scored(False), unknown, found[0].reason)


def _settled(row: _Pending, replies: Mapping[_Key, Reply], sound: Mapping[str, bool]) -> Row:
    worst: Row = scored(False)
    for answer, gold in row.open:
        reply = replies[answer, gold]
        relation = reply.value["relation"] if reply.ok else "none"
        if relation == "missing":
            raise MachineError(
                "a formula needs the package math-verify", where="math", seen=reply.value["by"],
                fix="pip install 'guerdon[math]'",
            )  # fmt: skip
        if relation == "equal":
            return scored(True, row.note)
        if relation == "bad_gold" or (reply.theirs and not sound[gold]):
            worst = unscored(f"the gold answer cannot be read: {short(gold)}")
        elif reply.theirs:
            worst = failed(f"{reply.outcome.value}: {short(answer)}")
        elif not reply.ok:
            worst = unscored(f"{reply.outcome.value}: {reply.reason}".removesuffix(": "))
        elif relation == "bad_answer":
            worst = failed(f"the answer cannot be read: {short(answer)}")
    return worst
