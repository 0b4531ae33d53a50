"""Longest common subsequence, and what is measured with it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def lcs_length(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence.

    One bit per item of ``a`` in a whole number, so a step of ``b`` costs one addition: two texts of 20,000 words take
    a fraction of a second.

    Example:
        >>> lcs_length("abcbdab", "bdcaba"), lcs_length(["a", "b"], ["b", "a"]), lcs_length("", "a")
        (4, 1, 0)
    """
    where: dict[Hashable, int] = {}
    for i, item in enumerate(a):
        where[item] = where.get(item, 0) | 1 << i
    full = (1 << len(a)) - 1
    # a zero bit stands where the length grows by one
    open_bits = full
    for item in b:
        hit = open_bits & where.get(item, 0)
        open_bits = (open_bits + hit | open_bits - hit) & full
    return len(a) - open_bits.bit_count()


def f_beta(shared: int, found: int, wanted: int, beta: float = 1.0) -> float:
    """F score of a number of shared items; 0 where nothing is shared.

    Example:
        >>> f_beta(2, 4, 3), f_beta(0, 0, 0)
        (0.5714285714285715, 0.0)
    """
    if not shared:
        return 0.0
    precision, recall = shared / found, shared / wanted
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
