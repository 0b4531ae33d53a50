"""Who may call: several threads, asyncio, forked processes; and what is left when a caller dies."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from tests.runtime.pool.support import HERE, children, gone, hostile, until

from guerdon.errors import MachineError, RecipeError, UnknownNameError
from guerdon.records import Call, Outcome, Reply
from guerdon.runtime import calls
from guerdon.runtime.pool.pool import Pool


def square(x, limit=5.0):
    return Call("pool", "bombs.square", {"x": x}, limit, 200)


LOOP = Call("pool", "bombs.loop", {}, 0.3, 200)


def test_threads_share_one_pool(pool):
    found = {}

    def work(n):
        found[n] = [r.value for r in pool.send([square(n * 100 + i) for i in range(100)])]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {n: [(n * 100 + i) ** 2 for i in range(100)] for n in range(8)}
    assert len(pool.workers()) <= 1 + 2


def test_a_small_batch_does_not_wait_for_a_large_one(pool):
    done = []
    large = [Call("pool", "bombs.spin", {"seconds": 0.01, "i": i}) for i in range(100)]
    thread = threading.Thread(target=lambda: done.append(("large", pool.send(large))))
    thread.start()
    until(lambda: len(pool.workers()) > 1)
    done.append(("small", pool.send([square(3)])))
    thread.join()
    assert [name for name, _ in done] == ["small", "large"]


def test_asyncio_runs_on_while_calls_are_out(pool):
    async def both():
        ticks = 0

        async def clock():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        task = asyncio.create_task(clock())
        with calls.using(pool=pool.send):
            replaced = await calls.asend([square(2)])
        replies = await asyncio.gather(*(pool.asend([square(i), LOOP]) for i in range(3)))
        task.cancel()
        return ticks, replaced, replies

    ticks, replaced, replies = asyncio.run(both())
    assert ticks >= 10  # three loops of 0.3 s on two workers last 0.45 s at least
    assert replaced[0].value == 4
    assert [r[0].value for r in replies] == [0, 1, 4]
    assert {r[1].outcome for r in replies} == {Outcome.TIMEOUT}


def test_a_cancelled_task_gives_its_calls_up(pool):
    async def cancelled():
        task = asyncio.create_task(pool.asend([Call("pool", "bombs.sleep", {}, 100.0)] * 2))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert pool.send([square(3)])[0].value == 9  # the workers did not stay with the sleepers


def _in_a_fork(queue, pool):
    queue.put(([r.value for r in pool.send([square(i) for i in range(5)])], pool.workers()))


def test_a_forked_process_gets_workers_of_its_own(pool):
    pool.send([square(1)])
    ours = pool.workers()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_a_fork, args=(queue, pool))
    child.start()
    values, theirs = queue.get()
    child.join()
    assert values == [0, 1, 4, 9, 16]
    assert set(ours).isdisjoint(theirs)
    assert gone(theirs) == []  # a worker process of multiprocessing ends without any clean-up
    assert [r.value for r in pool.send([square(2)])] == [4]
    assert pool.workers()[0] == ours[0]


def test_a_fork_while_calls_are_out(pool):
    replies = []
    thread = threading.Thread(target=lambda: replies.extend(pool.send([LOOP, square(4)])))
    thread.start()
    until(lambda: len(pool.workers()) > 1)
    if (pid := os.fork()) == 0:
        ok = pool.send([square(7)])[0].value == 49
        pool.close()
        os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    thread.join()
    assert [r.outcome for r in replies] == [Outcome.TIMEOUT, Outcome.DONE]


CALLER = """
import sys, threading, time
sys.path.insert(0, {root!r})
from tests.runtime.pool.support import hostile
from guerdon.records import Call
from guerdon.runtime.pool.pool import Pool
pool = Pool(hostile())
pool.send([Call("pool", "bombs.square", {{"x": 1}})])
calls = [Call("pool", "bombs.{program}", {payload!r}, 500.0)] * 2
threading.Thread(target=lambda: pool.send(calls), daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
{then}
"""


def caller(then, program="loop", **payload):
    root = str(HERE.parents[2])
    text = textwrap.dedent(CALLER).format(root=root, program=program, payload=payload, then=then)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=root)


@pytest.mark.parametrize("program", ["loop", "sleep", "deaf"])
def test_nothing_is_left_of_a_caller_that_was_killed(program):
    with caller("time.sleep(1000)", program, asleep=False) as process:
        assert process.stdout.readline() == b"ready\n"
        below = children(process.pid)
        assert len(below) >= 3  # the helper and two workers
        process.kill()
    assert gone(below) == []


def test_nothing_is_left_of_a_caller_that_ends():
    with caller("print(*pool.workers(), flush=True)") as process:
        assert process.stdout.readline() == b"ready\n"
        below = [int(p) for p in process.stdout.readline().split()]
    assert len(below) >= 2
    assert process.returncode == 0
    assert gone(below) == []


def test_an_interrupt_reaches_the_caller_and_not_the_workers():
    then = """
try:
    pool.send([Call("pool", "bombs.sleep", {}, 100.0)])
except KeyboardInterrupt:
    print(pool.send([Call("pool", "bombs.square", {"x": 5})])[0].value, flush=True)
"""
    with caller(then, "square", x=1) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"25\n"


def test_a_thousand_tasks_wait_side_by_side(pool):
    async def many():
        return await asyncio.gather(*(pool.asend([square(i)]) for i in range(1000)))

    assert [r[0].value for r in asyncio.run(many())] == [i * i for i in range(1000)]


THROTTLED = """
import os, sys
sys.path.insert(0, {root!r})
open({tasks!r}, "w").write(str(os.getpid()))
from tests.runtime.pool.support import hostile
from guerdon.records import Call
from guerdon.runtime.pool.pool import Pool
with Pool(hostile()) as pool:
    calls = [Call("pool", "bombs.spin", {{"seconds": 0.15, "i": i}}, 0.3) for i in range(20)]
    naps = [Call("pool", "bombs.sleep", {{"seconds": 0.15, "i": i}}, 0.3) for i in range(20)]
    print(*(r.outcome for r in pool.send([*calls, *naps, Call("pool", "bombs.loop", {{}}, 0.3)])))
"""


@pytest.mark.nightly
def test_on_a_host_throttled_to_a_tenth_no_right_answer_is_a_timeout():
    """A tenth of one core for two workers and the caller: ten times slower than the core they would have had."""
    group = Path("/sys/fs/cgroup/cpu/guerdon-test-throttle")
    try:
        group.mkdir(exist_ok=True)
        (group / "cpu.cfs_quota_us").write_text("10000")  # of a period of 100,000
    except OSError as error:
        pytest.skip(f"cannot throttle processes here: {error}")
    text = THROTTLED.format(root=str(HERE.parents[2]), tasks=str(group / "tasks"))
    try:
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=110, check=True)
    finally:
        until(lambda: not (group / "tasks").read_text())
        group.rmdir()
    assert done.stdout.split() == ["done"] * 40 + ["timeout"]


def test_nothing_leaks():
    def open_files():
        return len(os.listdir("/proc/self/fd"))

    with Pool(hostile()) as pool:
        pool.send([square(1)] * 20)
        before, threads = open_files(), threading.active_count()
        for _ in range(5):
            pool.send([square(1)] * 20 + [Call("pool", "bombs.kill_itself")] * 2)
        until(lambda: len(pool.workers()) <= 3)
        assert open_files() <= before + 1  # a worker more or less
        assert threading.active_count() == threads
        left = pool.workers()
    assert gone(left) == []
    assert open_files() < before


def test_a_closed_pool_fails_what_is_out_and_starts_again():
    pool = Pool(hostile(workers=1))
    errors = []

    def work():
        try:
            pool.send([Call("pool", "bombs.sleep", {}, 100.0)])
        except MachineError as error:
            errors.append(error.what)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: len(pool.workers()) > 1)
    pool.close()
    thread.join()
    assert errors == ["the worker pool was closed while calls were out"]
    assert pool.send([square(3)])[0].value == 9
    pool.close()


def test_no_process_can_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Pool(hostile()) as pool:
        replies = pool.send([square(1), square(2)])
    assert {r.outcome for r in replies} == {Outcome.UNAVAILABLE}
    assert replies[0].reason.startswith("no worker process can be started")


def test_a_helper_that_cannot_live(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Pool(hostile()) as pool:
        replies = pool.send([square(1)])
    assert [r.outcome for r in replies] == [Outcome.UNAVAILABLE]
    assert "dies again and again" in replies[0].reason


def test_settings_are_checked():
    with pytest.raises(RecipeError, match="above 0"):
        Pool(hostile(workers=0))


# the door


def test_channels_are_replaced_for_this_block_and_this_thread_only():
    other = []

    def scripted(sent):
        return [Reply(Outcome.DONE, c.program) for c in sent]

    def thread():
        other.append(calls._REPLACED.get())

    with calls.using(pool=scripted):
        mixed = [Call("pool", "a"), Call("sandbox", "b"), Call("pool", "c")]
        with calls.using(sandbox=lambda sent: [Reply(Outcome.UNAVAILABLE) for _ in sent]):
            assert [r.value for r in calls.send(mixed)] == ["a", None, "c"]
            assert [r.value for r in asyncio.run(calls.asend(mixed))] == ["a", None, "c"]
        started = threading.Thread(target=thread)
        started.start()
        started.join()
    assert [dict(c) for c in other] == [{}]
    assert dict(calls._REPLACED.get()) == {}


def test_the_door_refuses_what_it_does_not_know():
    with pytest.raises(UnknownNameError, match="unknown channel 'pol'"):
        calls.send([Call("pol", "basic.echo")])
    with calls.using(pool=lambda sent: []), pytest.raises(MachineError, match="one reply per call"):
        calls.send([Call("pool", "a")])
    with calls.using(pool=lambda sent: [1]), pytest.raises(MachineError, match="one reply per call"):
        calls.send([Call("pool", "a")])
    assert calls.send([]) == []


def test_the_usual_pool_answers():
    assert calls.send([Call("pool", "basic.echo", {"value": "x"})])[0].value == "x"
    assert asyncio.run(calls.asend([Call("pool", "basic.echo", {"value": "y"})]))[0].value == "y"
