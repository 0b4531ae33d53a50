"""How much a process has used of its time: processor time, time in which it slept, and time in which it had to wait.

Only the first two are its own doing. A process that is ready to run but gets no processor, on a busy or throttled
host, uses up neither, so a slow machine does not turn a right answer into a time-out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK = 0.05  # seconds between two looks
_STEP = 2 * TICK  # a look that comes later than this was late itself, so the machine is slow: not charged
_SLEEPS = "STt"
_CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass
class Watch:
    """The clocks of one worker, set back at the start of every call.

    Args:
        processor: processor seconds since the call began.
        slept: seconds in which the process waited for something that is not a processor.
        passed: seconds since the call began, as far as they were seen.
        dead: the process has ended.
    """

    processor: float = 0.0
    slept: float = 0.0
    passed: float = 0.0
    dead: bool = False
    _base: float = 0.0
    _last: float = 0.0

    def begin(self, base: float, now: float) -> None:
        """A call begins: ``base`` is the processor time that the worker had used before it."""
        self.processor = self.slept = self.passed = 0.0
        self._base, self._last = base, now

    def look(self, pid: int, now: float) -> None:
        """Bring the clocks up to date."""
        step, self._last = min(now - self._last, _STEP), now
        self.passed += step
        found = state(pid)
        if found is None:  # no such process, or a system that does not say: what passes counts as sleep
            self.slept += step
            return
        letter, total = found
        ran = max(total - self._base - self.processor, 0.0)
        self.processor += ran
        self.dead = letter in "ZX"
        if letter in _SLEEPS:
            self.slept += max(step - ran, 0.0)


def state(pid: int) -> tuple[str, float] | None:
    """State letter and processor seconds of a process, None where the system does not say."""
    try:
        # the second field is the program's name in brackets and may hold spaces and brackets itself
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], (int(fields[11]) + int(fields[12])) / _CLOCK
