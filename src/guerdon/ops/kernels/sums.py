"""Running sums over the vocabulary, folded tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.ops.kernels.stats import DIFFERENTIABLE, FLOOR, Stat, nucleus_entropy


@dataclass(frozen=True)
class Plan:
    """What to compute and in which tiles: ``rows`` tokens by ``columns`` ids."""

    stats: tuple[Stat, ...]
    temperature: float
    softcap: float | None
    rows: int
    columns: int

    def has(self, *names: str) -> bool:
        """Whether any statistic of these names is wanted."""
        return any(s.name in names for s in self.stats)

    def tiles(self, tokens: int, vocab: int) -> Iterator[tuple[slice, slice]]:
        """Tiles with the vocabulary outside, so that a slice of the output matrix is read (and cast) once."""
        for c in range(0, vocab, self.columns):
            for r in range(0, tokens, self.rows):
                yield slice(r, min(r + self.rows, tokens)), slice(c, min(c + self.columns, vocab))


class Sums:
    r"""Sums over the vocabulary per row, relative to the running maximum :math:`m` of the logits.

    With :math:`v = (u - m)/T`: ``mass`` :math:`\sum e^v`, ``first`` :math:`\sum e^v v`, ``square`` :math:`\sum e^{2v}`,
    ``square_first`` :math:`\sum e^{2v} v`; ``scaled`` holds :math:`\sum e^{(u-m)/a}` per extra temperature :math:`a`.
    """

    def __init__(self, targets: Tensor, plan: Plan, dtype: torch.dtype):
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, len(targets), dtype=dtype, device=targets.device)

        self.plan, self.targets = plan, targets
        self.alphas = [s.get(k) for s in plan.stats for k in ("alpha", "temperature") if k in dict(s.settings)]
        # below every logit, yet differences to it stay finite after a division by a small temperature
        self.top = zeros().fill_(-1e30)
        self.mass, self.first, self.square, self.square_first, self.taken = zeros(5)
        self.scaled = zeros(len(self.alphas))
        self.nuclei = {s.key: zeros() for s in plan.stats if s.name == "nucleus_entropy"}

    def fold(self, logits: Tensor, rows: slice, columns: slice) -> None:
        """Add a tile of logits, which is overwritten."""
        plan, old = self.plan, self.top[rows]
        local = self.targets[rows] - columns.start
        here = (local >= 0) & (local < logits.shape[1])
        picked = logits.gather(1, local.clamp(0, logits.shape[1] - 1)[:, None])[:, 0]
        self.taken[rows] = torch.where(here, picked, self.taken[rows])
        top = torch.maximum(old, logits.amax(-1))
        v, move = logits.sub_(top[:, None]), old - top  # old is a view: the difference comes before the update
        self.top[rows] = top
        for i, alpha in enumerate(self.alphas):
            self.scaled[i, rows] *= (move / alpha).exp()
            self.scaled[i, rows] += (v / alpha).exp_().sum(-1)
        if not plan.has(*DIFFERENTIABLE):
            return
        if plan.temperature != 1.0:
            v.div_(plan.temperature)
            move = move / plan.temperature
        # removed ids have v = -inf; 0 * -inf must not become NaN in the sums below
        if plan.has("entropy", "collision_logp"):
            v.clamp_(min=FLOOR)
        shrink, e = move.exp(), v.exp()
        mass, square = self.mass[rows].clone(), self.square[rows].clone()
        self.mass[rows] = mass * shrink + e.sum(-1)
        if plan.has("entropy"):
            self.first[rows] = (self.first[rows] + move * mass) * shrink + torch.linalg.vecdot(e, v)
        if plan.has("collision", "collision_logp"):
            self.square[rows] = square * shrink * shrink + torch.linalg.vecdot(e, e)
        if plan.has("collision_logp"):
            e.square_()
            self.square_first[rows] = (self.square_first[rows] + move * square) * shrink * shrink + torch.linalg.vecdot(
                e, v
            )
        for stat in plan.stats:
            if stat.name == "nucleus_entropy":
                self.nuclei[stat.key][rows] = nucleus_entropy(v - self.mass[rows].log()[:, None], stat)

    def results(self) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor]:
        """The wanted statistics by key, and per row: ``log(mass)``, entropy, collision, collision_logp."""
        log_mass = self.mass.log()
        entropy = log_mass - self.first / self.mass
        collision = self.square / self.mass.square()
        collision_logp = self.square_first / self.mass.square() - log_mass * collision
        named = {"entropy": entropy, "collision": collision, "collision_logp": collision_logp}
        out, scaled, decided = {}, iter(self.scaled), self.targets >= 0
        # differences are taken before the division: exact also where the logits are large
        below = self.taken - self.top
        for stat in self.plan.stats:
            if stat.name in named:
                value = named[stat.name]
            elif stat.name == "logp":
                value = below / self.plan.temperature - log_mass
            elif stat.name == "nucleus_entropy":
                value = self.nuclei[stat.key]
            elif stat.name == "taken_logit":
                value = self.taken
            elif stat.name == "tempered_logp":
                value = below / stat.get("temperature") - next(scaled).log()
            else:
                value = self.top + stat.get("alpha") * next(scaled).log()
            if stat.name in ("logp", "taken_logit", "tempered_logp"):
                value = torch.where(decided, value, torch.zeros_like(value))
            out[stat.key] = value
        return out, log_mass, entropy, collision, collision_logp
