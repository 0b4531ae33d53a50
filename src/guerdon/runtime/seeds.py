"""Randomness from coordinates: the same place in a run always gets the same numbers.

No stream is shared. A seed is a hash of where it is used (run seed, stage, step, prompt, sample), and the random number
of a row at a position depends on that row's seed and that position alone, so neither the number of workers, nor the
order of rows, nor the composition of a batch changes any number.
"""

from __future__ import annotations

import hashlib
import operator

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from guerdon.errors import MethodError

_PREFIX = b"guerdon.seed.1"
_GAMMA = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def seed(*coordinates: int | str) -> int:
    """A 63-bit seed for a place in a run, stable for ever.

    Each coordinate is encoded as a type letter, the length of its text in eight bytes and the text itself (decimal
    digits, or UTF-8), so that no two different lists share an encoding. The seed is the upper 63 bits of the 64-bit
    BLAKE2b digest of the prefix ``guerdon.seed.1`` and these encodings.

    Args:
        coordinates: whole numbers and strings, such as ``(run_seed, "rollout", step, prompt_id, sample)``.

    Returns:
        A number in :math:`[0, 2^{63})`.

    Raises:
        MethodError: a coordinate is neither a whole number nor a string (True and False are refused too).

    Example:
        >>> seed(0, "rollout", 3) == seed(0, "rollout", 3), seed(1, 23) == seed(12, 3), seed(1) == seed("1")
        (True, False, False)
    """
    digest = hashlib.blake2b(_PREFIX, digest_size=8)
    for item in coordinates:
        text = _encode(item)
        digest.update(text[:1] + (len(text) - 1).to_bytes(8, "big") + text[1:])
    return int.from_bytes(digest.digest(), "big") >> 1


def _encode(item: int | str) -> bytes:
    if isinstance(item, str):
        return b"s" + item.encode("utf-8", "surrogatepass")
    if not isinstance(item, bool):
        try:
            return b"i%d" % operator.index(item)
        except TypeError:
            pass
    raise MethodError(
        "a seed coordinate must be a whole number or a string", seen=f"{type(item).__name__} {item!r}",
        allowed=["int", "str"], fix="convert it where its meaning is known, for example round a float yourself",
    )  # fmt: skip


def generator(*coordinates: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator whose seed is :func:`seed` of the coordinates.

    Example:
        >>> a, b = generator(0, "mask", 7), generator(0, "mask", 7)
        >>> torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b))
        True
    """
    return torch.Generator(device=device).manual_seed(seed(*coordinates))


def uniforms(row_seeds: Int[Tensor, " rows"], counter: int) -> Float64[Tensor, " rows"]:
    r"""One uniform number per row for one position, without any state.

    .. math:: u = 2^{-53} \lfloor \mathrm{mix}(\mathrm{mix}(s) + (c + 1)\gamma \bmod 2^{64}) / 2^{11} \rfloor

    with the finaliser ``mix`` and the increment :math:`\gamma` of SplitMix64. The row seed is mixed first, so rows
    whose seeds differ by a multiple of :math:`\gamma` do not walk along one another's sequence.

    Args:
        row_seeds: one seed per row (int64), as given by :func:`seed`; any value is good, also 0, 1, 2.
        counter: position, 0 or more: the index of the token to be sampled.

    Returns:
        Numbers in [0, 1) with 53 random bits, each a function of its own seed and the counter only.

    Raises:
        MethodError: seeds that are not int64, or a negative counter.

    Example:
        >>> rows = torch.tensor([11, 12, 13])
        >>> torch.equal(uniforms(rows, 5)[1:], uniforms(rows[1:], 5))
        True

    Source: Steele, Lea and Flood 2014, Fast Splittable Pseudorandom Number Generators (finaliser variant 13).
    """
    if row_seeds.dtype != torch.int64 or counter < 0:
        raise MethodError(
            "uniforms needs int64 seeds and a counter of 0 or more", seen=f"{row_seeds.dtype}, counter {counter}",
            allowed="torch.int64, counter >= 0",
        )  # fmt: skip
    z = _mix(_mix(row_seeds) + _signed((counter + 1) * _GAMMA))
    return _shift(z, 11).to(torch.float64) * 2.0**-53


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _shift(z, 30)) * _signed(_MIX_1)
    z = (z ^ _shift(z, 27)) * _signed(_MIX_2)
    return z ^ _shift(z, 31)


def _shift(z: Tensor, bits: int) -> Tensor:
    # torch has no unsigned 64-bit shift: the arithmetic one copies the sign bit, which the mask takes out again
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
