"""What honest code gets: values, exceptions, output, sessions; and whose fault it is when there is no value."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from pathlib import Path

import pytest

from guerdon.errors import MethodError, RecipeError
from guerdon.runtime.sandbox import local, orders
from guerdon.runtime.sandbox.lane import _below
from guerdon.runtime.sandbox.local import MAX_STOPS, LocalSandbox
from guerdon.runtime.sandbox.protocol import CaseOutcome as Case
from guerdon.runtime.sandbox.protocol import FunctionJob, Limits, StdioJob
from guerdon.runtime.sandbox.run import LaneError


def test_values_come_back_with_their_types(ask):
    value = [1, (2.5, None), {"a": {1, 2}, (1,): b"x"}, True, frozenset({"z"}), 1j, 10**400]
    result = ask("def f(x): return x", value)
    assert (result.outcome, result.value, result.level) == (Case.RETURNED, value, 3)
    assert type(result.value[1]) is tuple
    nan = ask("def f(): return float('nan')").value
    assert nan != nan


def test_an_exception_is_named(ask):
    result = ask("class Odd(Exception): pass\ndef f(x): raise Odd('no ' + x)", "way")
    assert (result.outcome, result.error, result.theirs) == (Case.RAISED, "Odd: no way", True)
    assert ask("def f(): raise KeyError").error == "KeyError"
    assert ask("import sys\ndef f(): sys.exit(0)").error == "SystemExit: 0"
    assert ask("def g(): pass").error == "NameError: the code defines no 'f'"
    assert ask("def f(:").error.startswith("SyntaxError")
    assert ask("raise ValueError('early')").error == "ValueError: early"
    assert ask("def f(n): return f(n + 1)", 0).error.startswith("RecursionError")
    silent = "class E(Exception):\n    def __str__(self): raise TypeError\ndef f(): raise E"
    assert ask(silent).error == "E: its text raises"


def test_what_is_no_plain_value_is_said(ask):
    assert ask("def f(): return object").error == "returned a value of type type"
    always = "class A(int):\n    __eq__ = lambda *a: True\n    __hash__ = int.__hash__\ndef f(): return A()"
    assert ask(always).outcome is Case.NOT_PLAIN
    assert ask("def f(): return 'x' * 10000", value_bytes=5000).outcome is Case.TOO_LARGE


def test_the_end_of_a_process_is_a_crash(ask):
    assert ask("import os\ndef f(): os._exit(0)").error == "its process ended with code 0 and without a value"
    assert ask("import os\ndef f(): os.abort()").error.startswith("its process was killed by SIG")
    assert ask("import ctypes\ndef f(): ctypes.string_at(0)").error == "its process was killed by SIGSEGV"


def test_entries_with_a_class(box):
    source = "class Solution:\n    def twice(self, x): return 2 * x\n    @staticmethod\n    def once(x): return x"
    for entry, expected in (("Solution.twice", 6), ("Solution.once", 3)):
        assert box.run(FunctionJob(source, entry, [{"args": [3]}])).cases[0].value == expected


def test_every_case_has_a_fresh_process_unless_asked(box):
    source = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
    cases = [{"args": [i]} for i in range(3)]
    assert [c.value for c in box.run(FunctionJob(source, "f", cases)).cases] == [1, 1, 1]
    assert [c.value for c in box.run(FunctionJob(source, "f", cases, fresh=False)).cases] == [1, 2, 3]


def test_chance_is_the_same_in_every_process(box):
    source = "import random\ndef f(): return random.random(), list({'a', 'b', 'c', 'd'})"
    results = box.run(FunctionJob(source, "f", [{}, {}])).cases
    assert results[0].value == results[1].value


def test_common_modules_and_pieces_of_the_language_work(ask):
    source = """
import collections, dataclasses, enum, heapq, json, math, re, subprocess, sys, tempfile, threading, multiprocessing
@dataclasses.dataclass
class P:
    x: int
def f(n):
    with tempfile.NamedTemporaryFile('w+') as file:
        file.write('kept'); file.seek(0); kept = file.read()
    box = []
    t = threading.Thread(target=lambda: box.append(n)); t.start(); t.join()
    child = subprocess.run([sys.executable, '-S', '-c', 'print(6 * 7)'], capture_output=True, text=True)
    a, b = multiprocessing.Pipe()
    p = multiprocessing.get_context('fork').Process(target=b.send, args=(5,)); p.start(); got = a.recv(); p.join()
    return kept, box, child.stdout, got, P(n).x, json.dumps([n]), math.gcd(12, 18), re.sub('a', 'b', 'aa')
"""
    assert ask(source, 4, seconds=5.0).value == ("kept", [4], "42\n", 5, 4, "[4]", 6, "bb")


def test_programs(execute):
    result = execute(
        "import sys\nprint(sum(map(int, input().split())))\nprint(sys.argv[1:], __name__)", "1 2\n", "a", "b c"
    )
    assert (result.outcome, result.stdout, result.exit_code) == (Case.EXITED, "3\n['a', 'b c'] __main__\n", 0)
    assert execute("raise SystemExit('bye')").stderr == "bye\n"
    assert execute("import sys; sys.exit(300)").exit_code == 300 & 0xFF
    failed = execute("def g():\n    1 / 0\nprint('before')\ng()")
    assert (failed.exit_code, failed.stdout) == (1, "before\n")
    assert failed.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "zygote" not in failed.stderr + execute("x = (").stderr  # a trace of its own lines only
    assert execute("x = bytearray(1 << 40)").outcome is Case.MEMORY
    assert execute("import os; os.kill(os.getpid(), 11); import ctypes; ctypes.string_at(0)").outcome is Case.CRASHED


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.stdout.write('done')",
        "import sys; sys.stdout = open(1, 'w'); print('done', end='')",
        "import sys, io; out = io.TextIOWrapper(sys.stdout.buffer); sys.stdout = out; print('done', end='')",
        "import atexit; atexit.register(lambda: print('done', end=''))",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(.05), print('done', end=''))).start()",
        "out = open(1, 'w', closefd=False); out.write('done')",
        "import os; os.write(1, b'done'); os._exit(0)",
        "import os, sys\nif os.fork() == 0:\n    print('done', end=''); sys.exit(0)\nos.wait()",
    ],
)
def test_everything_a_program_wrote_arrives(execute, source):
    result = execute(source, seconds=3.0)
    assert (result.stdout, result.exit_code) == ("done", 0), result


def test_large_input_and_output(execute):
    text = "".join(f"{i}\n" for i in range(100_000))
    result = execute("import sys; sys.stdout.write(sys.stdin.read())", text, seconds=5.0, output_bytes=1 << 20)
    assert result.stdout == text
    assert execute("import sys; print(len(sys.stdin.buffer.read()))", "é" * 10, seconds=5.0).stdout == "20\n"


def test_a_session_keeps_its_state_and_returns_changed_arguments(box):
    with box.session(
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    x.append(n)\n    print(n)\n    return n"
    ) as session:
        first, second = session.call("f", ([],)), session.call("f", ([7],), arguments=True)
        assert (first.value, first.args, first.stdout) == (1, None, "1\n")
        assert (second.value, second.args, second.stdout) == (2, ([7, 2],), "2\n")
        assert session.call("g").error == "NameError: the code defines no 'g'"


def test_a_session_goes_on_after_a_crash(box):
    source = """
import os, time
n = 0
def f(x):
    global n
    n += 1
    if x == 1: os._exit(0)
    if x == 2: time.sleep(9)
    return n
"""
    with box.session(source, limits=Limits(seconds=0.3)) as session:
        outcomes = [session.call("f", (x,)) for x in (0, 0, 1, 0, 2, 0)]
    assert [r.value for r in outcomes] == [1, 2, None, 1, None, 1]
    assert [r.outcome for r in outcomes if r.value is None] == [Case.CRASHED, Case.TIMEOUT]


def test_work_between_the_calls_of_a_session_is_charged(box):
    source = """
import threading
def spin():
    while True: pass
def f(): threading.Thread(target=spin).start()
def g(): return 1
"""
    with box.session(source, limits=Limits(seconds=0.4)) as session:
        session.call("f")
        for wait in (1.0, 2.0, 4.0, 8.0, 16.0, 16.0):  # on a busy machine 0.4 s of the processor take a while
            result = session.call("g")
            if result.outcome is not Case.RETURNED:
                break
            time.sleep(wait)
    assert result.outcome in (Case.TIMEOUT, Case.CRASHED)
    with box.session("def g(): return 1", limits=Limits(seconds=0.3)) as session:
        assert session.call("g").value == 1
        time.sleep(0.5)  # time in which nothing is asked is not charged
        assert session.call("g").value == 1


def test_more_sessions_than_lanes_do_not_wait_for_each_other(box):
    sessions = [box.session(f"def f(): return {i}") for i in range(4)]
    assert [s.call("f").value for s in sessions] == [0, 1, 2, 3]
    for s in sessions:
        s.close()
    assert len(box._idle) <= box.lanes


def test_after_a_few_cases_without_an_answer_the_rest_is_not_run(box):
    job = FunctionJob(
        "def f(x):\n    while x % 2: pass\n    return x", "f", [{"args": [i]} for i in range(12)], Limits(0.2)
    )
    results = box.run(job).cases
    assert [r.outcome for r in results[:6]] == [Case.RETURNED, Case.TIMEOUT] * 3
    assert {(r.outcome, r.error) for r in results[6:]} == {(Case.TIMEOUT, f"not run: {MAX_STOPS} cases gave no answer")}


@pytest.mark.parametrize("case", [{"args": [object()]}, {"args": 3}, {"args": [], "kwargs": [1]}])
def test_inputs_that_cannot_be_sent_are_an_error_of_the_caller(box, case):
    with pytest.raises(MethodError, match="case 0"):
        box.run(FunctionJob("def f(): pass", "f", [case]))


def test_programs_get_text_only(box):
    with pytest.raises(MethodError, match="case 0"):
        box.run(StdioJob("", [{"stdin": b"x"}]))


def test_what_one_run_started_does_not_count_for_the_next(ask):
    start = "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    many = f"import threading, time\ndef f():\n    for _ in range(30): {start}"
    few = many.replace("30", "25")
    for _ in range(5):  # a thread takes 8 MB of address space for its stack
        assert ask(many, memory_mb=500).outcome is Case.RETURNED
        assert ask(few, memory_mb=500).outcome is Case.RETURNED


@pytest.fixture
def limited():
    before = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 3600, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CPU, before)


def test_soft_limits_of_the_caller_do_not_bind_the_warm_process(limited):
    """A worker of the pool has limits for its call; what it starts lives longer than that call."""
    with LocalSandbox(lanes=1) as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        box.run(FunctionJob("def f(): return 1", "f", [{}]))
        (lane,) = box._all
        (warm,) = _below(lane.process)
        line = next(x for x in Path(f"/proc/{warm}/limits").read_text().splitlines() if x.startswith("Max cpu time"))
    assert line.split()[3] == line.split()[4]  # soft and hard


# whose fault it is


def test_when_the_known_good_program_fails_nobody_is_blamed(box, monkeypatch):
    monkeypatch.setattr(orders, "CANARY", "def double(x):\n    return 3 * x\n")
    result = box.run(FunctionJob("import os\ndef f(): os._exit(1)", "f", [{}])).cases[0]
    assert (result.outcome, result.theirs) == (Case.UNAVAILABLE, False)
    assert "known-good program" in result.error
    assert box.run(FunctionJob("def f(): return 1", "f", [{}])).cases[0].value == 1  # answers need no such proof


def test_a_warm_process_killed_in_mid_run_is_replaced_and_the_run_repeated(box, below):
    source = "import time\ndef f():\n    time.sleep(0.4)\n    return 5"
    results = []
    thread = threading.Thread(target=lambda: results.append(box.run(FunctionJob(source, "f", [{}])).cases[0]))
    thread.start()
    time.sleep(0.2)
    for lane in list(box._all):
        for pid in below(box):
            if pid != lane.process:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
    thread.join()
    assert results[0].value == 5


def test_who_waits_for_the_next_run_may_be_killed(box, below):
    run = FunctionJob("def f(): return 1", "f", [{}])
    box.run(run)
    for _ in range(3):
        for lane in list(box._all):
            (warm,) = _below(lane.process)
            for pid in _below(warm):
                with contextlib.suppress(ProcessLookupError):  # one may just have ended by itself
                    os.kill(pid, signal.SIGKILL)
        assert box.run(run).cases[0].value == 1


def test_what_ends_two_healthy_warm_processes_is_at_fault(box):
    def work(lane):
        raise LaneError("the warm process of the sandbox died")

    result = box.settle(work)
    assert (result.outcome, result.theirs) == (Case.CRASHED, True)
    assert "two healthy" in result.error


def test_one_in_twenty_crashing_runs_costs_the_others_nothing(box):
    cases = [{"args": [i]} for i in range(40)]
    source = "import os\ndef f(x):\n    if x % 20 == 7: os._exit(1)\n    return x"
    results = box.run(FunctionJob(source, "f", cases)).cases
    assert [r.value for r in results] == [None if i % 20 == 7 else i for i in range(40)]


def test_a_warm_process_is_replaced_after_its_share_of_runs():
    with LocalSandbox(lanes=1, tasks=3) as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        seen = []
        for _ in range(7):
            box.run(FunctionJob("def f(): return 1", "f", [{}]))
            seen.append(next((lane.process for lane in box._all), None))
    assert len({p for p in seen if p}) >= 2


# levels


def test_without_isolation_nothing_runs_and_nobody_is_blamed(monkeypatch):
    def no(level, *args):
        raise LaneError("no such tool")

    monkeypatch.setattr(local, "Lane", no)
    with LocalSandbox(trust=False) as box:
        result = box.run(FunctionJob("def f(): return 1", "f", [{}]))
    assert (box.level, result.level) == (0, 0)
    assert result.cases[0].outcome is Case.UNAVAILABLE
    assert "install bubblewrap" in result.cases[0].error
    assert "level 3: no such tool" in result.cases[0].error


def test_level_one_needs_a_word_of_trust(monkeypatch):
    monkeypatch.delenv("GUERDON_TRUST_CODE", raising=False)
    with pytest.raises(RecipeError, match="does not keep code away"):
        LocalSandbox(level=1)
    with pytest.raises(RecipeError):
        LocalSandbox(level=0)
    monkeypatch.setenv("GUERDON_TRUST_CODE", "1")
    with LocalSandbox(level=1) as box:
        result = box.run(FunctionJob("def f(x): return 2 * x", "f", [{"args": [2]}]))
        assert result.cases[0].value == 4
        assert (result.level, result.cases[0].level) == (1, 1)
        assert "declared to be trusted" in result.note
        job = FunctionJob("import os, time\ndef f():\n    os.fork()\n    time.sleep(9)", "f", [{}], Limits(0.2))
        assert box.run(job).cases[0].outcome is Case.TIMEOUT


def test_level_two_hides_the_files_of_the_host(needs, tmp_path):
    needs("unshare")
    (tmp_path / "secret").write_text("x")
    with LocalSandbox(level=2) as box:
        source = "import os\ndef f(p): return os.path.exists(p), sorted(os.listdir('/')), os.listdir('/proc')"
        result = box.run(FunctionJob(source, "f", [{"args": [str(tmp_path / "secret")]}]))
        if result.cases[0].outcome is Case.UNAVAILABLE:
            pytest.skip(f"no isolation of level 2 here: {result.cases[0].error}")
        hidden, root, processes = result.cases[0].value
        assert not hidden
        assert processes == []
        assert not {"etc", "home", "work", "var"} & set(root) - {"etc"}
        wrote = "def f():\n    open('/usr/lib/x', 'w')"
        assert box.run(FunctionJob(wrote, "f", [{}])).cases[0].outcome is Case.RAISED
        assert "level 2" in result.note


def test_packages_can_be_there_before_the_first_run():
    with LocalSandbox(lanes=1, preload=("numpy",)) as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        source = "import numpy as np\ndef f(n): return np.arange(n).sum().item()"
        assert box.run(FunctionJob(source, "f", [{"args": [5]}], Limits(5.0))).cases[0].value == 10
    with LocalSandbox(lanes=1) as box:
        assert box.run(FunctionJob(source, "f", [{"args": [5]}])).cases[0].error.startswith("ModuleNotFoundError")
