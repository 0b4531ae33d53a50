"""What a claim is, what a run of it gives, and how the verdict follows from the numbers.

A claim states its thresholds and their reasons in its file, before anything is run. It can fail, and a failure is
published like a success. This module loads nothing heavy: the list of claims costs nothing.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import MethodError, UnknownNameError

if TYPE_CHECKING:
    from guerdon.claims.lab import Lab

MEASURED = Path(__file__).with_name("measured")
VERDICTS = ("reproduced", "inconclusive", "not_reproduced")
FAMILIES = ("entropy", "advantage", "audit", "rewards", "process", "agentic", "preference", "offline", "reward_models",
            "theory", "bandits", "control", "robotics", "recsys", "generative", "long_tail")  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One measured quantity of a claim and the bound it must keep.

    Args:
        name: what is measured, with its unit.
        bound: the threshold.
        because: why this threshold, stated before the first run.
        above: whether the quantity must be at least the bound, else at most.
        exact: no randomness is involved, so one number decides.
    """

    name: str
    bound: float
    because: str
    above: bool = True
    exact: bool = False

    def verdict(self, low: float, high: float) -> str:
        """Reproduced when the whole interval keeps the bound, not reproduced when none of it does.

        Example:
            >>> target = Target("gain", 1.5, "half as much again")
            >>> [target.verdict(*i) for i in ((1.6, 2.0), (1.4, 2.0), (1.0, 1.4))]
            ['reproduced', 'inconclusive', 'not_reproduced']
        """
        if not self.above:
            low, high = -high, -low
        bound = self.bound if self.above else -self.bound
        return VERDICTS[0] if low >= bound else VERDICTS[2] if high < bound else VERDICTS[1]


@dataclass(frozen=True)
class Claim:
    """The sentence of a paper, its baseline and bounds, and the function that measures.

    ``run`` gets a laboratory and returns, per target, one value per seed (one value where the target is exact).
    """

    paper: str
    sentence: str
    baseline: str
    targets: tuple[Target, ...]
    run: Callable[[Lab], Mapping[str, Sequence[float]]]
    seeds: int = 5
    may_fail: str = ""
    notes: str = ""

    @property
    def family(self) -> str:
        """Family of the paper, the first half of its slug."""
        return self.paper.partition("/")[0]

    @property
    def name(self) -> str:
        """Name of the claim, the second half of the slug."""
        return self.paper.partition("/")[2]


@dataclass(frozen=True)
class Part:
    """A target with what was measured."""

    name: str
    measured: float
    interval: tuple[float, float]
    threshold: str
    because: str
    values: tuple[float, ...]
    verdict: str


@dataclass(frozen=True)
class Outcome:
    """What a run of a claim gave; the first part speaks for the claim, the worst verdict decides."""

    name: str
    family: str
    sentence: str
    baseline: str
    parts: tuple[Part, ...]
    seeds: tuple[int, ...]
    seconds: float
    verdict: str
    may_fail: str = ""
    notes: str = ""

    def data(self) -> dict[str, Any]:
        """Plain data: ``name, sentence, baseline, measured, interval, threshold, seeds, verdict`` and the parts."""
        first = self.parts[0]
        head = {"measured": first.measured, "interval": list(first.interval), "threshold": first.threshold}
        return {**asdict(self), **head}


_CLAIMS: dict[str, Claim] = {}


def claim(
    paper: str, *, sentence: str, baseline: str, targets: tuple[Target, ...], seeds: int = 5, may_fail: str = "",
    notes: str = "",
) -> Callable[[Callable[[Lab], Mapping[str, Sequence[float]]]], Claim]:  # fmt: skip
    """Make a claim of a function that measures.

    Args:
        paper: slug such as ``entropy/steer``.
        sentence: what is claimed, in one sentence with its numbers.
        baseline: what it is compared with, under the same budget.
        targets: quantities and bounds; the first one stands for the claim in tables.
        seeds: number of seeds; at least three where anything is trained.
        may_fail: why this claim was expected to be in doubt, where it was.
        notes: what a reader should know about the set-up.

    Raises:
        MethodError: fewer than three seeds for a trained claim, no target, or a name that is taken.
    """

    def register(run: Callable[[Lab], Mapping[str, Sequence[float]]]) -> Claim:
        made = Claim(paper, sentence, baseline, targets, run, seeds, may_fail, notes)
        if not targets:
            raise MethodError("a claim needs a target", where=paper)
        if seeds < 3 and not all(t.exact for t in targets):
            raise MethodError("a claim that trains needs at least three seeds", where=paper, seen=seeds)
        known = _CLAIMS.get(made.name)
        if known is not None and known.run.__module__ != run.__module__:
            raise MethodError("two claims have one name", where=paper, seen=known.paper)
        _CLAIMS[made.name] = made
        return made

    return register


def all_claims() -> dict[str, Claim]:
    """Every claim of the library by name, in the order of families and names."""
    import guerdon.claims as package

    for module in pkgutil.walk_packages(package.__path__, "guerdon.claims."):
        # guerdon.claims.<family>.<paper>; what several claims share, or what is heavy, has a leading underscore
        if module.name.count(".") == 3 and not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)
    order = {f: i for i, f in enumerate(FAMILIES)}
    return dict(sorted(_CLAIMS.items(), key=lambda c: (order.get(c[1].family.replace("-", "_"), 99), c[0])))


def find(name: str) -> Claim:
    """A claim by its name or slug.

    Raises:
        UnknownNameError: there is none; the nearest names are given.
    """
    known = all_claims()
    short = name.rpartition("/")[2]
    if short not in known:
        raise UnknownNameError("claim", name, known)
    return known[short]


def published(name: str) -> dict[str, Any] | None:
    """The stored outcome of a claim, None when it was never run."""
    path = MEASURED / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None
