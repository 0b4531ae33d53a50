"""The sandbox as part of other programs: threads, forks, workers, callers that are killed; nothing is left over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from guerdon.records import Call, Outcome
from guerdon.runtime.lock import started
from guerdon.runtime.sandbox import channel
from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import FunctionJob, Limits

DOUBLE = "def f(x): return 2 * x"


def job(x, source=DOUBLE, seconds=5.0):
    return FunctionJob(source, "f", [{"args": [x]}], Limits(seconds))


@pytest.fixture
def own():
    with LocalSandbox(lanes=2) as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        yield box


def gone(pids: list[int], within: float = 5.0) -> bool:
    end = time.monotonic() + within
    while (left := [p for p in pids if started(p) is not None]) and time.monotonic() < end:
        time.sleep(0.02)
    return not left


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_threads_share_a_sandbox(own):
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: own.run(job(i)).cases[0].value})) for i in range(12)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {i: 2 * i for i in range(12)}
    assert len(own._all) <= 2


def test_nothing_is_left_after_the_end(own, below):
    own.run(job(1))
    pids, files = below(own), open_files()
    for i in range(10):
        own.run(job(i))
        own.run(job(i, "def f(x):\n    while True: print(x)", 0.3))
    assert open_files() <= files + 8  # a second warm process at most
    own.close()
    assert pids
    assert gone(pids)
    assert own.run(job(4)).cases[0].value == 8  # and it starts again


def test_repeated_starts_leak_no_file():
    def once():
        with LocalSandbox(lanes=1) as box:
            if box.level != 3:
                pytest.skip(f"no isolation of level 3 here: {box.reason}")
            box.run(job(1))

    once()
    before = open_files()
    for _ in range(3):
        once()
    assert open_files() == before


def test_a_forked_process_starts_its_own(own, below):
    own.run(job(1))
    mine = below(own)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            value = own.run(job(21)).cases[0].value
            other = not set(below(own)) & set(mine)
            os.write(write, f"{value} {other}".encode())
            own.close()
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as file:
        assert file.read() == "42 True"
    os.waitpid(pid, 0)
    assert own.run(job(5)).cases[0].value == 10
    assert below(own)[:2] == mine[:2]  # its wrapper and its warm process live on


def in_worker(x):
    found = channel.send([Call("sandbox", "function", {"source": DOUBLE, "entry": "f", "cases": [{"args": [x]}]})])
    return found[0].outcome.value, found[0].value and found[0].value[0].value


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing(own, method):
    own.run(job(1))
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(in_worker, [1, 2, 3]) == [("done", 2), ("done", 4), ("done", 6)]


CALLER = """
import sys, time
from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import FunctionJob, Limits
box = LocalSandbox(lanes=1)
level = box.level
box.run(FunctionJob("def f(): pass", "f", [{}]))
print(level, next(iter(box._all)).process, flush=True)
source = "import os, time\\ndef f():\\n    os.fork(); os.fork()\\n    time.sleep(60)"
box.run(FunctionJob(source, "f", [{}], Limits(60.0)))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_caller_leaves_no_process(how):
    process = subprocess.Popen(
        [sys.executable, "-c", CALLER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    level, lane = map(int, process.stdout.readline().split())
    if level != 3:
        process.kill()
        pytest.skip("no isolation of level 3 here")

    def children(pid):
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [p for c in own for p in (int(c), *children(int(c)))]

    end = time.monotonic() + 10
    # the wrapper, the warm process, who waits for the next run, and four of this one
    while len(pids := [lane, *children(lane)]) < 7 and time.monotonic() < end:
        time.sleep(0.02)
    assert len(pids) == 7
    process.send_signal(how)
    process.wait(20)
    process.stdout.close()
    assert gone(pids)


def test_an_interrupted_wait_ends_the_run(own, below):
    def stop():
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    own.run(job(1))
    before = below(own)
    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        own.run(job(1, "import time\ndef f(x): time.sleep(60)", 60.0))
    thread.join()
    assert gone([p for p in before if p not in below(own)])
    assert own.run(job(3)).cases[0].value == 6


# the channel


def test_the_channel_answers_in_order():
    calls = [
        Call("sandbox", "function", {"source": DOUBLE, "entry": "f", "cases": [{"args": [i]}, {"args": [i + 1]}]})
        for i in range(6)
    ] + [
        Call("sandbox", "stdio", {"source": "print(input()[::-1])", "cases": [{"stdin": "abc"}]}),
        Call("sandbox", "nothing", {}),
        Call("sandbox", "function", {"source": ""}),
        Call("sandbox", "function", {"source": "#" * (1 << 20) + "x", "entry": "f", "cases": [{}]}),
        Call("sandbox", "function", {"source": "def f(): pass", "entry": "f", "cases": []}),
    ]  # fmt: skip
    with LocalSandbox() as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        replies = channel.sender(box)(calls)
    assert [[c.value for c in r.value] for r in replies[:6]] == [[2 * i, 2 * i + 2] for i in range(6)]
    assert replies[6].value[0].stdout == "cba\n"
    assert [r.outcome for r in replies[7:]] == [Outcome.RAISED, Outcome.RAISED, Outcome.REFUSED, Outcome.DONE]
    assert "function or stdio" in replies[7].reason
    assert "lacks cases, entry" in replies[8].reason
    assert replies[10].value == []


def test_a_sandbox_that_cannot_run_anything_blames_nobody():
    class Absent(LocalSandbox):
        level = 0  # type: ignore[assignment]

    reply = channel.sender(Absent())([Call("sandbox", "stdio", {"source": "", "cases": [{}]})])[0]
    assert (reply.outcome, reply.theirs) == (Outcome.UNAVAILABLE, False)
