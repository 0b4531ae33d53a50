from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from guerdon.engines.native.run import resume, train
from guerdon.engines.trackers import build, run_name
from guerdon.errors import MachineError, UnknownNameError

RECIPE = {
    "task": {"use": "arithmetic", "digits": 1}, "policy": {"hidden": 16, "layers": 1, "heads": 2, "window": 32},
    "warm_start": {"target": [0.0, 1.0], "batch": 8, "check_every": 1, "check_size": 10},
    "rollout": {"prompts": 2, "group": 2}, "train": {"steps": 4, "checkpoint_every": 2, "threads": 1},
    "eval": {"every": 2, "size": 4, "samples": 1}, "name": "sums",
}  # fmt: skip


class FakeRun:
    def __init__(self, given, fail_at=None):
        self.given, self.logged, self.finished, self.fail_at = given, [], 0, fail_at

    def log(self, numbers, step=None):
        if self.fail_at is not None and step is not None and step >= self.fail_at:
            raise ConnectionError("the server is gone")
        self.logged.append((step, numbers))

    def finish(self):
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch):
    """A module that stands for the package, with the calls of it that are used."""
    # other packages look for wandb when they are loaded, and must not meet this one
    importlib.import_module("transformers.models.qwen3.modeling_qwen3")
    fake = ModuleType("wandb")
    fake.__spec__ = ModuleSpec("wandb", None)
    fake.runs = []
    fake.fail_at = None

    def init(**given):
        print("noise of the package")
        fake.runs.append(FakeRun(given, fake.fail_at))
        return fake.runs[-1]

    fake.init = init
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def lines(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def logged(folder: Path) -> dict[tuple[int, str], float]:
    """What the run's own log says, by step and name."""
    return {
        (r["step"], name): value for r in lines(folder, "metrics.jsonl") if r["kind"] in ("train", "eval")
        for name, value in r["metrics"].items() if value is not None
    }  # fmt: skip


def test_wandb_gets_what_the_log_holds(tmp_path, wandb, capsys):
    done = train(RECIPE, ["track=[wandb]"], out=tmp_path / "run")
    (run,) = wandb.runs
    assert run.given["project"] == "sums"
    assert run.given["name"] == "run"
    assert run.given["id"] == run_name(done.path)
    assert run.given["resume"] == "allow"
    assert run.given["config"]["train"]["steps"] == 4
    assert run.finished == 1
    steps = [s for s, _ in run.logged]
    assert steps == sorted(steps)  # the package drops a step that goes back
    told = {(s, k): v for s, numbers in run.logged for k, v in numbers.items()}
    assert all(math.isfinite(v) for v in told.values())
    own = {k: v for k, v in told.items() if not k[1].startswith(("time/", "warm_start/"))}
    assert own == pytest.approx(logged(done.path))
    assert (4, "time/step") in told
    assert (0, "warm_start/accuracy") in told
    # standard output belongs to the command
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "noise of the package" in printed.err


def test_a_tracker_that_fails_is_reported_once_and_dropped(tmp_path, wandb):
    wandb.fail_at = 2
    done = train(RECIPE, ["track=[wandb]"], out=tmp_path / "run")
    assert done.summary["steps"] == 4
    events = [e for e in lines(done.path, "events.jsonl") if e["name"] == "tracker"]
    assert [e["message"] for e in events] == [
        "the tracker wandb failed and is dropped: ConnectionError: the server is gone"
    ]
    assert max(s for s, _ in wandb.runs[0].logged) == 1
    assert wandb.runs[0].finished == 0


def test_a_tracker_that_cannot_start_is_reported_too(tmp_path, wandb):
    def refuse(**given):
        raise RuntimeError("not logged in")

    wandb.init = refuse
    done = train(RECIPE, ["track=[wandb]"], out=tmp_path / "run")
    (event,) = [e for e in lines(done.path, "events.jsonl") if e["name"] == "tracker"]
    assert event["level"] == "warning"
    assert event["message"].endswith("RuntimeError: not logged in")


def test_a_run_that_fails_closes_its_trackers(tmp_path, wandb):
    with pytest.raises(Exception, match="did not reach its band"):
        train(RECIPE, ["track=[wandb]", "warm_start.target=[0.99, 1.0]", "warm_start.max_steps=2"], out=tmp_path / "r")
    assert wandb.runs[0].finished == 1


def test_a_missing_package_stops_before_the_start(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MachineError, match="needs the package wandb") as found:
        train(RECIPE, ["track=[wandb]"], out=tmp_path / "run")
    assert found.value.fix.startswith("pip install wandb")
    assert found.value.exit_code == 3
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown tracker 'tensorbord'") as found:
        build(["tensorbord"], tmp_path, {}, print)
    assert found.value.nearest == ["tensorboard"]


def events_of(folder: Path) -> dict[tuple[int, str], list[float]]:
    reader = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    found.Reload()
    out: dict[tuple[int, str], list[float]] = {}
    for tag in found.Tags()["scalars"]:
        for event in found.Scalars(tag):
            out.setdefault((event.step, tag), []).append(event.value)
    return out


def test_tensorboard_holds_every_number_once_after_a_resume(tmp_path):
    pytest.importorskip("tensorboard")
    from guerdon.engines.callbacks import Callback

    class Break(Callback):
        def on_step(self, step, total, metrics, time):
            if step == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, ["track=[tensorboard]"], out=tmp_path / "run", callbacks=[Break()])
    assert resume(tmp_path / "run").summary["steps"] == 4
    told = {k: v for k, v in events_of(tmp_path / "run").items() if not k[1].startswith(("time/", "warm_start/"))}
    own = logged(tmp_path / "run")
    assert told.keys() == own.keys()
    for k, values in told.items():
        assert values == [pytest.approx(own[k], rel=1e-6)], k


TRACKIO = """
import sys
from guerdon.engines.native.run import train
import json, trackio
train(json.loads(sys.argv[1]), ["track=[trackio]"], out=sys.argv[2])
"""


def test_trackio_without_network(tmp_path):
    pytest.importorskip("trackio")
    store = tmp_path / "store"
    env = {
        **os.environ,
        "TRACKIO_DIR": str(store),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", TRACKIO, json.dumps(RECIPE), str(tmp_path / "run")], env=env, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert not [e for e in lines(tmp_path / "run", "events.jsonl") if e["name"] == "tracker"]
    assert any(p.is_file() and p.stat().st_size for p in store.rglob("*"))


def test_numbers_that_are_not_finite_are_left_out(tmp_path, wandb):
    (tracker,) = build(["wandb", "wandb"], tmp_path, {}, pytest.fail)
    tracker.on_start({"name": "", "resumed_at": None})
    tracker.on_step(1, 2, {"a": math.nan, "b": math.inf, "c": 2.0, "flag": True}, {})
    tracker.on_eval(1, {"a": math.nan})
    assert wandb.runs[0].logged == [(1, {"c": 2.0})]
    assert SimpleNamespace(**wandb.runs[0].given).project == "guerdon"
