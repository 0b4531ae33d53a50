"""Was it earned? Checks on the run as a whole, and one verdict per reward component, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.ops.support import reached
from guerdon.report.headline import Row, ends
from guerdon.report.load import Run
from guerdon.report.stats import Estimate, bootstrap, wilson
from guerdon.report.words import number, percent, points, signed

OK, WATCH, ALERT, UNKNOWN = "ok", "watch", "alert", "unknown"


@dataclass(frozen=True)
class Check:
    """One question about a run, answered; ``see`` names a kind of sample that shows it."""

    run: int
    level: str
    title: str
    text: str
    see: str = ""


@dataclass(frozen=True)
class Component:
    """What a reward component did."""

    run: int
    name: str
    status: str
    level: str
    reason: str
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None
    within: float
    share: float
    correlation: float
    counts: dict[str, int]


def checks(run: Run, index: int, table: Sequence[Row]) -> list[Check]:
    """Every check that the run has the numbers for, the alarming ones first."""
    found = [
        _earned(table), _gamed(run), _unscored(run), _truncated(run), _signal(run), _entropy(run), _support(run),
        _length(run),
    ]  # fmt: skip
    order = {ALERT: 0, WATCH: 1, OK: 2, UNKNOWN: 3}
    made = [Check(index, *c) for c in found if c is not None]
    return sorted(made, key=lambda c: order[c.level])


def _earned(table: Sequence[Row]) -> tuple | None:
    reward = next((r for r in table if r.label == "Total reward"), None)
    held = next((r for r in table if r.label == "Held-out accuracy"), None)
    if reward is None or reward.change is None:
        return None
    title = "Reward and held-out accuracy agree"
    moved = f"Reward moved by {number(reward.change.value, signed=True)}"
    if held is None or held.change is None or not held.change.known:
        return UNKNOWN, title, f"{moved}; without two held-out evaluations nobody can say what it bought."
    text = f"{moved}, held-out accuracy by {points(held.change.value)} points"
    if reward.direction > 0 and held.direction < 0:
        return ALERT, "Reward up, accuracy down", f"{text}: the policy learned something other than the task.", "gamed"
    if reward.direction > 0 and held.direction == 0:
        return WATCH, "Reward up, accuracy unproven", f"{text}, which is within its uncertainty.", "gamed"
    if reward.direction <= 0 and held.direction > 0:
        return OK, title, f"{text}."
    return (OK if held.direction >= 0 else WATCH), title if held.direction > 0 else "Reward and accuracy", f"{text}."


def _gamed(run: Run) -> tuple | None:
    right = [reward for _, reward, correct in run.rollouts.paid if correct]
    wrong = [reward for _, reward, correct in run.rollouts.paid if not correct]
    if len(right) < 5 or len(wrong) < 5:
        return None
    bar = float(np.median(right))
    hits = sum(w >= bar for w in wrong)
    low, high = wilson(hits, len(wrong))
    share = hits / len(wrong)
    text = (
        f"{percent(share)} of the wrong completions late in training ({percent(low)} to {percent(high)}, "
        f"n = {len(wrong):,}) are paid at least the median of the right ones."
    )
    level = ALERT if low > 0.2 else WATCH if share > 0.05 else OK
    return (
        level,
        "Wrong answers are not paid" if level == OK else "Wrong answers are paid",
        text,
        "" if level == OK else "gamed",
    )


def _unscored(run: Run) -> tuple | None:
    total = bad = 0
    for count in run.rollouts.components.values():
        total += sum(count.status.values())
        bad += count.status["unscored"]
    if not total:
        return None
    share = bad / total
    level = ALERT if share > 0.2 else WATCH if share > 0.02 else OK
    text = f"{bad:,} of {total:,} component scores ({percent(share)}) are missing through no fault of the completion."
    return level, "Everything is scored" if not bad else "Some scores are missing", text, "unscored" if bad else ""


def _tail(run: Run, key: str) -> float:
    series = run.train.get(key)
    return float(np.mean(series.ends()[1])) if series else math.nan


def _truncated(run: Run) -> tuple | None:
    last = _tail(run, "truncated/rate")
    if not math.isfinite(last):
        return None
    level = ALERT if last > 0.3 else WATCH if last > 0.1 else OK
    title = "Completions end by themselves" if level == OK else "Completions are cut off"
    return (
        level,
        title,
        f"{percent(last)} of the completions hit the token limit at the end of training.",
        "truncated" if last > 0 else "",
    )


def _signal(run: Run) -> tuple | None:
    last = _tail(run, "group/zero_variance")
    if not math.isfinite(last):
        return None
    level = ALERT if last > 0.9 else WATCH if last > 0.6 else OK
    title = "Groups still carry a signal" if level == OK else "Few groups carry a signal"
    return (
        level,
        title,
        f"{percent(last)} of the groups had one single reward at the end of training and taught nothing.",
    )


def _entropy(run: Run) -> tuple | None:
    series = run.train.get("entropy")
    if not series or len(series.values) < 2:
        return None
    first, last = (float(np.mean(x)) for x in series.ends())
    if first <= 0:
        return None
    left = last / first
    level = ALERT if left < 0.05 else WATCH if left < 0.2 else OK
    title = "Exploration is left" if level == OK else "Entropy collapsed" if level == ALERT else "Entropy is low"
    return level, title, f"Entropy went from {number(first)} to {number(last)} nats, {percent(left)} of where it began."


def _support(run: Run) -> tuple | None:
    """Held-out tasks that the samples of the first and of the last evaluation reach."""
    known = run.rollouts.evaluations
    if len(known) < 2:
        return None
    first, last = known[min(known)].sampled, known[max(known)].sampled
    both = [task for task in first if task in last]
    if len(both) < 2:
        return None
    before, after = (np.array([side[task] for task in both]).T for side in (first, last))
    k = int(min(before[1].min(), after[1].min()))
    table = reached(before[1], before[0], after[1], after[0], k)
    # tasks with more samples than k count as the share of choices that reach them
    kept, new, lost, never = (f"{v:,.1f}".removesuffix(".0") for v in table.sum(0))
    change = bootstrap(table[:, 1] - table[:, 2])
    level = WATCH if change.high < 0 else OK
    title = "Solved tasks stay solved" if level == OK else "More tasks were lost than gained"
    text = (
        f"Of {len(both):,} held-out tasks at {k} samples each, {kept} are solved before and after, {new} only after, "
        f"{lost} only before and {never} never. A task that {k} samples miss can still be solved with a probability "
        f"of up to {percent(1 - 0.05 ** (1 / k))}."
    )
    return level, title, text


def _length(run: Run) -> tuple | None:
    series = run.train.get("length/mean")
    if not series or len(series.values) < 2:
        return None
    first, last = (float(np.mean(x)) for x in series.ends())
    if first <= 0:
        return None
    factor = last / first
    level = WATCH if factor > 2 or factor < 0.5 else OK
    title = "Length is steady" if level == OK else "Length ran away" if factor > 2 else "Length collapsed"
    return (
        level,
        title,
        f"Completions went from {number(first)} to {number(last)} tokens (times {factor:.2f}).",
        "longest" if factor > 2 else "",
    )


def components(run: Run, index: int) -> list[Component]:
    """A verdict for each reward component of a run."""
    return [_component(run, index, name) for name in run.components]


def _component(run: Run, index: int, name: str) -> Component:
    series = run.train.get(f"reward/{name}/mean")
    before, after, change = ends(series) if series and len(series.values) > 1 else (None, None, None)
    within = _tail(run, f"reward/{name}/within_group_std")
    share = _tail(run, f"reward/{name}/share")
    count = run.rollouts.components.get(name)
    counts = dict(count.status) if count else {}
    correlation = count.correct.value if count and count.correct.n >= 30 else math.nan
    # a component that never moved has no maximum to have reached
    top = count.high if count and count.low < count.high else math.inf
    status, level, reason = _judge(change, after, within, correlation, counts, top)
    return Component(index, name, status, level, reason, before, after, change, within, share, correlation, counts)


def _judge(
    change: Estimate | None,
    after: Estimate | None,
    within: float,
    correlation: float,
    counts: dict[str, int],
    top: float,
) -> tuple[str, str, str]:
    total = sum(counts.values())
    missing = counts.get("unscored", 0) / total if total else 0.0
    failed = counts.get("failed", 0) / total if total else 0.0
    tail = f" {percent(failed)} of its scores are failures." if failed > 0.05 else ""
    if missing > 0.2:
        return "not scored", ALERT, f"{percent(missing)} of its scores are missing: repair the scorer first."
    if correlation < -0.1:
        return (
            "against the task",
            ALERT,
            f"It pays wrong completions more than right ones (r = {signed(correlation)}).{tail}",
        )
    if math.isfinite(within) and within < 1e-3:
        full = after is not None and after.value > 0.98 * top > 0
        if full:
            return "saturated", OK, f"All samples of a prompt reach its maximum: learned, and no longer a signal.{tail}"
        return "no signal", WATCH, f"All samples of a prompt get the same value, so it cannot rank them.{tail}"
    if change is None or not change.known:
        return "not judged", UNKNOWN, f"There are too few steps to compare.{tail}"
    span = f"{number(change.value, signed=True)} over training"
    span += f" ({number(change.low, signed=True)} to {number(change.high, signed=True)})" if change.known else ""
    tied = f", r = {signed(correlation)} with being correct" if math.isfinite(correlation) else ""
    if change.known and change.low > 0:
        if math.isfinite(correlation) and correlation < 0.1:
            return (
                "rising alone",
                UNKNOWN,
                f"It rises, {span}, but says little about being correct (r = {signed(correlation)}).{tail}",
            )
        return "rising", OK, f"It rises, {span}{tied}.{tail}"
    if change.known and change.high < 0:
        return "falling", WATCH, f"It falls, {span}{tied}: training moved away from what it pays for.{tail}"
    return "flat", UNKNOWN, f"No clear change, {span}{tied}.{tail}"
