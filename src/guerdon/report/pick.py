"""One pass over the rollouts of a run, in bounded memory: counts, histograms and the samples worth reading."""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guerdon.records.model import Rollout
from guerdon.report.stats import Correlation

KINDS: dict[str, tuple[str, str]] = {
    "best": ("Best", "highest reward, late in training first"),
    "worst": ("Worst", "lowest reward, late in training first"),
    "disputed": (
        "Most disputed",
        "samples of one prompt with rewards far apart, and samples whose components disagree",
    ),
    "gamed": ("Paid but wrong", "judged incorrect, yet among the best paid"),
    "longest": ("Longest", "most tokens"),
    "truncated": ("Truncated", "cut off at the token limit"),
    "unscored": ("Unscored", "no reward: the scorer, not the sample, is at fault"),
    "failed": ("Failed", "given the floor, because the completion could not be judged"),
    "tokens": ("Token detail", "samples with a stored column per token, late in training first"),
    "eval": ("Held-out", "a random few of the last evaluation"),
}
_KEEP = 6
_DEVIATIONS = 4000
_REASONS = 400
_QUOTED = re.compile(r"""(?<!\w)(['"`]).*?\1(?!\w)""", re.S)


@dataclass(frozen=True)
class Pick:
    """A chosen rollout and why it was chosen."""

    rollout: Rollout
    why: str


@dataclass
class ComponentCount:
    """What happened to one reward component over the stored rollouts."""

    status: Counter = field(default_factory=Counter)
    correct: Correlation = field(default_factory=Correlation)
    low: float = math.inf
    high: float = -math.inf


@dataclass
class Evaluation:
    """Correct and sampled completions per task of one evaluation."""

    step: int
    sampled: dict[str, tuple[int, int]] = field(default_factory=dict)
    lengths: list[float] = field(default_factory=list)


class Top:
    """The k entries with the largest keys.

    Example:
        >>> top = Top(2)
        >>> for key, name in ((1, "a"), (3, "b"), (2, "c")): top.add((key,), name, name)
        >>> list(top)
        ['b', 'c']
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._heap: list[tuple[tuple, str, object]] = []

    def add(self, key: tuple, name: str, item: object) -> None:
        """Offer one entry; ``name`` breaks ties and must be unique."""
        if len(self._heap) < self.keep:
            heapq.heappush(self._heap, (key, name, item))
        elif (key, name) > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (key, name, item))

    def __iter__(self) -> Iterator[Any]:
        return (item for *_, item in sorted(self._heap, key=lambda e: e[:2], reverse=True))


def unit(name: str) -> float:
    """A stable pseudo-random number in [0, 1) from a name, so that the same run picks the same samples."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=6).digest(), "big") / 2**48


@dataclass
class Rollouts:
    """Everything the report takes from the rollouts of one run."""

    last_step: int = 0
    train: int = 0
    evals: int = 0
    components: dict[str, ComponentCount] = field(default_factory=dict)
    reasons: Counter = field(default_factory=Counter)
    examples: dict[tuple[str, str, str], str] = field(default_factory=dict)
    more_reasons: int = 0
    spread: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"early": [], "late": []})
    solved: dict[str, Counter] = field(default_factory=lambda: {"early": Counter(), "late": Counter()})
    group_size: int = 0
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    picks: dict[str, list[Pick]] = field(default_factory=dict)
    paid: list[tuple[float, float, bool]] = field(default_factory=list)

    def phase(self, step: int) -> str:
        """``early`` for the first third of training, ``late`` for the last, ``middle`` between."""
        share = step / self.last_step if self.last_step else 1.0
        return "early" if share <= 1 / 3 else "late" if share >= 2 / 3 else "middle"


def read(rollouts: Iterable[Rollout], last_step: int, keep: int = _KEEP) -> Rollouts:
    """Walk the rollouts once.

    Args:
        rollouts: in the order they were written; only the groups of the step being read are held.
        last_step: last step of training, 0 or more, from the metrics.
        keep: samples per kind.
    """
    out = Rollouts(last_step=last_step)
    tops = {kind: Top(keep) for kind in KINDS} | {"disputed": Top(keep // 2), "disagree": Top(keep // 2)}
    open_step, groups = None, {}
    for r in rollouts:
        if r.kind == "eval":
            _evaluated(out, r, tops)
            continue
        if r.step != open_step:
            _close(out, groups, tops)
            open_step, groups = r.step, {}
        out.train += 1
        _counted(out, r)
        _offered(out, r, tops)
        groups.setdefault(r.group, []).append(r)
    _close(out, groups, tops)
    pairs = [pick for pair in tops["disputed"] for pick in pair]
    out.picks = {kind: list(tops[kind]) for kind in KINDS if kind != "disputed"}
    out.picks["disputed"] = pairs + [p for p in tops["disagree"] if p.rollout.id not in {q.rollout.id for q in pairs}]
    return out


def cause(reason: str) -> str:
    """A reason without the quoted text in it, so that one cause stays one line of the table.

    Example:
        >>> cause("answer is not a number: '1+'"), cause("")
        ("answer is not a number: '…'", 'no reason given')
    """
    return _QUOTED.sub(r"\1…\1", reason)[:200] or "no reason given"


def _counted(out: Rollouts, r: Rollout) -> None:
    for name in {*r.aspects, *r.status}:
        count = out.components.setdefault(name, ComponentCount())
        value = r.aspects.get(name, math.nan)
        status = r.status.get(name, "scored" if math.isfinite(value) else "unscored")
        count.status[status] += 1
        if math.isfinite(value):
            count.low, count.high = min(count.low, value), max(count.high, value)
            if r.is_correct is not None:
                count.correct.add(value, float(r.is_correct))
        if status in ("scored", "skipped"):
            continue
        key = (name, status, cause(r.reason.get(name, "")))
        if key in out.reasons or len(out.reasons) < _REASONS:
            out.reasons[key] += 1
            out.examples.setdefault(key, r.id)
        else:
            out.more_reasons += 1
    if out.phase(r.step) == "late" and r.is_correct is not None and math.isfinite(r.reward):
        _reservoir(out.paid, (unit(r.id), r.reward, r.is_correct))


def _reservoir(kept: list, item: tuple) -> None:
    """Keep the entries with the smallest pseudo-random first field: a uniform sample without a generator."""
    if len(kept) < 2 * _DEVIATIONS:
        kept.append(item)
        return
    kept.sort(key=lambda e: e[0])
    del kept[_DEVIATIONS:]
    kept.append(item)


def _offered(out: Rollouts, r: Rollout, tops: dict[str, Top]) -> None:
    late = {"early": 0, "middle": 1, "late": 2}[out.phase(r.step)]
    dice, told = unit(r.id), bool(r.detail.get("token_text"))
    unscored = not math.isfinite(r.reward) or "unscored" in r.status.values()
    if math.isfinite(r.reward):
        tops["best"].add((round(r.reward, 6), late, told, dice), r.id, Pick(r, f"reward {r.reward:.3g}"))
        tops["worst"].add((-round(r.reward, 6), late, told, dice), r.id, Pick(r, f"reward {r.reward:.3g}"))
        if r.is_correct is False:
            tops["gamed"].add((round(r.reward, 6), late, told, dice), r.id, Pick(r, f"wrong, reward {r.reward:.3g}"))
    tops["longest"].add((r.length, late, dice), r.id, Pick(r, f"{r.length:,} tokens"))
    if r.truncated:
        tops["truncated"].add((late, dice), r.id, Pick(r, f"cut at {r.length:,} tokens"))
    if unscored:
        names = [k for k, s in r.status.items() if s == "unscored"]
        tops["unscored"].add((late, dice), r.id, Pick(r, ", ".join(names) or "no reward"))
    if "failed" in r.status.values():
        why = ", ".join(f"{k}: {r.reason.get(k) or 'failed'}" for k, s in r.status.items() if s == "failed")
        tops["failed"].add((late, dice), r.id, Pick(r, why))
    if r.detail.get("token_text"):
        tops["tokens"].add((late, dice), r.id, Pick(r, f"{len(r.detail['token_text']):,} tokens stored"))
    finite = {k: v for k, v in r.aspects.items() if math.isfinite(v) and 0.0 <= v <= 1.0}
    if len(finite) > 1:
        high, low = max(finite, key=lambda k: finite[k]), min(finite, key=lambda k: finite[k])
        gap = finite[high] - finite[low]
        if gap >= 0.5:
            why = f"{high} says {finite[high]:.2g}, {low} says {finite[low]:.2g}"
            tops["disagree"].add((gap, late, dice), r.id, Pick(r, why))


def _close(out: Rollouts, groups: dict[int, list[Rollout]], tops: dict[str, Top]) -> None:
    """Count the finished groups of a step."""
    for members in groups.values():
        phase = out.phase(members[0].step)
        rewards = [m.reward for m in members if math.isfinite(m.reward)]
        out.group_size = max(out.group_size, len(members))
        if len(rewards) > 1:
            mean = sum(rewards) / len(rewards)
            if phase != "middle":
                for m in members:
                    if math.isfinite(m.reward):
                        _reservoir(out.spread[phase], (unit(m.id), m.reward - mean))
            top, low = (f(members, key=lambda m: _or(m.reward, s)) for f, s in ((max, -math.inf), (min, math.inf)))
            gap = top.reward - low.reward
            if gap > 0:
                late = {"early": 0, "middle": 1, "late": 2}[phase]
                std = float(np.std(rewards))
                why = f"rewards of this prompt run from {low.reward:.3g} to {top.reward:.3g}"
                item = (Pick(top, why + " (this is the top one)"), Pick(low, why + " (this is the bottom one)"))
                tops["disputed"].add((std, late, unit(top.id)), top.id + "/group", item)
        judged = [m.is_correct for m in members if m.is_correct is not None]
        if judged and phase != "middle" and len(judged) == len(members):
            out.solved[phase][(sum(judged), len(judged))] += 1


def _or(value: float, other: float) -> float:
    return value if math.isfinite(value) else other


def _evaluated(out: Rollouts, r: Rollout, tops: dict[str, Top]) -> None:
    """Count one held-out rollout; only the first and the latest evaluation are kept."""
    out.evals += 1
    tops["eval"].add((r.step, unit(r.id)), r.id, Pick(r, f"evaluation at step {r.step}"))
    known = out.evaluations
    if r.step not in known:
        if len(known) == 2:
            low, high = min(known), max(known)
            if low < r.step < high:
                return
            del known[high if r.step > high else low]
        known[r.step] = Evaluation(r.step)
    found = known[r.step]
    if r.is_correct is not None and "unscored" not in r.status.values():
        correct, n = found.sampled.get(r.task_id, (0, 0))
        found.sampled[r.task_id] = (correct + bool(r.is_correct), n + 1)
        found.lengths.append(float(r.length))
