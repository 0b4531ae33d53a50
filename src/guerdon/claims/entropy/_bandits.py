"""Bandits and short chains of table policies, trained with the library's own terms; everything is read off exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.advantages import grpo
from guerdon.objectives.entropy import AnchoredEntropy, EntropyHistoryBand, entropy_bonus
from guerdon.ops.kernels import from_logits

GROUPS, GROUP = 16, 16  # samples of a step, and the learning rate: as in the library's own suite of worlds
RATE, STEPS = 0.1, 200
IDS = torch.arange(GROUPS).repeat_interleave(GROUP)
GOOD, PLAUSIBLE, ARMS, TAIL = 5, 25, 1000, 0.005
NUCLEUS = "nucleus_entropy(top_p=0.8, inclusive=False, top_k=10000)"
GRID = tuple(0.01 * 2 ** (k / 2) for k in range(17))  # 0.01 to 2.56, a factor of 1.41 apart


# a bandit whose good arm flips


def flipped(seed: int, mode: str | None, coef: float = 0.2) -> tuple[Tensor, float]:
    """Final logits, and mean probability of the good arm after it has flipped, of ten arms and twice 200 steps.

    ``mode`` is that of the band beside the entropy bonus, None for the bonus alone.
    """
    g = torch.Generator().manual_seed(seed)
    logits = torch.zeros(10, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=RATE)
    band = None if mode is None else EntropyHistoryBand(coef=coef, penalty=1.0, mode=mode)  # type: ignore[arg-type]
    mask, step_id = torch.ones(len(IDS), 1, dtype=torch.bool), torch.zeros(len(IDS), 1, dtype=torch.long)
    success = []
    for step in range(2 * STEPS):
        good = 0 if step < STEPS else 1
        log_p = torch.log_softmax(logits, -1)
        taken = torch.multinomial(log_p.detach().exp(), len(IDS), replacement=True, generator=g)
        advantage = grpo((taken == good).float(), IDS, mask)
        h = -(log_p.exp() * log_p).sum().expand(len(IDS), 1)
        loss = -advantage * log_p[taken][:, None] + entropy_bonus(h, coef=coef)
        if band is not None:
            loss = loss + band(h, h.detach(), step_id, mask, torch.tensor(step))
        adam.zero_grad()
        loss.mean().backward()
        adam.step()
        if step >= STEPS:
            success.append(float(torch.softmax(logits.detach(), -1)[good]))
    return logits.detach(), sum(success) / len(success)


# five good arms, twenty more that are plausible, and a long tail


@dataclass(frozen=True)
class Kept:
    """Where a coefficient ends: number of good arms, mass on all good arms, mass on the tail."""

    arms: float
    good: float
    tail: float

    @property
    def passes(self) -> bool:
        """Four of the five good arms in use, and no more of the tail than twice the start."""
        return self.arms >= 4.0 and self.tail <= 0.01


def kept(seed: int, term: str) -> list[Kept]:
    """Every coefficient of the grid at once, each with samples of its own; ``term`` is ``anchored`` or ``bonus``."""
    g = torch.Generator().manual_seed(seed)
    start = torch.zeros(ARMS)
    start[:PLAUSIBLE] = torch.randn(PLAUSIBLE, generator=g)
    start[:PLAUSIBLE] += math.log((1 - TAIL) / TAIL * (ARMS - PLAUSIBLE) / float(start[:PLAUSIBLE].exp().sum()))
    logits = start.repeat(len(GRID), 1).requires_grad_()
    adam = torch.optim.Adam([logits], lr=RATE)
    held = [AnchoredEntropy(coef=c, quantile=0.0) for c in GRID]
    coefs, one = torch.tensor(GRID), torch.ones(1, 1, dtype=torch.bool)
    mask = torch.ones(len(IDS), 1, dtype=torch.bool)
    key = NUCLEUS if term == "anchored" else "entropy"
    for _ in range(STEPS):
        p = torch.softmax(logits.detach(), -1)
        taken = torch.multinomial(p, len(IDS), replacement=True, generator=g)
        advantage = torch.cat([grpo((t < GOOD).float(), IDS, mask, scale="none") for t in taken], 1).t()
        log_p = torch.log_softmax(logits, -1)
        loss = -(advantage * log_p.gather(1, taken)).mean(1).sum()
        h = from_logits(logits, torch.zeros(len(GRID), dtype=torch.long), want=(key,))[key]
        if term == "anchored":
            loss = loss + torch.stack([hold(x.view(1, 1), one) for hold, x in zip(held, h, strict=True)]).sum()
        else:
            loss = loss - (coefs * h).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return [_kept(row) for row in torch.softmax(logits.detach().double(), -1)]


def _kept(p: Tensor) -> Kept:
    good = p[:GOOD] / p[:GOOD].sum()
    spread = -(good * good.clamp_min(1e-30).log()).sum()
    return Kept(float(spread.exp()), float(p[:GOOD].sum()), float(p[PLAUSIBLE:].sum()))


def width(found: Sequence[Kept]) -> float:
    """Largest over smallest coefficient of the longest run of neighbours on the grid that pass, 0 for none."""
    best = run = 0
    for one in found:
        run = run + 1 if one.passes else 0
        best = max(best, run)
    return GRID[best - 1] / GRID[0] if best else 0.0


# a chain whose last quarter alone decides

LENGTH, LETTERS, MASS, LONGEST, PACE = 16, 4, 0.05, 1000, 0.2
Shape = Callable[[Tensor, Tensor], Tensor]


def chain(seed: int, shape: Shape, others: Sequence[Shape] = ()) -> tuple[int, list[float]]:
    """Steps to success 0.9 under one shaping of the advantage, and the share of the gradient in the last quarter.

    The share is given for ``shape`` and for ``others`` on the same batches, mean over the steps. The steps are plain
    gradient steps: in a table Adam would undo any scale of a position.
    """
    g = torch.Generator().manual_seed(seed)
    late, each = LENGTH - LENGTH // 4, MASS ** (4 / LENGTH)
    start = torch.zeros(LENGTH, LETTERS)
    start[late:] = torch.log(torch.tensor([each] + [(1 - each) / (LETTERS - 1)] * (LETTERS - 1)))
    logits, mask = start.clone(), torch.ones(len(IDS), LENGTH, dtype=torch.bool)
    shares: list[list[float]] = []
    for step in range(LONGEST):
        p = torch.softmax(logits, -1)
        if float(p[late:, 0].prod()) >= 0.9:
            return step, [sum(s) / len(s) for s in zip(*shares, strict=True)]
        taken = torch.multinomial(p, len(IDS), replacement=True, generator=g).t()
        advantage = grpo((taken[:, late:] == 0).all(1).float(), IDS, mask)
        push = torch.nn.functional.one_hot(taken, LETTERS).float() - p
        moves = [(f(advantage, mask)[..., None] * push).mean(0) for f in (shape, *others)]
        sizes = [m.abs().sum(1) for m in moves]
        if all(bool(s.any()) for s in sizes):
            shares.append([float(s[late:].sum() / s.sum()) for s in sizes])
        logits = logits + PACE * moves[0]
    return LONGEST, [sum(s) / len(s) for s in zip(*shares, strict=True)]
