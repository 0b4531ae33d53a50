"""Who gets which call, and how much time: without any process."""

from __future__ import annotations

import pytest

from guerdon.errors import MethodError
from guerdon.records import Call, Outcome, Reply
from guerdon.runtime.pool.batch import LEAST, Batch


def batch(calls, halve_after=2):
    return Batch(calls, "programs", 10_000, halve_after)


def bomb(i, seconds=5.0):
    return Call("pool", "a.bomb", {"i": i}, seconds)


def taken(b):
    item = b.peek()
    b.take()
    item.limit = b.limit(item)
    return item


def test_limits_halve_with_every_second_timeout_down_to_the_least():
    b = batch([bomb(i) for i in range(26)])
    limits = []
    for _ in range(26):
        item = taken(b)
        limits.append(item.limit)
        item.settle(Reply(Outcome.TIMEOUT, seconds=item.limit))
    assert limits[:10] == [5, 5, 2.5, 2.5, 1.25, 1.25, 0.625, 0.625, 0.3125, 0.3125]
    assert limits[10:] == [LEAST] * 16
    # the goal: 256 calls with a tenth of bombs within 15 s on two cores, canaries and new workers included
    assert sum(limits) == 23.375 < 2 * 15
    assert b.future.done()


def test_limits_stay_above_twice_what_a_finished_call_took():
    b = batch([Call("pool", "a.bomb", {"slow": 1}), *(bomb(i) for i in range(9)), Call("pool", "b.other")])
    taken(b).settle(Reply(Outcome.DONE, seconds=1.1))
    for _ in range(8):
        taken(b).settle(Reply(Outcome.TIMEOUT))
    item = taken(b)
    assert item.limit == 2.2
    assert b.over_time(item) == " instead of 5 s, because 8 calls of this batch took too long"
    other = taken(b)
    assert (other.limit, b.over_time(other)) == (5.0, "")  # another program is not affected


def test_only_timeouts_shorten():
    b = batch([bomb(i) for i in range(9)])
    for outcome in (Outcome.CRASHED, Outcome.MEMORY, Outcome.RAISED, Outcome.UNAVAILABLE, Outcome.REFUSED):
        taken(b).settle(Reply(outcome))
    assert taken(b).limit == 5.0


def test_an_equal_call_of_a_failed_one_is_not_run():
    b = batch([bomb(1), bomb(2), bomb(1), bomb(1, seconds=6.0), bomb(1)])
    taken(b).settle(Reply(Outcome.TIMEOUT, reason="over 5 s"))
    taken(b).settle(Reply(Outcome.DONE, 4))
    assert taken(b).seconds == 6.0  # more time is another call
    assert b.peek() is None
    assert (
        b.replies[2] == b.replies[4] == Reply(Outcome.TIMEOUT, reason="an equal call of this batch ended so: over 5 s")
    )
    assert b.left == 1


def test_a_call_that_raised_is_run_again():
    b = batch([bomb(1), bomb(1)])
    taken(b).settle(Reply(Outcome.RAISED))
    assert taken(b).place == 1


def test_untouched_calls_come_back_first_and_in_order():
    b = batch([bomb(i) for i in range(4)])
    first, second, third = taken(b), taken(b), taken(b)
    assert b.waiting == 1
    b.back([second, third])
    assert [taken(b).place for _ in range(3)] == [1, 2, 3]
    assert first.place == 0
    assert b.peek() is None


def test_replies_stand_in_the_order_of_the_calls():
    b = batch([bomb(i) for i in range(3)])
    items = [taken(b) for _ in range(3)]
    for item in reversed(items):
        item.settle(Reply(Outcome.DONE, item.place))
    assert [r.value for r in b.future.result()] == [0, 1, 2]


def test_what_cannot_be_sent():
    too_large, too_many_digits = Call("pool", "a.b", {"x": "y" * 20_000}), Call("pool", "a.b", {"x": 10**5000})
    b = batch([too_large, too_many_digits])
    assert b.peek() is None
    assert [r.outcome for r in b.future.result()] == [Outcome.REFUSED] * 2
    b = batch([Call("pool", "a.b", {"x": object()}), bomb(1)])
    assert b.peek() is None
    with pytest.raises(MethodError, match="a payload must be plain data: Object of type object"):
        b.future.result()
