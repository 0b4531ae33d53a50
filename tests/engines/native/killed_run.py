"""Runs in an interpreter of its own: trains or resumes, and kills itself at a counted change of the disk.

Between two changes of the disk a killed process leaves the same folder wherever it dies, so these counted moments stand
for all moments. ``serve`` forks a child per trial, which costs no import.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from guerdon.engines.callbacks import Callback
from guerdon.engines.native.run import resume, train
from guerdon.records.run import is_run

CHANGES = ("write", "pwrite", "ftruncate", "fsync", "replace", "unlink", "rmdir", "mkdir", "open")


class Moment:
    """Kills the process just before the n-th change of the disk, or after half of it when it is a write."""

    def __init__(self, at: int):
        self.at, self.count = at, 0
        self.real = {name: getattr(os, name) for name in CHANGES}
        for name in CHANGES:
            setattr(os, name, self.wrapped(name))

    def wrapped(self, name: str):
        real = self.real[name]

        def call(*args, **kwargs):
            if name == "open" and not (len(args) > 1 and args[1] & (os.O_CREAT | os.O_RDWR | os.O_WRONLY)):
                return real(*args, **kwargs)
            self.count += 1
            if self.count == self.at:
                if name == "write" and len(args[1]) > 1:
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call


class Check(Callback):
    """Kills the process at the n-th check of the supervised start."""

    def __init__(self, at: int):
        self.at, self.count = at, 0

    def on_warm_start(self, info):
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def go(recipe: Path, folder: Path, check: int = -1) -> dict:
    """Start the run, or continue it when there is one."""
    if is_run(folder):
        return dict(resume(folder, callbacks=[Check(check)]).summary)
    return dict(train(json.loads(recipe.read_text()), out=folder, callbacks=[Check(check)]).summary)


def forked(recipe: Path, folder: Path, at: int, check: int) -> int | None:
    """One attempt in a child; the number of changes it made, or None when it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            counter = Moment(at)
            go(recipe, folder, check)
            counter.real["write"](write, str(counter.count).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    text = os.read(read, 100)
    os.close(read)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status:
        raise RuntimeError(f"the run failed by itself (status {status})")
    return int(text)


def main() -> None:
    """``go RECIPE FOLDER``: one attempt. ``serve RECIPE``: trials from standard input, answers as JSON lines."""
    what, recipe = sys.argv[1], Path(sys.argv[2])
    if what == "go":
        print(json.dumps(go(recipe, Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as once:  # loads what a run needs, so that the children need not
        go(recipe, Path(once) / "run")
    for line in sys.stdin:
        chosen, folder, at, check = json.loads(line)
        print(json.dumps(forked(Path(chosen), Path(folder), at, check)), flush=True)


if __name__ == "__main__":
    main()
