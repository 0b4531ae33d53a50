"""Everything a method may ask of the vocabulary axis, from one pass over it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.ops.kernels.fused import HeadStats, LogitStats
from guerdon.ops.kernels.stats import Stat, dense
from guerdon.ops.kernels.sums import Plan

DENSE = 1 << 22  # logits (16 MiB in float32) below which recomputing them costs more than keeping them
TILE = 1 << 21  # logits per tile: 8 MiB, small enough for the caches, large enough for the matrix products
COLUMNS = 4096
WIDE = 1 << 23  # logits per chunk when a whole row is needed (nucleus)


def vocab_stats(
    hidden: Float[Tensor, "... hidden"],
    weight: Float[Tensor, "vocab hidden"],
    targets: Int[Tensor, "..."],
    *,
    want: Sequence[str] = ("logp",),
    bias: Float[Tensor, " vocab"] | None = None,
    temperature: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
) -> dict[str, Float[Tensor, "..."]]:
    r"""Statistics of the decision distribution of every token, without its ``[tokens, vocab]`` matrix.

    .. math:: u = c \tanh\big((W h + b)/c\big),\quad p = \mathrm{softmax}(u / T),\quad
              \mathrm{logp} = \ln p_y,\quad \mathrm{entropy} = -\sum p \ln p

    .. math:: \mathrm{collision} = \sum p^2,\quad \mathrm{collision\_logp} = \sum p^2 \ln p,\quad
              \mathrm{log\_partition}(\alpha) = \alpha \ln \sum e^{u/\alpha}

    Small problems are computed plainly. Large ones go tile by tile over tokens and vocabulary, twice: the logits are
    computed again in the backward, which then costs four matrix products and keeps nothing of the vocabulary's size
    but the gradient of ``weight``. Rows that receive no gradient are skipped there.

    Args:
        hidden: last hidden states; bfloat16 and float16 are accumulated in float32.
        weight: the output matrix.
        targets: id of the decision, in ``[0, vocab)``; a negative id marks a row without one, whose ``logp``,
            ``taken_logit`` and ``tempered_logp`` are 0 without gradient.
        want: keys, each ``name`` or ``name(setting=value)``: ``logp``, ``entropy``, ``collision``,
            ``collision_logp``, ``nucleus_entropy(top_p, inclusive, top_k)``, and without gradient
            ``tempered_logp(temperature)``, ``taken_logit``, ``log_partition(alpha)``; these three read the logits
            before ``temperature``.
        bias: added to the logits; ``-inf`` removes an id.
        temperature: above 0.
        softcap: bound :math:`c` on the logits, None for none.
        chunk: tokens per chunk; None chooses, and takes the plain path where it is cheap.

    Returns:
        One tensor in the shape of ``targets`` per key, float32 for half-precision inputs. First derivatives only.

    Raises:
        DataError: shapes differ, or a target is not in the vocabulary.
        RecipeError: a key, setting, temperature, softcap or chunk is wrong.
        MethodError: a large problem is differentiated twice.

    Example:
        >>> out = vocab_stats(torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.tensor([0]), want=("logp", "entropy"))
        >>> round(out["logp"].item(), 4), round(out["entropy"].item(), 4)
        (-0.3133, 0.5822)

    Source: Shannon and Rényi statistics of a softmax; running sums as in Milakov and Gimelshein 2018, alg. 3.
    Differs: the running sums also carry :math:`\sum p^2` and :math:`\sum p^2 \ln p`.
    """
    stats = _stats(want, temperature, softcap, chunk)
    vocab, width = weight.shape
    if hidden.shape[-1] != width or hidden.shape[:-1] != targets.shape:
        seen = f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)}, targets {tuple(targets.shape)}"
        raise DataError("shapes do not fit", where="vocab_stats", seen=seen, allowed="[t, h], [v, h], [t]")
    _in_vocab(targets, vocab)
    h, y = hidden.reshape(-1, width), targets.reshape(-1)
    kind = torch.promote_types(hidden.dtype, torch.float32)
    small = y.numel() * vocab <= DENSE and (weight.dtype == kind or weight.numel() <= DENSE)
    if chunk is None and small:
        logits = torch.nn.functional.linear(h.to(kind), weight.to(kind), None if bias is None else bias.to(kind))
        if softcap is not None:
            logits = softcap * torch.tanh(logits / softcap)
        out = dense(logits, y, stats, temperature, masked=bias is not None)
    else:
        found = HeadStats.apply(h, weight, bias, y, _plan(stats, vocab, temperature, softcap, chunk))
        out = dict(zip(want, found, strict=True))
    return {key: value.reshape(targets.shape) for key, value in out.items()}


def from_logits(
    logits: Float[Tensor, "... vocab"],
    targets: Int[Tensor, "..."],
    *,
    want: Sequence[str] = ("logp",),
    temperature: float = 1.0,
    chunk: int | None = None,
) -> dict[str, Float[Tensor, "..."]]:
    r"""The same statistics for a model whose output matrix is out of reach: the logits exist already.

    .. math:: p = \mathrm{softmax}(\mathrm{logits} / T)

    Large inputs are folded in chunks of rows, and the backward adds one matrix, the gradient itself.

    Args:
        logits: before the temperature; ``-inf`` removes an id.
        targets: see :func:`vocab_stats`.
        want: see :func:`vocab_stats`.
        temperature: above 0.
        chunk: tokens per chunk; None chooses.

    Returns:
        One tensor in the shape of ``targets`` per key.

    Raises:
        DataError: shapes differ, or a target is not in the vocabulary.
        RecipeError: a key, setting, temperature or chunk is wrong.

    Example:
        >>> out = from_logits(torch.zeros(1, 4), torch.tensor([2]), want=("logp", "collision"))
        >>> round(out["logp"].item(), 4), out["collision"].item()
        (-1.3863, 0.25)

    Source: as :func:`vocab_stats`.
    Differs: nothing but the input.
    """
    stats = _stats(want, temperature, None, chunk)
    if logits.shape[:-1] != targets.shape:
        seen = f"logits {tuple(logits.shape)}, targets {tuple(targets.shape)}"
        raise DataError("shapes do not fit", where="from_logits", seen=seen, allowed="[t, v], [t]")
    vocab = logits.shape[-1]
    _in_vocab(targets, vocab)
    z, y = logits.reshape(-1, vocab), targets.reshape(-1)
    if chunk is None and z.numel() <= DENSE:
        kind = torch.promote_types(logits.dtype, torch.float32)
        out = dense(z.to(kind), y, stats, temperature, masked=True)
    else:
        found = LogitStats.apply(z, y, _plan(stats, vocab, temperature, None, chunk))
        out = dict(zip(want, found, strict=True))
    return {key: value.reshape(targets.shape) for key, value in out.items()}


def _stats(want: Sequence[str], temperature: float, softcap: float | None, chunk: int | None) -> tuple[Stat, ...]:
    limits = (("temperature", temperature), ("softcap", softcap), ("chunk", chunk))
    for name, value in limits:
        if value is not None and not value > 0:
            raise RecipeError(f"{name} must be above 0", where="vocab_stats", seen=value)
    if isinstance(want, str) or not want or len(set(want)) < len(want):
        raise RecipeError("want must be a sequence of different keys", where="vocab_stats", seen=want)
    return tuple(Stat.parse(key) for key in want)


def _plan(
    stats: tuple[Stat, ...], vocab: int, temperature: float, softcap: float | None, chunk: int | None
) -> Plan:  # fmt: skip
    whole = any(s.name == "nucleus_entropy" for s in stats)
    columns = vocab if whole else min(vocab, COLUMNS)
    rows = chunk or max(1, (WIDE if whole else TILE) // columns)
    return Plan(stats, temperature, softcap, rows, columns)


def _in_vocab(targets: Tensor, vocab: int) -> None:
    if targets.numel() and int(targets.max()) >= vocab:
        raise DataError("a target is not in the vocabulary", where="vocab_stats", seen=int(targets.max()),
                        allowed=f"below {vocab}")  # fmt: skip
