"""Comparing runs: final and mean accuracy per variant, paired differences over seeds, one sentence of conclusion."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from guerdon.errors import DataError, RecipeError
from guerdon.ops.stats import (
    Interval,
    PairedTest,
    bootstrap_mean_interval,
    holm,
    mean_height,
    paired_bootstrap,
    paired_permutation,
    wilson,
)

METRIC = "eval/accuracy"
LEVEL = 0.05
# keys of a recipe that do not make two runs different variants
_IGNORED = ("train.seed", "name", "about", "expect", "track")


class Folder(Protocol):
    """What a comparison asks of a run folder."""

    def evaluations(self) -> Iterable[Mapping[str, Any]]:
        """Rows with ``step`` and ``metrics``."""
        ...

    def recipe(self) -> Mapping[str, Any]:
        """The complete recipe."""
        ...


@dataclass(frozen=True)
class Curve:
    """Evaluations of one run: the variant it belongs to, its seed, accuracy over steps, answers per evaluation."""

    variant: str
    seed: int
    run: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    n: int = 0

    @property
    def final(self) -> float:
        """Accuracy at the last evaluation."""
        return self.values[-1]

    @property
    def height(self) -> float:
        """Area under the curve over its span: the mean accuracy of the whole run."""
        return mean_height(self.steps, self.values)


@dataclass(frozen=True)
class Row:
    """One variant: its seeds, final accuracy and area under the curve with their intervals."""

    variant: str
    seeds: tuple[int, ...]
    final: Interval
    height: Interval


@dataclass(frozen=True)
class Difference:
    """One variant minus another over the seeds they share; ``adjusted`` is Holm's p over all differences shown."""

    variant: str
    against: str
    measure: str
    interval: Interval
    test: PairedTest
    adjusted: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the adjusted p is below the level."""
        return self.adjusted < LEVEL


@dataclass(frozen=True)
class Comparison:
    """The result: a row per variant, differences against the first one, and what may be concluded."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    conclusion: str
    curves: tuple[Curve, ...]
    failed: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Plain data, as in ``compare.json``."""
        rows = [{"variant": r.variant, "seeds": list(r.seeds), "final": r.final._asdict(),
                 "mean_over_run": r.height._asdict()} for r in self.rows]  # fmt: skip
        differences = [
            {"variant": d.variant, "against": d.against, "measure": d.measure, **d.interval._asdict(),
             "test": "paired permutation", **d.test._asdict(), "p_holm": d.adjusted, "significant": d.significant}
            for d in self.differences
        ]  # fmt: skip
        runs = [vars(c) for c in self.curves]
        return {"metric": METRIC, "rows": rows, "differences": differences, "conclusion": self.conclusion,
                "runs": runs, "failed": list(self.failed)}  # fmt: skip


def compare(curves: Sequence[Curve], *, failed: Sequence[str] = ()) -> Comparison:
    """Statistics over seeds; the first variant is what the others are compared with.

    Args:
        curves: one per run.
        failed: runs that gave no curve, named in the result.

    Raises:
        DataError: no curves, or two runs of one variant with the same seed.

    Example:
        >>> runs = [Curve(v, s, "", (0, 1), (0.0, x + s / 10)) for v, x in (("a", 0.1), ("b", 0.5)) for s in range(6)]
        >>> result = compare(runs)
        >>> round(result.differences[0].interval.estimate, 3), result.differences[0].test.p
        (0.4, 0.03125)
    """
    if not curves:
        raise DataError("there is no run with evaluations to compare", seen=list(failed) or None)
    variants = list(dict.fromkeys(c.variant for c in curves))
    table: dict[str, dict[int, Curve]] = {v: {} for v in variants}
    for curve in curves:
        if curve.seed in table[curve.variant]:
            raise DataError(
                "two runs have the same variant and seed", where=curve.run, seen=table[curve.variant][curve.seed].run,
                fix="a repeated seed is no new evidence: leave one out",
            )  # fmt: skip
        table[curve.variant][curve.seed] = curve
    rows = tuple(_row(v, table[v]) for v in variants)
    differences = _adjusted([
        d for v in variants[1:] for measure in ("final", "height")
        if (d := _difference(v, variants[0], measure, table)) is not None
    ])  # fmt: skip
    text = conclude(rows, differences, table)
    return Comparison(rows, differences, text, tuple(curves), tuple(failed))


def _row(variant: str, seeds: Mapping[int, Curve]) -> Row:
    ordered = [seeds[s] for s in sorted(seeds)]
    return Row(
        variant, tuple(sorted(seeds)), bootstrap_mean_interval([c.final for c in ordered]),
        bootstrap_mean_interval([c.height for c in ordered]),
    )  # fmt: skip


def _difference(
    variant: str, against: str, measure: str, table: Mapping[str, Mapping[int, Curve]]
) -> Difference | None:
    shared = sorted(table[variant].keys() & table[against].keys())
    if len(shared) < 2:
        return None
    a = [getattr(table[variant][s], measure) for s in shared]
    b = [getattr(table[against][s], measure) for s in shared]
    return Difference(variant, against, measure, paired_bootstrap(a, b), paired_permutation(a, b))


def _adjusted(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Holm's adjustment within each measure: each answers its own question about all variants."""
    out = list(found)
    for measure in ("final", "height"):
        places = [i for i, d in enumerate(out) if d.measure == measure]
        for i, p in zip(places, holm([out[i].test.p for i in places]), strict=True):
            out[i] = Difference(**{**vars(out[i]), "adjusted": p})
    return tuple(out)


def conclude(
    rows: Sequence[Row], differences: Sequence[Difference], table: Mapping[str, Mapping[int, Curve]]
) -> str:  # fmt: skip
    """What the numbers allow to say about final accuracy: test, n, and what was not significant."""
    first = rows[0].variant
    if len(rows) == 1:
        return f"Only {first}, {len(rows[0].seeds)} seeds: nothing to compare."
    final = [d for d in differences if d.measure == "final"]
    if not final:
        return _single(rows, table)
    parts = []
    for sure in (True, False):
        named = [d for d in final if d.significant is sure]
        if named:
            texts = [f"{d.variant} {_signed(d.interval)} (p={d.adjusted:.3g}, n={d.test.n})" for d in named]
            verb = "differs from" if sure else "not significantly different from"
            parts.append(f"{verb} {first} in final accuracy: {'; '.join(texts)}")
    kind = "exact" if all(d.test.exact for d in final) else "sampled"
    many = ", Holm-adjusted" if len(final) > 1 else ""
    text = "; ".join(parts)
    text = f"{text[0].upper()}{text[1:]} ({kind} paired permutation test over shared seeds{many}, level {LEVEL})."
    blind = [d for d in final if d.test.floor * len(final) >= LEVEL]
    if blind:
        floor = min(d.test.floor for d in blind) * len(final)
        text += (f" With {blind[0].test.n} pairs this test cannot go below p={min(floor, 1.0):.3g}, so no difference "
                 f"could have been significant: use more seeds.")  # fmt: skip
    missing = [r.variant for r in rows[1:] if r.variant not in {d.variant for d in final}]
    return text + (f" Not compared, fewer than two shared seeds: {', '.join(missing)}." if missing else "")


def _single(rows: Sequence[Row], table: Mapping[str, Mapping[int, Curve]]) -> str:
    parts = []
    for row in rows:
        curve = table[row.variant][row.seeds[0]]
        if curve.n:
            found = wilson(round(curve.final * curve.n), curve.n)
            parts.append(f"{row.variant} {found.estimate:.1%} [{found.low:.1%}, {found.high:.1%}] n={curve.n}")
        else:
            parts.append(f"{row.variant} {curve.final:.1%}")
    return (f"Final accuracy {'; '.join(parts)}. Fewer than two seeds are shared, so no test over seeds is possible; "
            f"intervals, where given, hold for these runs alone, not for the variants.")  # fmt: skip


def _signed(found: Interval) -> str:
    return f"{100 * found.estimate:+.1f} points [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def read(path: Path, variant: str, folder: Folder | None = None) -> Curve:
    """The evaluations of a run.

    Raises:
        RunError: the folder is no run.
        DataError: it holds no evaluation.
    """
    if folder is None:
        from guerdon.records.run import RunFolder

        folder = RunFolder(path)
    # a step evaluated twice, after a resume, counts once: the later row
    found = {int(r["step"]): r["metrics"] for r in folder.evaluations()}
    steps = sorted(s for s, m in found.items() if isinstance(m.get(METRIC), (int, float)) and math.isfinite(m[METRIC]))
    if not steps:
        raise DataError(f"the run has no {METRIC}", where=str(path), fix="set eval.every in the recipe")
    seed = int(folder.recipe().get("train", {}).get("seed", 0))
    n = int(found[steps[-1]].get("eval/n") or 0)
    return Curve(variant, seed, str(path), tuple(steps), tuple(float(found[s][METRIC]) for s in steps), n)


def read_runs(paths: Sequence[Path]) -> list[Curve]:
    """Curves of finished runs; runs whose recipes differ in nothing but the seed are one variant.

    Raises:
        DataError: fewer than two runs.
    """
    from guerdon.records.run import RunFolder

    if len(paths) < 2:
        raise DataError("needs at least two runs", seen=[str(p) for p in paths], fix="guerdon compare RUN RUN")
    labels = label([RunFolder(p).recipe() for p in paths])
    return [read(p, name) for p, name in zip(paths, labels, strict=True)]


def label(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name per recipe made of the values in which the recipes differ, the seed left out.

    Example:
        >>> a, b = {"advantage": "grpo", "train": {"seed": 0}}, {"advantage": "rloo", "train": {"seed": 1}}
        >>> label([a, b])
        ['advantage=grpo', 'advantage=rloo']
    """
    flat = [{k: v for k, v in _flat(r) if k not in _IGNORED} for r in recipes]
    keys = sorted({k for f in flat for k in f if any(f.get(k) != g.get(k) for g in flat)})
    same = str(recipes[0].get("name") or "all") if recipes else "all"
    return [", ".join(f"{k.removesuffix('.0.use')}={_short(f.get(k))}" for k in keys if k in f) or same for f in flat]


def _flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    inner = [row for k, v in pairs for row in _flat(v, f"{path}.{k}".strip("."))]
    return inner or [(path, value)]


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    variant: str
    overrides: tuple[str, ...]
    seed: int

    def key(self, recipe: Mapping[str, Any]) -> str:
        """Name of its folder: variant, seed, and a hash of the complete recipe, so a changed recipe is a new run."""
        text = json.dumps(recipe, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        safe = "".join(c if c.isalnum() or c in "-._=" else "_" for c in self.variant)[:60]
        return f"{safe}-seed{self.seed}-{digest}"


def grid(vary: Sequence[str], seeds: int, *, first_seed: int = 0) -> list[Cell]:
    """All combinations of ``key=value,value`` lists, each with every seed.

    A value is a name (``advantage=grpo,rloo``) or any YAML value; commas inside brackets or quotes do not split.

    Raises:
        RecipeError: an entry is not ``key=value``, or there is no seed.

    Example:
        >>> [(c.variant, c.seed) for c in grid(["advantage=grpo,rloo"], 1)]
        [('advantage=grpo', 0), ('advantage=rloo', 0)]
        >>> len(grid(["train.lr=1e-3,1e-2", "advantage=[grpo, empg],rloo"], 3))
        12
    """
    if seeds < 1:
        raise RecipeError("a comparison needs at least one seed", where="--seeds", seen=seeds)
    choices = []
    for text in vary:
        key, equals, values = text.partition("=")
        options = [v for v in split(values) if v]
        if not equals or not key or not options:
            raise RecipeError("--vary is written key=value,value", seen=text, fix="--vary advantage=grpo,rloo")
        choices.append([f"{key}={v}" for v in options])
    combined = [tuple(c) for c in itertools.product(*choices)]
    return [Cell(", ".join(c) or "recipe", c, s) for c in combined for s in range(first_seed, first_seed + seeds)]


def split(text: str) -> list[str]:
    """Split at commas outside brackets and quotes.

    Example:
        >>> split("a,[b, c],'d,e'")
        ['a', '[b, c]', "'d,e'"]
    """
    out, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        if char == "," and not depth and not quote:
            out.append("")
        else:
            out[-1] += char
    return [v.strip() for v in out]
