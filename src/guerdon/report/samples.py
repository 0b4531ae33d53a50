"""The sample browser: chosen rollouts as rows to open, tokens coloured by what the update saw."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from guerdon.records.model import Rollout
from guerdon.report.load import Run
from guerdon.report.pick import KINDS
from guerdon.report.text import plain, visible
from guerdon.report.words import number

TEXT = 3000  # characters of a completion on the page
_TOKENS = 24_000  # tokens with colours on the whole page; about 50 bytes each
_LEVELS = 4


@dataclass(frozen=True)
class Aspect:
    """One line of the verdict trace of a sample."""

    name: str
    value: str
    status: str
    reason: str


@dataclass(frozen=True)
class Sample:
    """A rollout, ready to print."""

    run: int
    rollout: Rollout
    why: str
    snippet: str
    completion: Markup
    gold: str
    answer: str
    aspects: list[Aspect]
    coloured: bool = False


@dataclass
class Tab:
    """One kind of sample."""

    kind: str
    title: str
    note: str
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """What the darkest colour of each column stands for."""

    advantage: float
    entropy: float


def browser(runs: Sequence[Run]) -> list[Tab]:
    """One tab per kind of sample that occurs."""
    top = scale(runs)
    left = _TOKENS
    keep = max(2, 8 // len(runs))
    tabs = []
    for kind, (title, note) in KINDS.items():
        tab = Tab(kind, title, note)
        for i, run in enumerate(runs):
            chosen = run.rollouts.picks.get(kind, [])
            for pick in chosen if len(runs) == 1 else chosen[:keep]:
                tokens = min(600, left)
                sample, used = _sample(i, pick.rollout, pick.why, top, tokens)
                left -= used
                tab.samples.append(sample)
        if tab.samples:
            tabs.append(tab)
    return tabs


def scale(runs: Sequence[Run]) -> Scale:
    """The 95th percentile of each column over the chosen samples, so that one outlier does not bleach the rest."""
    columns: dict[str, list[float]] = {"advantage": [], "entropy": []}
    for run in runs:
        for picks in run.rollouts.picks.values():
            for pick in picks:
                for name, kept in columns.items():
                    kept += [abs(v) for v in pick.rollout.detail.get(name, ()) if _finite(v)]
    tops = {name: float(np.quantile(kept, 0.95)) if kept else 0.0 for name, kept in columns.items()}
    return Scale(tops["advantage"], tops["entropy"])


def _sample(run: int, r: Rollout, why: str, top: Scale, tokens: int) -> tuple[Sample, int]:
    texts = r.detail.get("token_text", ())
    coloured = bool(texts) and tokens >= min(len(texts), 600)
    body = _tokens(r, top, tokens) if coloured else visible(r.completion, TEXT)
    aspects = [_aspect(r, name) for name in dict.fromkeys([*r.aspects, *r.status])]
    sample = Sample(
        run,
        r,
        why,
        plain(r.completion.strip() or "(empty)", 120),
        body,
        _short(r.gold),
        _short(r.answer),
        aspects,
        coloured,
    )
    return sample, min(len(texts), 600) if coloured else 0


def _aspect(r: Rollout, name: str) -> Aspect:
    value = r.aspects.get(name, math.nan)
    status = r.status.get(name, "scored" if math.isfinite(value) else "unscored")
    return Aspect(name, number(value) if math.isfinite(value) else "–", status, r.reason.get(name, ""))


def _short(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _tokens(r: Rollout, top: Scale, limit: int) -> Markup:
    """One span per token with a level per column, and the numbers for the pointer."""
    texts = list(r.detail["token_text"])
    columns = {name: list(r.detail.get(name, ())) for name in ("advantage", "entropy", "logp")}
    out = []
    for i, text in enumerate(texts[:limit]):
        adv, ent, logp = (c[i] if i < len(c) and _finite(c[i]) else None for c in columns.values())
        classes = "t"
        if adv is not None and top.advantage > 0:
            level = min(_LEVELS, math.ceil(abs(adv) / top.advantage * _LEVELS))
            classes += f" {'p' if adv > 0 else 'n'}{level}" if level else ""
        if ent is not None and top.entropy > 0:
            level = min(_LEVELS, math.ceil(ent / top.entropy * _LEVELS - 0.25))
            classes += f" e{level}" if level > 0 else ""
        numbers = "|".join("" if v is None else f"{v:.3g}" for v in (adv, ent, logp))
        out.append(Markup('<span class="{}" data-n="{}">{}</span>').format(classes, numbers, visible(text, 200)))
    if len(texts) > limit:
        out.append(Markup('<span class="more">… {} more tokens</span>').format(f"{len(texts) - limit:,}"))
    return Markup("").join(out)
