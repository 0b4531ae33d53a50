"""A running account of scored rows that stays small: counts, causes, moments, a sample of values, a few examples."""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.grading.batch import Graded
from guerdon.ops.stats import Interval, bootstrap_mean_interval, wilson
from guerdon.records import Status

WARN, STOP = 0.02, 0.20  # shares of unscored rows that are said, and that end the work
ENOUGH = 100  # rows before a share is trusted: at 100 rows the 95% interval of 20% is about plus and minus 8 points
_CAUSES, _SAMPLE, _KEEP, _TEXT = 200, 2000, 6, 1500
_QUOTED = re.compile(r"""(?<!\w)(['"`]).*?\1(?!\w)""", re.S)
_Z = 1.959963984540054


@dataclass
class Moments:
    """Count, mean, spread and range of one column of scores, and a sample of its values for a histogram."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    ones: int = 0
    binary: bool = True
    states: Counter[str] = field(default_factory=Counter)
    sample: list[tuple[float, float]] = field(default_factory=list)

    def add(self, value: float, status: Status, dice: float) -> None:
        """Take one value; what is not scored counts by its status only."""
        self.states[status.name.lower()] += 1
        if math.isnan(value):
            return
        self.n += 1
        step = value - self.mean
        self.mean += step / self.n
        self.squares += step * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.ones += value == 1.0
        self.binary &= value in (0.0, 1.0)
        # the rows with the largest dice: a uniform sample that is the same however often the work was interrupted
        if len(self.sample) < _SAMPLE:
            heapq.heappush(self.sample, (dice, value))
        elif dice > self.sample[0][0]:
            heapq.heapreplace(self.sample, (dice, value))

    def interval(self) -> Interval:
        """Mean with its 95% interval: Wilson's where every score is 0 or 1, bootstrap to 2,000 rows, else normal.

        Rows count as independent: several completions of one prompt make it too narrow.
        """
        if not self.n:
            return Interval(math.nan, math.nan, math.nan)
        if self.binary:
            return wilson(self.ones, self.n)
        if self.n <= len(self.sample):
            return bootstrap_mean_interval(sorted(self.values()), resamples=2000)
        half = _Z * math.sqrt(self.squares / (self.n - 1) / self.n)
        return Interval(self.mean, self.mean - half, self.mean + half)

    def values(self) -> list[float]:
        """The sampled values; all of them up to 2,000."""
        return [v for _, v in self.sample]


@dataclass(frozen=True)
class Example:
    """A row worth looking at."""

    id: str
    place: str
    why: str
    score: float
    aspects: Mapping[str, tuple[float, str, str]]
    prompt: str
    completion: str
    gold: str


class Tally:
    """What became of the rows so far.

    Example:
        >>> tally = Tally()
        >>> tally.add(Graded("a", "f:1", 1.0, Status.SCORED, "", {"x": 1.0}, {"x": Status.SCORED}), {})
        >>> tally.add(Graded("b", "f:2", math.nan, Status.UNSCORED, "judge away"), {})
        >>> tally.n, tally.unscored_share, tally.causes()[0][1:]
        (2, 0.5, ('judge away', 1))
    """

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.bad = 0
        self.first_bad: list[str] = []
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.more_reasons = 0
        self.score = Moments()
        self.aspects: dict[str, Moments] = {}
        self.examples: dict[str, list[tuple[tuple, str, Example]]] = {}

    @property
    def n(self) -> int:
        """Rows seen, bad ones included."""
        return sum(self.states.values()) + self.bad

    @property
    def unscored_share(self) -> float:
        """Share of the readable rows that our side could not score."""
        readable = self.n - self.bad
        return self.states["unscored"] / readable if readable else 0.0

    def too_many(self, *, done: bool) -> bool:
        """Whether more than 20% could not be scored, once there are enough rows to say so, or no more to come."""
        return self.unscored_share > STOP and (done or self.n - self.bad >= ENOUGH)

    def add(self, found: Graded, texts: Mapping[str, Any]) -> None:
        """Count one row; ``texts`` holds prompt, completion and gold for the examples."""
        dice = _dice(found.id + found.place)
        if found.error is not None:
            self.bad += 1
            if len(self.first_bad) < 10:
                self.first_bad.append(found.reason)
            self._cause("bad row", found.error.what)
            return
        self.states[found.status.name.lower()] += 1
        self.score.add(found.score, found.status, dice)
        for name, value in found.aspects.items():
            self.aspects.setdefault(name, Moments()).add(value, found.states[name], dice)
        plain = not found.aspects and found.status in (Status.FAILED, Status.UNSCORED)
        for name, status in found.states.items():
            if status in (Status.FAILED, Status.UNSCORED):
                label = f"{name}: " if len(found.aspects) > 1 else ""
                self._cause(status.name.lower(), found.reasons.get(name, ""), label)
        if plain:
            self._cause(found.status.name.lower(), found.reason)
        self._offer(found, texts, dice)

    def _cause(self, status: str, reason: str, label: str = "") -> None:
        key = (status, label + cause(reason))
        if key in self.reasons or len(self.reasons) < _CAUSES:
            self.reasons[key] += 1
        else:
            self.more_reasons += 1

    def causes(self, keep: int = 20) -> list[tuple[str, str, int]]:
        """Status, cause and count of what was not plainly scored, most frequent first."""
        return [(s, c, n) for (s, c), n in self.reasons.most_common(keep)]

    def _offer(self, found: Graded, texts: Mapping[str, Any], dice: float) -> None:
        kinds: dict[str, tuple[tuple, str]] = {}
        if found.status in (Status.FAILED, Status.UNSCORED):
            kinds[found.status.name.lower()] = ((dice,), found.reason)
        else:
            kinds["highest"] = ((found.score, dice), f"score {found.score:.3g}")
            kinds["lowest"] = ((-found.score, dice), f"score {found.score:.3g}")
        unit = {n: v for n, v in found.aspects.items() if 0.0 <= v <= 1.0}
        if len(unit) > 1:
            high, low = max(unit, key=lambda n: unit[n]), min(unit, key=lambda n: unit[n])
            if unit[high] - unit[low] >= 0.5:
                why = f"{high} gives {unit[high]:.3g}, {low} gives {unit[low]:.3g}"
                kinds["disputed"] = ((unit[high] - unit[low], dice), why)
        for kind, (key, why) in kinds.items():
            kept = self.examples.setdefault(kind, [])
            name = f"{found.place} {found.id}"
            if len(kept) < _KEEP:
                heapq.heappush(kept, (key, name, _example(found, texts, why)))
            elif (key, name) > kept[0][:2]:
                heapq.heapreplace(kept, (key, name, _example(found, texts, why)))

    def shown(self) -> dict[str, list[Example]]:
        """The examples by kind, the most telling first."""
        return {k: [e for *_, e in sorted(v, key=lambda x: x[:2], reverse=True)] for k, v in self.examples.items()}

    def data(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {
            "n": self.n, "scored": self.states["scored"], "failed": self.states["failed"],
            "unscored": self.states["unscored"], "bad_rows": self.bad, "unscored_share": self.unscored_share,
            "score": _interval(self.score),
            "aspects": {n: {**_interval(m), "status": dict(m.states)} for n, m in self.aspects.items()},
            "causes": [{"status": s, "cause": c, "count": n} for s, c, n in self.causes()],
            "other_causes": self.more_reasons, "first_bad_rows": self.first_bad,
        }  # fmt: skip


def cause(reason: str) -> str:
    """A reason without the quoted text in it, so that one cause stays one line.

    Example:
        >>> cause("answer is not a number: '1+'")
        "answer is not a number: '…'"
    """
    return _QUOTED.sub(r"\1…\1", reason)[:200] or "no reason given"


def _interval(moments: Moments) -> dict[str, Any]:
    found = moments.interval()
    return {"n": moments.n, "mean": found.estimate, "low": found.low, "high": found.high}


def _dice(name: str) -> float:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=6).digest(), "big") / 2**48


def _example(found: Graded, texts: Mapping[str, Any], why: str) -> Example:
    aspects = {
        n: (v, found.states[n].name.lower(), found.reasons.get(n, "")) for n, v in found.aspects.items()
    }  # fmt: skip
    prompt, completion, gold = (_cut(texts.get(k)) for k in ("prompt", "completion", "gold"))
    return Example(found.id, found.place, why[:300], found.score, aspects, prompt, completion, gold)


def _cut(value: Any) -> str:
    if value is None:
        return ""
    string = value if isinstance(value, str) else str(value)
    return string if len(string) <= 2 * _TEXT else f"{string[:_TEXT]}\n…\n{string[-_TEXT:]}"
