"""How much of one text, set or list is in another: words, parts, sets, and the pairing of items that fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from guerdon.errors import MachineError, UnknownNameError
from guerdon.ops.answers import plain_text, squad_words


def words(text: str, normalise: str) -> list[str]:
    """Words of a text: ``squad`` drops case, ASCII punctuation and articles, ``text`` as in ``answer_equal``.

    Example:
        >>> words("The  cat's hat.", "squad"), words("The  cat's hat.", "text")
        (['cats', 'hat'], ['the', "cat's", 'hat'])
    """
    if normalise == "squad":
        return squad_words(text)
    if normalise == "text":
        return plain_text(text).split()
    if normalise == "none":
        return text.split()
    raise UnknownNameError("normalisation", normalise, ("squad", "text", "none"))


def bag_f1(found: Sequence[str], wanted: Sequence[str]) -> float:
    """F1 of two bags; 0 where they share nothing, also where one is empty.

    Example:
        >>> bag_f1(["a", "b", "b"], ["b", "c", "b"])
        0.6666666666666666
    """
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted)) if shared else 0.0


def bag_jaccard(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Size of the intersection over the size of the union, counting repeats; 1 for two empty bags.

    Example:
        >>> bag_jaccard(["a", "a"], ["a"]), bag_jaccard([], [])
        (0.5, 1.0)
    """
    shared = sum((Counter(found) & Counter(wanted)).values())
    union = len(found) + len(wanted) - shared
    return shared / union if union else 1.0


def parts_of(gold: str) -> list[str]:
    """Parts of a gold result written as ``red, blue``; a comma without a space separates nothing.

    Example:
        >>> parts_of("red, blue"), parts_of("1,234")
        (['red', 'blue'], ['1,234'])
    """
    return [p.strip() for p in gold.split(", ") if p.strip()]


def missing_parts(text: str, parts: Collection[str], *, normalise: bool = True, whole: bool = False) -> list[str]:
    """The parts that a text does not hold.

    Args:
        text: where to look.
        parts: what must occur.
        normalise: whether case and commas are ignored, so that ``1,234`` holds ``1234``.
        whole: whether a part may not touch a letter or digit, so that ``12`` is not found in ``312``.

    Example:
        >>> missing_parts("Total: 1,234", ["1234", "red"]), missing_parts("312", ["12"], whole=True)
        (['red'], ['12'])
    """
    where = _plain(text) if normalise else text
    return [p for p in parts if not _holds(where, _plain(p) if normalise else p, whole)]


def _plain(text: str) -> str:
    return text.lower().replace(",", "").strip()


def _holds(text: str, part: str, whole: bool) -> bool:
    if not whole:
        return part in text
    return re.search(rf"(?<![^\W_]){re.escape(part)}(?![^\W_])", text) is not None


def pairs(fits: Sequence[Collection[int]]) -> list[int]:
    """The largest pairing of rows with columns: per row its column, -1 where it stays alone.

    Args:
        fits: per row, the columns it may take.

    Example:
        >>> pairs([{0, 1}, {0}, {0}])
        [1, 0, -1]
    """
    owner: dict[int, int] = {}
    for row in range(len(fits)):
        _place(row, fits, owner)
    taken = {r: c for c, r in owner.items()}
    return [taken.get(r, -1) for r in range(len(fits))]


def _place(row: int, fits: Sequence[Collection[int]], owner: dict[int, int]) -> None:
    """Give a row a column, moving earlier rows along the shortest chain that frees one."""
    via: dict[int, int] = {}
    queue = [row]
    for current in queue:
        for column in sorted(fits[current]):
            if column in via:
                continue
            via[column] = current
            if column not in owner:
                _shift(column, row, via, owner)
                return
            queue.append(owner[column])


def _shift(column: int, row: int, via: dict[int, int], owner: dict[int, int]) -> None:
    while True:
        mover = via[column]
        before = next((c for c, r in owner.items() if r == mover), -1)
        owner[column] = mover
        if mover == row:
            return
        column = before


def best_total(points: Sequence[Sequence[float]]) -> float:
    """Largest sum of points when every row is paired with at most one column.

    Raises:
        MachineError: there are several rows and columns, and scipy is not installed.

    Example:
        >>> best_total([[1.0, 0.75], [0.5, 0.0]])
        1.25
    """
    if not points or not points[0]:
        return 0.0
    if min(len(points), len(points[0])) == 1:
        return max(p for row in points for p in row)
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MachineError(
            "the package scipy is not installed, which pairs several items", seen=str(error),
            fix="pip install 'guerdon[stats]'",
        ) from error  # fmt: skip
    rows, columns = linear_sum_assignment(points, maximize=True)
    return float(sum(points[i][j] for i, j in zip(rows, columns, strict=True)))
