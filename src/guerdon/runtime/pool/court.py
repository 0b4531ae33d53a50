"""Whose fault a call that did not end is: a call is blamed only when a known-good one passes right after.

A call that ran out of time or memory is blamed once the known-good call (the canary) passes on a fresh worker. One
whose worker died is first run again, alone, on a worker that has just passed: something else may have killed it. If
the canary fails, the machine is at fault: the call is tried again, and in the end it is unavailable, which blames
nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from guerdon.records.calls import Outcome, Reply
from guerdon.runtime.pool.batch import Item

RETRIES = 2
RESTART_AFTER = 2  # canaries that fail in a row, before the helper process itself is replaced
GIVE_UP_AFTER = 4  # and before nothing here is believed to work


@dataclass
class Court:
    """Calls under accusation, calls to be run again on a proven worker, and how often the canary failed in a row."""

    accused: list[Item] = field(default_factory=list)
    suspects: deque[Item] = field(default_factory=deque)
    strikes: int = 0

    @property
    def waits(self) -> bool:
        """Whether a known-good call should be run now."""
        return bool(self.accused or self.suspects)

    def accuse(self, item: Item, charge: Reply, proven: bool) -> None:
        """A call did not end; ``proven``: its worker had passed a canary and done nothing else before."""
        item.charge = charge
        if proven and charge.outcome is Outcome.CRASHED and item.crashes:
            self._blame(item)
        else:
            self.accused.append(item)

    def summon(self) -> list[Item]:
        """Those whose case the canary that starts now decides."""
        found, self.accused = self.accused, []
        return found

    def passed(self, items: Iterable[Item]) -> None:
        """The canary passed after these calls failed."""
        self.strikes = 0
        for item in items:
            assert item.charge is not None
            if item.charge.outcome is Outcome.CRASHED and not item.crashes:
                item.crashes, item.retries = 1, item.retries + 1
                self.suspects.append(item)
            else:
                self._blame(item)

    def failed(self, items: Iterable[Item]) -> None:
        """The canary failed too: nobody is to blame, everything is tried again."""
        self.strikes += 1
        self.again(items, "a known-good call failed right after")

    def again(self, items: Iterable[Item], why: str) -> None:
        """Run calls again on a proven worker, or give them up when that was done often enough."""
        for item in items:
            if item.retries >= RETRIES:
                said = f" ({item.charge.outcome}: {item.charge.reason})" if item.charge else ""
                item.settle(Reply(Outcome.UNAVAILABLE, reason=f"{why}{said}", retries=item.retries))
            else:
                item.retries += 1
                self.suspects.append(item)

    def close(self, why: str) -> None:
        """Nothing healthy can run anything."""
        for item in [*self.summon(), *self.suspects]:
            item.settle(Reply(Outcome.UNAVAILABLE, reason=why, retries=item.retries))
        self.suspects.clear()
        self.strikes = 0

    def _blame(self, item: Item) -> None:
        assert item.charge is not None
        item.settle(replace(item.charge, retries=item.retries))
