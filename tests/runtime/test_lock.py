from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from guerdon.errors import RunError
from guerdon.runtime.lock import NAME, Owner, RunLock, holder, started

CHILD = """
import sys
from guerdon.errors import RunError
from guerdon.runtime.lock import RunLock
try:
    with RunLock(sys.argv[1]) as lock:
        print("held", len(lock.notes), flush=True)
        sys.stdin.read()
except RunError as error:
    print("refused", error.seen, flush=True)
"""


def start(folder) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finish(processes) -> None:
    for process in processes:
        process.communicate()
        assert process.returncode == 0


def write_owner(folder, owner: Owner) -> None:
    (folder / NAME).write_text(json.dumps({"v": 1, **asdict(owner)}))


def test_of_twenty_processes_one_gets_the_folder(tmp_path):
    processes = [start(tmp_path) for _ in range(20)]
    said = [p.stdout.readline().split(maxsplit=1) for p in processes]
    winner = [p for p, words in zip(processes, said, strict=True) if words[0] == "held"]
    assert len(winner) == 1
    refusals = [words[1].strip() for words in said if words[0] == "refused"]
    assert refusals == [f"pid {winner[0].pid}, host {os.uname().nodename}"] * 19
    assert holder(tmp_path).pid == winner[0].pid
    finish(processes)
    assert not (tmp_path / NAME).exists()
    assert holder(tmp_path) is None


def test_the_lock_of_a_killed_process_is_taken_over_by_one_of_eight(tmp_path):
    dead = start(tmp_path)
    assert dead.stdout.readline().startswith("held 0")
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert (tmp_path / NAME).exists()
    processes = [start(tmp_path) for _ in range(8)]
    said = sorted(p.stdout.readline().split()[0:2] for p in processes)
    assert said == [["held", "1"]] + [["refused", "pid"]] * 7
    finish(processes)


def test_take_over_says_whose_lock_it_was(tmp_path):
    dead = start(tmp_path)
    dead.stdout.readline()
    dead.kill()
    # not waited for: a zombie has a process number but runs no more
    while started(dead.pid):
        pass
    with RunLock(tmp_path) as lock:
        assert lock.notes == [
            f"took over the lock of process {dead.pid} on {os.uname().nodename}, which no longer runs"
        ]
    dead.communicate()


def test_a_recycled_process_number_is_not_mistaken(tmp_path):
    write_owner(tmp_path, replace(Owner.me(), started="1"))
    with RunLock(tmp_path) as lock:
        assert len(lock.notes) == 1


def test_an_earlier_boot_is_over(tmp_path):
    write_owner(tmp_path, replace(Owner.me(), boot="earlier"))
    assert holder(tmp_path) is None
    with RunLock(tmp_path) as lock:
        assert len(lock.notes) == 1


@pytest.mark.parametrize("change", [{"host": "elsewhere", "pid": 1}, {"space": "pid:[1]", "pid": 2**22 + 1}])
def test_what_cannot_be_seen_from_here_counts_as_running(tmp_path, change):
    other = replace(Owner.me(), **change)
    write_owner(tmp_path, other)
    with pytest.raises(RunError, match=f"in use by process {other.pid} on {other.host}") as caught, RunLock(tmp_path):
        pass
    assert "cannot be checked from here" in caught.value.fix
    assert str(tmp_path / NAME) in caught.value.fix
    assert (tmp_path / NAME).exists()


def test_one_process_cannot_hold_a_folder_twice(tmp_path):
    with RunLock(tmp_path), pytest.raises(RunError, match="in use by this process"), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        pass


@pytest.mark.parametrize("text", ["{", "[]", '{"pid": 1}', "\x00\xff", "[" * 100_000])
def test_a_lock_that_names_nobody_is_taken_over(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with RunLock(tmp_path) as lock:
        assert lock.notes == ["took over a lock file that names no process"]
        assert holder(tmp_path) == Owner.me()


def test_a_forked_child_does_not_release_the_lock(tmp_path):
    with RunLock(tmp_path) as lock:
        child = os.fork()
        if child == 0:
            lock.release()
            os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / NAME).exists()
    assert not (tmp_path / NAME).exists()


def test_release_leaves_the_lock_of_another(tmp_path):
    with RunLock(tmp_path):
        other = replace(Owner.me(), host="elsewhere")
        write_owner(tmp_path, other)
    assert json.loads((tmp_path / NAME).read_text())["host"] == "elsewhere"
