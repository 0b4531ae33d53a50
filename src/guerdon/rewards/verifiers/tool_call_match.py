"""Tool calls against the gold calls: names, argument names and values, with partial credit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import same_length
from guerdon.ops.overlap import bag_jaccard, best_total
from guerdon.ops.tool_text import Plain, plain_call, read_calls, same_value
from guerdon.records import Status, ToolCall, Verdict
from guerdon.rewards.verifiers._rows import Row, failed, scored, unscored, verdict


@method(
    paper=Paper("arXiv:2504.13958", "ToolRL: Reward is All Tool Learning Needs", "agentic/toolrl",
                where="correctness reward"),
    tags=("tools", "partial credit"),
    aliases=("tool_call",),
    golden="toolrl",
    sources={
        "matching": "code", "order": "ours", "duplicates": "ours", "spurious": "code", "values": "code",
        "broken": "code", "no_gold": "ours",
    },
    presets=(
        Preset("tool_call_match/exact", params={"granularity": "all"}, note="ToolRL's coarse reward"),
        Preset("tool_call_match/call", params={"granularity": "call"}, note="ToolRL's intermediate reward"),
        Preset("tool_call_match/strict", params={"strict": True}, note="ToolRL's strict reward"),
    ),
    policy=Policy(
        several="Every call counts; calls beyond the gold ones cost as `spurious` says, repeats as `duplicates` says.",
        empty="No call where one is wanted: failed with the floor.",
        copied="A call copied from the prompt counts like any other.",
    ),
)  # fmt: skip
def tool_call_match(
    tool_calls: Sequence[Sequence[ToolCall]],
    gold: Sequence[Any],
    *,
    granularity: Literal["fine", "call", "all"] = "fine",
    matching: Literal["greedy", "optimal"] = "greedy",
    strict: bool = False,
    order: Literal["free", "kept"] = "free",
    duplicates: Literal["count", "once"] = "count",
    spurious: Literal["diluted", "free", "wrong"] = "diluted",
    values: Literal["exact", "loose"] = "exact",
    broken: Literal["failed", "ignored"] = "failed",
    no_gold: Literal["skipped", "no_call"] = "skipped",
) -> Verdict:
    r"""Score the tool calls of a completion by how much of the gold calls they get right.

    .. math:: s = \frac{J(N_G, N_P) + \sum_j \left(J(K_j, K_{m(j)}) + \#\{k \in K_j : v_j(k) = v_{m(j)}(k)\}\right)}
              {1 + \sum_j (1 + |K_j|)}

    :math:`J` is the Jaccard index of bags, :math:`N` the names of the calls, :math:`K_j` the argument names of gold
    call j, and :math:`m(j)` the call of the same name that it is matched with; an unmatched gold call adds nothing.

    Args:
        tool_calls: the calls of each row; an empty name marks one that could not be read.
        gold: the gold calls: text in a format that the provider ``tool_calls`` reads, a call, or a list of calls (each
            a mapping with ``name`` and ``arguments`` or ``parameters``); a list of texts or of lists holds several
            accepted answers, of which the best counts.
        granularity: ``fine`` as above; ``call`` pays a pair only where name and arguments are identical, out of
            :math:`1 + n`; ``all`` pays 1 for identical calls in the same order.
        matching: ``greedy`` lets the gold calls choose in order; ``optimal`` takes the best assignment.
        strict: both Jaccard indices become 1 for equal lists (order counts) and 0 for others.
        order: ``kept`` matches the j-th gold call with the j-th call only.
        duplicates: ``once`` drops exact repeats of a call before anything else.
        spurious: calls beyond the gold ones cost through the names (``diluted``), nothing (``free``), or everything
            (``wrong``).
        values: ``exact`` compares JSON values; ``loose`` ignores case and outer space, and ``"1"`` equals 1.
        broken: a call that cannot be read fails the row, or is left out.
        no_gold: gold without calls: the row is skipped, or the right thing is to call nothing.

    Returns:
        The share of the points in [0, 1], scored; no call where one is wanted, and a broken one, failed with 0; gold
        that cannot be read unscored.

    Raises:
        MachineError: ``matching="optimal"`` without scipy.
        DataError: the columns have different lengths.

    Example:
        >>> gold = [{"name": "get_weather", "parameters": {"city": "Paris", "unit": "C"}}]
        >>> calls = [(ToolCall("get_weather", {"city": "Paris"}),), (ToolCall("search", {"q": "Paris"}),)]
        >>> tool_call_match(calls, [gold, gold]).score  # (1 + 1/2 + 1) / 4, and nothing for a wrong name
        [0.625, 0.0]

    Source: Qian et al. 2025; ``compute_tool_call_reward`` of the release, whose range [-3, 3] is 6 s - 3.
    Differs: True is not equal to 1; gold without calls scores 0 of [-3, 3] there and is skipped here; order,
        duplicates, spurious, values and broken are this library's, their defaults are the release's.
    """
    same_length("tool_call_match", tool_calls=tool_calls, gold=gold)
    options = {
        "granularity": granularity, "matching": matching, "strict": strict, "order": order, "spurious": spurious,
        "loose": values == "loose",
    }  # fmt: skip
    return verdict(
        _row(c, g, options, duplicates, broken, no_gold) for c, g in zip(tool_calls, gold, strict=True)
    )  # fmt: skip


def _row(
    calls: Sequence[ToolCall], gold: Any, options: Mapping[str, Any], duplicates: str, broken: str, no_gold: str
) -> Row:
    answers = [a for g in _answers(gold) if (a := _gold_calls(g)) is not None]
    if not answers:
        return unscored("no gold answer" if gold is None else "the gold calls cannot be read")
    if not any(answers) and no_gold == "skipped":
        return float("nan"), Status.SKIPPED, "the gold answer calls nothing"
    if broken == "failed" and any(not c.name for c in calls):
        return failed("a call cannot be read")
    found = [(c.name, c.arguments) for c in calls if c.name]
    if duplicates == "once":
        found = [c for i, c in enumerate(found) if not any(_same_call(c, d) for d in found[:i])]
    if not found and all(answers):
        return failed("no call found")
    return scored(max(_share(found, wanted, options) for wanted in answers))


def _answers(gold: Any) -> list[Any]:
    """Accepted answers: a list of calls is one, a list of lists or texts is several."""
    if isinstance(gold, (list, tuple)):
        several = bool(gold) and all(isinstance(g, (list, tuple, str)) for g in gold)
        return list(gold) if several else [gold]
    return [] if gold is None else [gold]


def _gold_calls(gold: Any) -> list[Plain] | None:
    if isinstance(gold, str):
        found = read_calls(gold)
    else:
        items = gold if isinstance(gold, (list, tuple)) else [gold]
        found = [(c.name, c.arguments) if isinstance(c, ToolCall) else plain_call(c) for c in items]
    return found if all(name for name, _ in found) else None


def _share(found: list[Plain], wanted: list[Plain], options: Mapping[str, Any]) -> float:
    loose, granularity = options["loose"], options["granularity"]
    same = len(found) == len(wanted) and all(
        _same_call(f, w, loose=loose) for f, w in zip(found, wanted, strict=True)
    )  # fmt: skip
    if same or granularity == "all" or not wanted:
        return float(same)
    if options["spurious"] == "wrong" and len(found) > len(wanted):
        return 0.0
    points = [[_pair(w, f, options) for f in found] for w in wanted]
    if options["order"] == "kept":
        points = [[p if i == j else 0.0 for j, p in enumerate(row)] for i, row in enumerate(points)]
    matched = _greedy(points) if options["matching"] == "greedy" else best_total(points)
    fine = granularity == "fine"
    best = 1 + sum(1 + len(a) if fine else 1 for _, a in wanted)
    return (_names([n for n, _ in found], [n for n, _ in wanted], options) + matched) / best


def _names(found: list[str], wanted: list[str], options: Mapping[str, Any]) -> float:
    if options["strict"]:
        return float(found == wanted)
    if options["spurious"] == "free":
        kept = list(wanted)
        # a call that no gold call of its name is left for does not count
        found = [n for n in found if n in kept and not kept.remove(n)]  # type: ignore[func-returns-value]
    return bag_jaccard(found, wanted)


def _pair(wanted: Plain, found: Plain, options: Mapping[str, Any]) -> float:
    if wanted[0] != found[0]:
        return 0.0
    if options["granularity"] == "call":
        return float(_same_call(wanted, found, loose=options["loose"]))
    keys, theirs = list(wanted[1]), list(found[1])
    named = float(keys == theirs) if options["strict"] else bag_jaccard(theirs, keys)
    right = sum(k in found[1] and same_value(v, found[1][k], loose=options["loose"]) for k, v in wanted[1].items())
    return named + right


def _same_call(a: Plain, b: Plain, *, loose: bool = False) -> bool:
    return a[0] == b[0] and same_value(a[1], b[1], loose=loose)


def _greedy(points: list[list[float]]) -> float:
    """Gold calls choose in order, the first of the best; a pair without points is none."""
    total, used = 0.0, set()
    for row in points:
        open_calls = [(p, -j) for j, p in enumerate(row) if j not in used and p > 0]
        if open_calls:
            best, at = max(open_calls)
            total += best
            used.add(-at)
    return total
