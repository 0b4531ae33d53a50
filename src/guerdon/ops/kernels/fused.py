"""The tile-by-tile path of :mod:`guerdon.ops.kernels.vocab_stats`: running sums forward, recomputed logits backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import MethodError
from guerdon.ops.kernels.stats import DIFFERENTIABLE, FLOOR, Stat, nucleus
from guerdon.ops.kernels.sums import Plan, Sums


@dataclass(frozen=True)
class Slopes:
    r"""Gradient in the logits of a tile, from the gradients of the statistics.

    For one row, :math:`\partial/\partial (u/T)_j` of everything but the nucleus is
    :math:`p_j\,(A + B \ln p_j + p_j (E + F \ln p_j)) + g\,[j = y]`.
    """

    plan: Plan
    targets: Tensor
    top: Tensor
    log_mass: Tensor
    taken: Tensor
    terms: tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]
    nuclei: dict[Stat, Tensor]

    def tile(self, logits: Tensor, rows: slice, columns: slice) -> Tensor:
        """The gradient, in place of the logits."""
        plan = self.plan
        bent = None if plan.softcap is None else 1.0 - (logits / plan.softcap).square_()
        # two differences, largest first: exact also where the logits are large
        logp = logits.sub_(self.top[rows, None])
        logp = (logp if plan.temperature == 1.0 else logp.div_(plan.temperature)).sub_(self.log_mass[rows, None])
        a = self.terms[0][rows, None]
        b, e, f = (None if x is None else x[rows, None] for x in self.terms[1:])
        prob = logp.exp()
        if b is not None or f is not None:
            logp.clamp_(min=FLOOR)
        # indices are chosen before the log-probs are overwritten
        cut = [(*nucleus(logp, stat), grad[rows, None]) for stat, grad in self.nuclei.items()]
        square = None if e is None else (e if f is None else logp * f + e) * prob
        out = (
            prob.mul_(a if square is None else square.add_(a)) if b is None else _affine(logp, a, b, square).mul_(prob)
        )
        for index, best, inside, grad in cut:
            out.scatter_add_(1, index, _nucleus_slope(best, inside).mul_(grad))
        local = self.targets[rows] - columns.start
        here = (local >= 0) & (local < out.shape[1])
        out.scatter_add_(1, local.clamp(0, out.shape[1] - 1)[:, None], (self.taken[rows] * here)[:, None])
        if plan.temperature != 1.0:
            out.div_(plan.temperature)
        return out if bent is None else out.mul_(bent)


def _affine(logp: Tensor, a: Tensor, b: Tensor, more: Tensor | None) -> Tensor:
    out = logp.mul_(b).add_(a)
    return out if more is None else out.add_(more)


def _nucleus_slope(best: Tensor, inside: Tensor) -> Tensor:
    kept = torch.log_softmax(best.masked_fill(~inside, float("-inf")), -1).masked_fill(~inside, 0.0)
    q = kept.exp() * inside
    return -q * (kept - (q * kept).sum(-1, keepdim=True))


def first_only(name: str) -> None:
    """Refuse ``create_graph=True``: the recomputed gradient would silently count as a constant.

    Raises:
        MethodError: a backward that is itself to be differentiated.
    """
    if torch.is_grad_enabled():
        raise MethodError(
            "no second derivative", where=name, fix="call backward without create_graph=True, or keep the input small"
        )


def _keep(ctx: Any, sums: Sums, plan: Plan, *tensors: Tensor | None) -> tuple[Tensor, ...]:
    out, *rows = sums.results()
    ctx.plan = plan
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*(out[s.key] for s in plan.stats if s.name not in DIFFERENTIABLE))
    ctx.save_for_backward(sums.targets, sums.top, *rows, *tensors)
    return tuple(out[s.key] for s in plan.stats)


def _slopes(ctx: Any, grads: tuple[Tensor | None, ...], saved: tuple[Tensor, ...]) -> tuple[Slopes, Tensor | None]:
    """Slopes of the rows that receive any gradient, and the indices of those rows (None for all of them)."""
    plan: Plan = ctx.plan
    targets, top, log_mass, entropy, collision, collision_logp = saved
    given = [(s, g) for s, g in zip(plan.stats, grads, strict=True) if g is not None and s.name in DIFFERENTIABLE]
    live = torch.zeros_like(targets, dtype=torch.bool)
    for _, grad in given:
        live |= grad != 0
    # padding and rows without an advantage cost nothing, and a NaN there reaches no weight
    rows = None if bool(live.all()) else live.nonzero()[:, 0]

    def pick(x: Tensor) -> Tensor:
        return x if rows is None else x[rows]

    by: dict[str, Tensor] = {}
    nuclei: dict[Stat, Tensor] = {}
    for stat, grad in given:
        if stat.name == "nucleus_entropy":
            nuclei[stat] = pick(grad)
        else:
            by[stat.name] = pick(grad)
    zero = torch.zeros_like(pick(top))
    taken = torch.where(pick(targets) >= 0, by.get("logp", zero), zero)
    g_h, g_c, g_d = by.get("entropy"), by.get("collision"), by.get("collision_logp")
    a, b, e, f = -taken, None, None, None
    if g_h is not None:
        a, b = a - g_h * pick(entropy), -g_h
    if g_c is not None:
        a, e = a - 2 * g_c * pick(collision), 2 * g_c
    if g_d is not None:
        a = a - g_d * (2 * pick(collision_logp) + pick(collision))
        e, f = g_d if e is None else e + g_d, 2 * g_d
    return Slopes(plan, pick(targets), pick(top), pick(log_mass), taken, (a, b, e, f), nuclei), rows


class HeadStats(torch.autograd.Function):
    """Statistics from hidden states and the output matrix; tiles of logits exist one at a time."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, plan: Plan) -> Any:
        """One tensor per statistic of the plan."""
        kind = torch.promote_types(hidden.dtype, torch.float32)
        with torch.autocast(hidden.device.type, enabled=False):
            sums = Sums(targets, plan, kind)
            for rows, columns, tile, _ in _logits(hidden.to(kind), weight, bias, plan):
                sums.fold(tile, rows, columns)
        return _keep(ctx, sums, plan, hidden, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Gradients to hidden states, output matrix and bias, from logits computed again."""
        first_only("vocab_stats")
        *saved, hidden, weight, bias = ctx.saved_tensors
        slopes, live = _slopes(ctx, grads, tuple(saved))
        need_h, need_w, need_b = ctx.needs_input_grad[:3]
        kind = slopes.top.dtype
        h = (hidden if live is None else hidden[live]).to(kind)
        to_h = torch.zeros_like(h) if need_h else None
        to_w = torch.zeros_like(weight) if need_w else None
        to_b = torch.zeros_like(weight[:, 0], dtype=kind) if need_b else None
        part = h
        with torch.autocast(hidden.device.type, enabled=False):
            for rows, columns, tile, w in _logits(h, weight, bias, ctx.plan):
                d = slopes.tile(tile, rows, columns)
                if to_h is not None:
                    to_h[rows].addmm_(d, w)
                if to_w is not None:
                    # the tokens of one vocabulary slice are summed in full precision before they are rounded
                    part = torch.zeros_like(w) if rows.start == 0 and to_w.dtype != kind else part
                    into = to_w[columns] if to_w.dtype == kind else part
                    into.addmm_(d.t(), h[rows])
                    if to_w.dtype != kind and rows.stop == len(h):
                        to_w[columns] = part
                if to_b is not None:
                    to_b[columns] += d.sum(0)
        if to_h is not None and live is not None:
            to_h = torch.zeros(hidden.shape, dtype=kind, device=h.device).index_copy_(0, live, to_h)
        to_h = None if to_h is None else to_h.to(hidden.dtype)
        return to_h, to_w, None if to_b is None else to_b.to(bias.dtype), None, None


class LogitStats(torch.autograd.Function):
    """Statistics from logits that exist, in chunks of rows."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, plan: Plan) -> Any:
        """One tensor per statistic of the plan."""
        sums = Sums(targets, plan, torch.promote_types(logits.dtype, torch.float32))
        for rows, columns in plan.tiles(*logits.shape):
            sums.fold(logits[rows, columns].to(sums.top.dtype, copy=True), rows, columns)
        return _keep(ctx, sums, plan, logits)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Gradient to the logits, the only matrix it makes."""
        first_only("from_logits")
        *saved, logits = ctx.saved_tensors
        slopes, live = _slopes(ctx, grads, tuple(saved))
        out = torch.zeros_like(logits)
        count = len(logits) if live is None else len(live)
        for rows, columns in ctx.plan.tiles(count, logits.shape[1]):
            where = rows if live is None else live[rows]
            out[where, columns] = slopes.tile(logits[where, columns].to(slopes.top.dtype, copy=True), rows, columns).to(
                out.dtype
            )
        return out, None, None


def _logits(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: Plan
) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:  # fmt: skip
    """Tiles of logits in one reused buffer, with the slice of the output matrix they came from."""
    buffer = hidden.new_empty(plan.rows * plan.columns)
    w = hidden
    for rows, columns in plan.tiles(len(hidden), len(weight)):
        if rows.start == 0:
            w = weight[columns].to(hidden.dtype)
        shape = (rows.stop - rows.start, len(w))
        tile = buffer[: shape[0] * shape[1]].view(shape)
        torch.mm(hidden[rows], w.t(), out=tile)
        if bias is not None:
            tile.add_(bias[columns].to(tile.dtype))
        if plan.softcap is not None:
            tile.div_(plan.softcap).tanh_().mul_(plan.softcap)
        yield rows, columns, tile, w
