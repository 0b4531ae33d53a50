from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guerdon.engines.callbacks import Callback
from guerdon.engines.native.run import resume, train
from guerdon.errors import Interrupted, MachineError, RunError
from guerdon.records.run import RunFolder

SCRIPT = Path(__file__).with_name("killed_run.py")
# every part that a resume must bring back: refilling selection with a running mean, controller, reference, warm-up,
# several updates per batch, an epoch that ends in between, evaluations
FULL = {
    "task": {"use": "arithmetic", "digits": 1, "size": 30},
    "rollout": {"prompts": 2, "group": 6},
    "selection": [{"use": "group_filter", "low": 0.0, "high": 1.0, "by": "accuracy", "refill": True,
                   "max_batches": 4, "ema_ratio": 0.1, "warmup": 2}],
    "objective": ["clip", "kl_penalty", {"use": "adaptive_kl", "target": 0.01, "horizon": 1000.0}],
    "train": {"steps": 10, "warmup": 3, "schedule": "cosine", "checkpoint_every": 2, "epochs": 2, "minibatches": 2,
              "lr": 1e-2, "threads": 1, "clip_norm": 0.5},
    "eval": {"every": 3, "size": 6, "samples": 2},
}  # fmt: skip
WARM = {
    "policy": {"use": "tiny", "hidden": 16, "layers": 1, "heads": 2, "window": 32},
    "warm_start": {"target": [0.05, 1.0], "batch": 32, "lr": 1e-2, "check_every": 4, "check_size": 40},
    "train": {"steps": 2, "checkpoint_every": 1},
}


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def outcome(folder: Path) -> dict[str, object]:
    """All that two equal runs agree on."""
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all(m.pop("time") is not None for m in metrics)
    weights = sorted((folder / "policy").glob("*.safetensors"))
    summary = json.loads((folder / "summary.json").read_text())
    assert weights
    return {
        "weights": [hashlib.sha256(p.read_bytes()).hexdigest() for p in weights],
        "metrics": metrics,
        "rollouts": (folder / "rollouts.jsonl").read_bytes(),
        "summary": {k: v for k, v in summary.items() if not k.endswith("seconds")},
    }


def same(found: dict[str, object], expected: dict[str, object]) -> None:
    for key, value in expected.items():
        assert found[key] == value, key


class Server:
    """Trials in children of one fresh interpreter."""

    def __init__(self, recipe: Path):
        self.recipe = recipe
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "serve", str(recipe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment(),
        )  # fmt: skip

    def attempt(self, folder: Path, at: int = -1, check: int = -1, recipe: Path | None = None) -> int | None:
        print(json.dumps([str(recipe or self.recipe), str(folder), at, check]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "the interpreter of the trials ended"
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def full(recipe, tmp_path_factory):
    """The recipe's file, the server for it, the uninterrupted run and its number of changes of the disk."""
    root = tmp_path_factory.mktemp("full")
    file = root / "recipe.json"
    file.write_text(json.dumps(recipe(**FULL).data()))
    server = Server(file)
    changes = server.attempt(root / "whole")
    yield file, server, outcome(root / "whole"), changes
    server.close()


def test_the_recipe_of_these_tests_exercises_what_it_should(full):
    _, _, expected, changes = full
    steps = [m["metrics"] for m in expected["metrics"] if m["kind"] == "train"]
    assert len(steps) == 10
    assert len({m["selection/batches"] for m in steps}) > 1  # some steps needed more prompts than others
    assert len({m["lr"] for m in steps}) > 3
    assert any(m["kl"] > 0 for m in steps)
    assert changes > 100


def test_the_same_seed_twice_is_the_same_run(full, tmp_path):
    _, server, expected, changes = full
    assert server.attempt(tmp_path / "again") == changes
    same(outcome(tmp_path / "again"), expected)


def killed_and_resumed(server, folder, expected, moments):
    kills = sum(server.attempt(folder, at) is None for at in moments)
    server.attempt(folder)
    same(outcome(folder), expected)
    assert RunFolder(folder).problems() == []
    return kills


@pytest.mark.parametrize("trial", range(5))
def test_a_killed_run_ends_like_one_that_was_not(full, tmp_path, trial):
    _, server, expected, changes = full
    rng = random.Random(trial)
    # the second kill hits the resumed run
    moments = [rng.randrange(1, changes), rng.randrange(1, changes // 4)]
    assert killed_and_resumed(server, tmp_path / "run", expected, moments) >= 1


@pytest.mark.parametrize("back", [1, 3, 6, 12, 20])
def test_a_run_killed_while_it_ends(full, tmp_path, back):
    # the last changes: final evaluation, last checkpoint, saved policy, summary, lock
    _, server, expected, changes = full
    assert killed_and_resumed(server, tmp_path / "run", expected, [changes - back]) == 1


@pytest.mark.nightly
def test_fifty_kill_points(full, tmp_path):
    _, server, expected, changes = full
    for trial in range(50):
        folder = tmp_path / f"run{trial}"
        at = 1 + (changes - 2) * trial // 49
        assert killed_and_resumed(server, folder, expected, [at]) == 1, at
        shutil.rmtree(folder)


def test_kill_9_from_outside(full, tmp_path):
    """Fresh interpreters: one is killed by the clock somewhere in the training, the next one ends the run."""
    file, _, expected, _ = full
    folder = tmp_path / "run"
    command = [sys.executable, str(SCRIPT), "go", str(file), str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    wait_for(child, lambda: train_lines(folder) >= 1)
    time.sleep(random.Random(7).uniform(0.0, 0.05))
    child.kill()
    _, err = child.communicate()
    assert child.returncode == -signal.SIGKILL, err.decode()
    assert not (folder / "summary.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    same(outcome(folder), expected)
    # the lock of the killed process is taken over, and the log says so
    messages = [e["message"] for e in RunFolder(folder).events()]
    assert any(f"took over the lock of process {child.pid}" in m for m in messages)


def test_a_kill_during_the_warm_start(full, recipe, tmp_path):
    _, server, _, _ = full
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe(**WARM).data()))
    assert server.attempt(tmp_path / "whole", recipe=file)
    expected = outcome(tmp_path / "whole")
    checks = [m for m in expected["metrics"] if m["kind"] == "warm_start"]
    assert len(checks) >= 2
    for number in (1, 2):
        folder = tmp_path / f"run{number}"
        assert server.attempt(folder, check=number, recipe=file) is None
        assert (folder / "metrics.jsonl").read_bytes().count(b"\n") == number
        assert not list((folder / "checkpoints").glob("step-*"))
        server.attempt(folder, recipe=file)
        same(outcome(folder), expected)


def train_lines(folder: Path) -> int:
    log = folder / "metrics.jsonl"
    return log.read_text().count('"kind":"train"') if log.exists() else 0


def wait_for(child: subprocess.Popen, ready) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_finished_run_resumed_returns_its_summary(trained, monkeypatch):
    done = trained()
    monkeypatch.setattr("guerdon.engines.native.run.prepare", lambda *a: pytest.fail("nothing is to be loaded"))
    again = resume(done.path)
    assert again.path == done.path
    assert again.summary == done.summary


def test_training_into_a_run_is_refused(trained, recipe):
    done = trained()
    with pytest.raises(RunError, match="there is a run here already") as found:
        train(recipe(), out=done.path)
    assert f"guerdon resume {done.path}" in found.value.fix


def test_resume_of_what_is_no_run(tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(RunError, match="holds no run"):
        resume(tmp_path / "notes")


SIGNALS = """
import sys, json
from guerdon import cli
sys.exit(cli.main(["train", sys.argv[1], "--out", sys.argv[2], "--plain"]))
"""


def started(file: Path, folder: Path) -> subprocess.Popen:
    """A run in the command line's own process, after some steps."""
    child = subprocess.Popen(
        [sys.executable, "-c", SIGNALS, str(file), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment(),
    )  # fmt: skip
    wait_for(child, lambda: train_lines(folder) >= 2)
    return child


@pytest.fixture
def endless(recipe, tmp_path) -> Path:
    """A recipe that would train for minutes and saves nothing by itself."""
    file = tmp_path / "endless.yaml"
    file.write_text(recipe(train={"steps": 100_000, "checkpoint_every": 100_000}).yaml())
    return file


def test_a_second_process_is_refused_and_one_signal_saves_and_stops(endless, tmp_path):
    folder = tmp_path / "run"
    child = started(endless, folder)
    with pytest.raises(RunError, match=f"in use by process {child.pid}") as found:
        resume(folder)
    assert f"pid {child.pid}" in str(found.value)
    with pytest.raises(RunError, match="there is a run here already"):
        train(endless, out=folder)
    before = train_lines(folder)
    wait_for(child, lambda: train_lines(folder) > before)  # it goes on as if nothing had happened
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert child.returncode == 130, err
    assert "everything is saved" in err
    assert f"guerdon resume {folder}" in err
    assert not (folder / "lock").exists()
    last = RunFolder(folder).metrics("train")[-1]["step"]
    assert sorted(p.name for p in (folder / "checkpoints").iterdir())[-1] == f"step-{last:08d}"
    with pytest.raises(Interrupted):
        resume(folder, callbacks=[StopAt(last + 2)])
    assert RunFolder(folder).metrics("train")[-1]["step"] == last + 2


class StopAt(Callback):
    """Presses Ctrl-C, or sends another signal, in this process at a step."""

    def __init__(self, step: int, number: int = signal.SIGINT):
        self.step, self.number = step, number

    def on_step(self, step, total, metrics, time):
        if step == self.step:
            os.kill(os.getpid(), self.number)


class Twice(Callback):
    """Presses Ctrl-C again while the step that was to be finished still goes on."""

    def on_step(self, step, total, metrics, time):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_two_signals_stop_at_once(recipe, tmp_path):
    folder = tmp_path / "run"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), out=folder, callbacks=[Twice()])
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (folder / "lock").exists()
    # only the checkpoint before the first step is there: the step that was under way is lost, as was said
    assert [p.name for p in (folder / "checkpoints").iterdir()] == ["step-00000000"]
    assert resume(folder).summary["steps"] == 4


def test_two_signals_from_outside_end_the_process_quickly(endless, tmp_path):
    child = started(endless, tmp_path / "run")
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    child.communicate(timeout=30)
    assert child.returncode == 130
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_like_one_that_was_not(recipe, tmp_path, number):
    whole = train(recipe(), out=tmp_path / "whole")
    for step in (1, 4):  # 4 is the last one
        folder = tmp_path / f"run{step}"
        with pytest.raises(Interrupted, match=f"stopped after step {step} of 4") as found:
            train(recipe(), out=folder, callbacks=[StopAt(step, number)])
        assert found.value.exit_code == 130
        resume(folder)
        same(outcome(folder), outcome(whole.path))


class Fill(Callback):
    """Leaves only so many bytes of the disk at a step."""

    def __init__(self, disk: Path, step: int, left: int):
        self.disk, self.step, self.left = disk, step, left

    def on_step(self, step, total, metrics, time):
        if step == self.step:
            size = shutil.disk_usage(self.disk).free - self.left
            (self.disk / "filler").write_bytes(b"x" * size)


@pytest.mark.parametrize(
    ("step", "every", "keep", "left", "place"),
    [(3, 100, 1, 0, ".jsonl"), (3, 2, 1, 60_000, "checkpoints"), (6, 100, 2, 190_000, "policy")],
    ids=["log", "checkpoint", "policy"],
)  # fmt: skip
def test_a_full_disk_stops_the_run_and_space_lets_it_go_on(
    recipe, tmp_path, small_disk, step, every, keep, left, place
):
    chosen = recipe(train={"steps": 6, "checkpoint_every": every, "keep": keep})
    whole = train(chosen, out=tmp_path / "whole")
    folder = small_disk / "run"
    with pytest.raises(MachineError) as found:
        train(chosen, out=folder, callbacks=[Fill(small_disk, step, left)])
    assert place in found.value.where
    assert "needed" in str(found.value)
    assert "free" in str(found.value)
    assert "intact" in found.value.fix
    reached = RunFolder(folder).metrics("train")[-1]["step"]
    assert step <= reached <= step + 2
    assert not (folder / "lock").exists()
    (small_disk / "filler").unlink()
    assert resume(folder).summary["steps"] == 6
    same(outcome(folder), outcome(whole.path))
