"""Full-vocabulary KL between two heads, without their ``[tokens, vocab]`` matrices."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.ops.kernels.fused import first_only

Direction = Literal["forward", "reverse"]
LIMIT = 1 << 21  # logits per chunk and head


def vocab_kl(
    hidden: Float[Tensor, "... hidden"],
    weight: Float[Tensor, "vocab hidden"],
    ref_hidden: Float[Tensor, "... ref_hidden"],
    ref_weight: Float[Tensor, "vocab ref_hidden"],
    *,
    direction: Direction = "reverse",
    temperature: float = 1.0,
    chunk: int | None = None,
) -> Float[Tensor, "..."]:
    r"""KL between the policy's and the reference's distribution of every token.

    .. math:: \mathrm{reverse}: \sum_v \pi_v \ln\frac{\pi_v}{\rho_v},\qquad
              \mathrm{forward}: \sum_v \rho_v \ln\frac{\rho_v}{\pi_v}

    Args:
        hidden, weight: last hidden states and output matrix of the policy; they receive gradients.
        ref_hidden, ref_weight: the reference's, with its own width; they receive none.
        direction: ``reverse`` is the mean under the policy, the usual penalty; ``forward`` under the reference.
        temperature: divides the logits of both.
        chunk: tokens per chunk; None chooses.

    Returns:
        Nats per token, float32 for half-precision inputs. First derivatives only.

    Raises:
        DataError: shapes differ.
        RecipeError: direction, temperature or chunk is wrong.

    Example:
        >>> h, r = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
        >>> round(vocab_kl(h, torch.eye(2), r, torch.eye(2)).item(), 4)
        0.1109

    Source: the definition; Kullback and Leibler 1951.
    Differs: nothing.
    """
    if direction not in ("forward", "reverse"):
        raise RecipeError("unknown direction", where="vocab_kl", seen=direction, allowed=["forward", "reverse"])
    for name, value in (("temperature", temperature), ("chunk", chunk)):
        if value is not None and not value > 0:
            raise RecipeError(f"{name} must be above 0", where="vocab_kl", seen=value)
    if hidden.shape[:-1] != ref_hidden.shape[:-1] or len(weight) != len(ref_weight):
        seen = f"{tuple(hidden.shape)}, {tuple(weight.shape)}; {tuple(ref_hidden.shape)}, {tuple(ref_weight.shape)}"
        raise DataError("tokens or vocabularies differ", where="vocab_kl", seen=seen)
    rows = chunk or max(1, LIMIT // len(weight))
    flat, ref = hidden.reshape(-1, hidden.shape[-1]), ref_hidden.reshape(-1, ref_hidden.shape[-1])
    out = _Divergence.apply(flat, weight, ref.detach(), ref_weight.detach(), direction, temperature, rows)
    return out.reshape(hidden.shape[:-1])


def _chunk(ctx: Any, rows: slice | Tensor, hidden: Tensor, weight: Tensor, ref: Tensor, ref_weight: Tensor) -> tuple:
    lp = torch.log_softmax(hidden[rows] @ weight.t() / ctx.temperature, -1)
    lr = torch.log_softmax(ref[rows] @ ref_weight.t() / ctx.temperature, -1)
    mean_under, other = (lp, lr) if ctx.direction == "reverse" else (lr, lp)
    gap = mean_under - other
    return lp, lr, gap, torch.linalg.vecdot(mean_under.exp(), gap)


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden, weight, ref, ref_weight, direction, temperature, rows) -> Tensor:
        ctx.direction, ctx.temperature, ctx.rows = direction, temperature, rows
        ctx.save_for_backward(hidden, weight, ref, ref_weight)
        kind = torch.promote_types(hidden.dtype, torch.float32)
        full = [x.to(kind) for x in (hidden, weight, ref, ref_weight)]
        out = hidden.new_empty(len(hidden), dtype=kind)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), rows):
                part = slice(start, min(start + rows, len(hidden)))
                out[part] = _chunk(ctx, part, *full)[3]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        first_only("vocab_kl")
        saved = ctx.saved_tensors
        hidden, weight, ref, ref_weight = (x.to(grad.dtype) for x in saved)
        need_h, need_w = ctx.needs_input_grad[:2]
        to_h, to_w = torch.zeros_like(hidden), torch.zeros_like(weight) if need_w else None
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), ctx.rows):
                part = slice(start, min(start + ctx.rows, len(hidden)))
                # rows without a gradient must not carry a NaN into the weight
                live = grad[part].nonzero()[:, 0] + start
                if not len(live):
                    continue
                lp, lr, gap, value = _chunk(ctx, live, hidden, weight, ref, ref_weight)
                d = lp.exp() * (gap - value[:, None]) if ctx.direction == "reverse" else lp.exp() - lr.exp()
                d *= grad[live, None] / ctx.temperature
                if need_h:
                    to_h[live] = d @ weight
                if to_w is not None:
                    to_w.addmm_(d.t(), hidden[live])
        out_h = to_h.to(saved[0].dtype) if need_h else None
        return out_h, None if to_w is None else to_w.to(saved[1].dtype), None, None, None, None, None
