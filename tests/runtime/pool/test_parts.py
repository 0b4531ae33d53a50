"""The small parts of the pool: frames, clocks, and the court."""

from __future__ import annotations

import os

import pytest

from guerdon.records import Outcome, Reply
from guerdon.runtime.pool import watch
from guerdon.runtime.pool.batch import Item
from guerdon.runtime.pool.court import RETRIES, Court
from guerdon.runtime.pool.watch import TICK, Watch, state
from guerdon.runtime.pool.wire import Frames, WireError, frame, pack


def test_frames_survive_any_cut():
    data = pack(1, {"a": "\ud800"}) + frame(2**63, b"") + pack(3, [1, 2])
    wanted = [(1, b'{"a":"\\ud800"}'), (2**63, b""), (3, b"[1,2]")]
    for size in (1, 2, 11, 12, 13, len(data)):
        frames = Frames(100)
        parts = [data[i : i + size] for i in range(0, len(data), size)]
        assert [found for part in parts for found in frames.feed(part)] == wanted


def test_a_frame_above_the_cap_is_refused_before_it_arrives():
    frames = Frames(10)
    with pytest.raises(WireError, match="a message of 11 bytes, above the cap of 10"):
        list(frames.feed(frame(1, b"x" * 11)[:12]))


def clocks(monkeypatch, looks, base=2.0):
    """The clocks after looks of (time, state letter, processor seconds of the process)."""
    w = Watch()
    w.begin(base, 100.0)
    for now, letter, processor in looks:
        monkeypatch.setattr(watch, "state", lambda pid, found=(letter, processor): found)
        w.look(1, now)
    return round(w.processor, 6), round(w.slept, 6), round(w.passed, 6)


def test_running_sleeping_and_waiting_for_a_processor(monkeypatch):
    t = TICK
    assert clocks(monkeypatch, [(100 + t, "R", 2 + t), (100 + 2 * t, "R", 2 + 2 * t)]) == (0.1, 0.0, 0.1)
    assert clocks(monkeypatch, [(100 + t, "S", 2.0), (100 + 2 * t, "S", 2.0)]) == (0.0, 0.1, 0.1)
    # ready to run without a processor, or waiting for a disk: not its own doing
    assert clocks(monkeypatch, [(100 + t, "R", 2.0), (100 + 2 * t, "D", 2.0)]) == (0.0, 0.0, 0.1)
    # a program that sleeps between bits of work pays for both
    assert clocks(monkeypatch, [(100 + t, "S", 2.02), (100 + 2 * t, "S", 2.04)]) == (0.04, 0.06, 0.1)


def test_a_late_look_charges_two_ticks_of_sleep_at_most(monkeypatch):
    assert clocks(monkeypatch, [(160.0, "S", 2.0)]) == (0.0, 2 * TICK, 2 * TICK)
    # processor time is read from the process, so it counts in full
    assert clocks(monkeypatch, [(160.0, "R", 7.0)]) == (5.0, 0.0, 2 * TICK)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="this system does not show processes in /proc")
def test_the_state_of_a_process():
    letter, processor = state(os.getpid())
    assert letter == "R"
    assert processor > 0
    assert state(2**22 + 1) is None  # beyond the largest process number


class Settled(Item):
    """A call that keeps its reply."""

    __slots__ = ("reply",)

    def settle(self, reply):
        self.reply = reply


def accused():
    call = Settled(None, 0, "p.m.f", b"{}", 1.0, 100, 1.0)
    call.reply = None
    return call


TIMEOUT, CRASH = Reply(Outcome.TIMEOUT, reason="over 1 s"), Reply(Outcome.CRASHED, reason="killed")


def test_a_timeout_is_charged_when_the_canary_passes():
    court, call = Court(), accused()
    court.accuse(call, TIMEOUT, proven=False)
    assert call.reply is None
    court.passed(court.summon())
    assert call.reply == TIMEOUT
    assert not court.waits


def test_a_crash_needs_a_second_healthy_worker():
    court, call = Court(), accused()
    court.accuse(call, CRASH, proven=False)
    court.passed(court.summon())
    assert call.reply is None
    court.suspects.popleft()
    court.accuse(call, CRASH, proven=True)  # on a worker that had just passed: no further canary
    assert call.reply == Reply(Outcome.CRASHED, reason="killed", retries=1)


def test_without_a_canary_that_passes_nobody_is_charged():
    court, call = Court(), accused()
    for _ in range(RETRIES):
        court.accuse(call, TIMEOUT, proven=False)
        court.failed(court.summon())
        assert court.suspects.popleft() is call
    court.accuse(call, TIMEOUT, proven=False)
    court.failed(court.summon())
    assert call.reply.outcome is Outcome.UNAVAILABLE
    assert call.reply.retries == RETRIES
    assert court.strikes == RETRIES + 1


def test_those_accused_while_a_canary_runs_wait_for_the_next_one():
    court, first, second = Court(), accused(), accused()
    court.accuse(first, TIMEOUT, proven=False)
    running = court.summon()
    court.accuse(second, TIMEOUT, proven=False)
    court.passed(running)
    assert (first.reply, second.reply) == (TIMEOUT, None)
    assert court.waits
