"""What the adapters share: a grader from a name, and one binding per set of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.grading.batch import Graded, Item
from guerdon.grading.grader import Bound, Grader


class Calls:
    """A grader that is called again and again with rows of the same columns.

    Args:
        reward: a name as behind ``--with``, several, or what ``guerdon.reward`` made.
        columns: signals read from columns of another name.
        allow_code: whether a dotted path to code of the user may be imported.
    """

    def __init__(self, reward: str | Sequence[str] | Grader, columns: Mapping[str, str] | None, allow_code: bool):
        if isinstance(reward, Grader):
            self.grader = reward.over(columns or {})
        else:
            asks = [reward] if isinstance(reward, str) else list(reward)
            self.grader = Grader(asks, columns=columns, allow_code=allow_code)
        self._bound: tuple[frozenset[str], Bound] | None = None

    def grade(self, rows: Sequence[Mapping[str, Any]]) -> list[Graded]:
        """One graded row per row."""
        known = {str(name): None for row in rows for name in row}
        key = frozenset(known)
        found = self._bound  # once: another thread may bind other columns meanwhile
        if found is None or found[0] != key:
            found = self._bound = key, self.grader.bind(known)
        return found[1].grade([Item(i, f"row {i}", row) for i, row in enumerate(rows, start=1)])
