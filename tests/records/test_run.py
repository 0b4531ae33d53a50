from __future__ import annotations

import json

import pytest

from guerdon.errors import DataError, RunError
from guerdon.records.jsonl import Writer
from guerdon.records.model import Rollout
from guerdon.records.run import EVENTS, METRICS, ROLLOUTS, RunFolder, create, event_record, is_run, metric_record


def rollout(i, **kwargs):
    return Rollout(id=f"0:a:{i}", step=0, task_id="a", prompt="1+1=", completion="2", sample=i, **kwargs)


@pytest.fixture
def run(tmp_path):
    path = create(tmp_path / "runs" / "first")
    (path / "recipe.yaml").write_text("task: {use: arithmetic}\ntrain: {steps: 2}\n")
    (path / "sources.json").write_text('{"train.steps": "override"}')
    (path / "run.json").write_text('{"seed": 0}')
    (path / "summary.json").write_text('{"steps": 2}')
    with Writer(path / METRICS) as log:
        log.write([
            metric_record("warm_start", 0, {"loss": 1.5}),
            metric_record("eval", 0, {"eval/accuracy": 0.25, "eval/n": 64}),
            metric_record("train", 1, {"kl": float("nan"), "lr": 1e-3}, {"step": 0.5}),
            metric_record("eval", 2, {"eval/accuracy": 0.5}),
        ])  # fmt: skip
    with Writer(path / EVENTS) as log:
        log.write([event_record(1, "warning", "unscored", "3 of 64", {"share": 0.047})])
    with Writer(path / ROLLOUTS) as log:
        log.write([rollout(0, reward=1.0), rollout(1, kind="eval"), rollout(2)])
    return RunFolder(path)


def test_reading_a_run(run):
    assert run.recipe() == {"task": {"use": "arithmetic"}, "train": {"steps": 2}}
    assert run.sources() == {"train.steps": "override"}
    assert (run.info(), run.summary()) == ({"seed": 0}, {"steps": 2})
    assert [m["kind"] for m in run.metrics()] == ["warm_start", "eval", "train", "eval"]
    assert run.metrics("train") == [
        {"v": 1, "kind": "train", "step": 1, "metrics": {"kl": None, "lr": 1e-3}, "time": {"step": 0.5}}
    ]
    assert [m["metrics"]["eval/accuracy"] for m in run.evaluations()] == [0.25, 0.5]
    assert run.events() == [
        {"share": 0.047, "v": 1, "step": 1, "level": "warning", "name": "unscored", "message": "3 of 64"}
    ]
    assert [r.sample for r in run.rollouts()] == [0, 1, 2]
    assert [r.sample for r in run.rollouts("train")] == [0, 2]
    assert next(run.rollouts()) == rollout(0, reward=1.0)
    assert run.problems() == []


def test_a_run_that_has_just_begun(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    run = RunFolder(tmp_path)
    assert (run.recipe(), run.sources(), run.info(), run.summary()) == ({}, {}, {}, {})
    assert (run.metrics(), run.evaluations(), run.events(), list(run.rollouts())) == ([], [], [], [])
    assert [str(p) for p in run.problems()] == ["recipe.yaml: is missing"]


def test_a_folder_that_is_no_run_names_the_nearest(run):
    parent = run.path.parent
    with pytest.raises(RunError, match="no such run folder") as caught:
        RunFolder(parent / "frist")
    assert caught.value.fix == f"did you mean {parent / 'first'}?"
    with pytest.raises(RunError, match="holds no run") as caught:
        RunFolder(parent)
    assert caught.value.fix == f"did you mean {parent / 'first'}?"
    with pytest.raises(RunError, match="is no folder"):
        RunFolder(run.path / "recipe.yaml")
    assert not is_run(parent)


def test_a_new_run_takes_no_used_folder(run, tmp_path):
    with pytest.raises(RunError, match="a run in this folder already") as caught:
        create(run.path)
    assert "guerdon resume" in caught.value.fix
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="a file of this name"):
        create(tmp_path / "file")


def test_every_problem_is_named_with_file_and_line_and_the_rest_is_read(run):
    with (run.path / METRICS).open("a") as log:
        log.write('{"v":1,"kind":"other","step":3,"metrics":{}}\n')
        log.write('{"v":1,"kind":"train","step":3,"metrics":{"a":"text"}}\n')
        log.write('{"v":1,"kind":"train","step":3.5,"metrics":{}}\n')
        log.write('{"v":1,"kind":"train","step":4,"metrics":{}}\n')
    with (run.path / EVENTS).open("a") as log:
        log.write(
            '{"v":1,"step":1,"level":"fatal","name":"a","message":"b"}\n{"v":1,"step":1,"level":"info","name":2}\n'
        )
    with (run.path / ROLLOUTS).open("a") as log:
        log.write('{"v":1,"id":"x","step":0,"task_id":"a","prompt":"","completion":"","new_field":1}\n')
        log.write('{"v":1,"id":"x","step":0,"task_id":"a","prompt":"","completion":"","turns":[{"no_role":1}]}\n')
        log.write('{"v":1,"id":"x","step":0,"task_id":"a","prompt":"","completion":"","aspects":[1]}\n')
        log.write('{"v":1,"id":"y"}\n{"v":1,"id":"z","st')
    (run.path / "summary.json").write_text("[1]")
    (run.path / "run.json").write_text('{"seed": NaN}')
    (run.path / ".tmp-0-report.html").write_text("")
    (run.path / "checkpoints" / "step-00000001").mkdir(parents=True)
    assert [m["step"] for m in run.metrics("train")] == [1, 4]
    assert len(run.events()) == 1
    assert [r.sample for r in run.rollouts()] == [0, 1, 2]
    shown = [str(p) for p in run.problems()]
    starts = [
        "run.json: not JSON: NaN", "summary.json: holds a list",
        "metrics.jsonl, line 5: kind 'other'", "metrics.jsonl, line 6: metrics and time", "metrics.jsonl, line 7: step",
        "events.jsonl, line 2: level 'fatal'", "events.jsonl, line 3: name and message",
        "rollouts.jsonl, line 4: not a rollout record: ['new_field']", "rollouts.jsonl, line 5: not a rollout record",
        "rollouts.jsonl, line 6: not a rollout record", "rollouts.jsonl, line 7: not a rollout record: missing",
        "rollouts.jsonl, line 8: torn", "checkpoints: step-00000001: manifest.json is missing",
        ".tmp-0-report.html: a write that was interrupted",
    ]  # fmt: skip
    assert len(shown) == len(starts)
    for text, start in zip(shown, starts, strict=True):
        assert text.startswith(start)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1", "- 1", "just text", "!!python/object/apply:os.system ['touch hacked']",
        "a: !!python/name:os.system ''", "!!python/object/new:os.system [x]",
        "[" * 1500, "a: *missing", "\x07", "a: 2001-99-99",
    ],
)  # fmt: skip
def test_hostile_recipes_are_refused(run, monkeypatch, text):
    monkeypatch.chdir(run.path)
    (run.path / "recipe.yaml").write_text(text)
    with pytest.raises(RunError) as caught:
        run.recipe()
    assert caught.value.where.endswith("recipe.yaml")
    assert not (run.path / "hacked").exists()
    assert any(p.where == "recipe.yaml" for p in run.problems())


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "[" * 1_000_000, '"x"', "\x80"])
def test_hostile_json_is_refused(run, text):
    (run.path / "run.json").write_text(text, "latin-1")
    with pytest.raises(RunError) as caught:
        run.info()
    assert caught.value.where.endswith("run.json")


def test_links_and_names_that_leave_are_refused(run, tmp_path):
    (tmp_path / "secret.json").write_text('{"password": 1}')
    (run.path / "summary.json").unlink()
    (run.path / "summary.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(DataError, match="passes through the link"):
        run.summary()
    with pytest.raises(DataError, match="leaves its folder"):
        run.file("../../secret.json")
    assert any(p.where for p in run.problems())


def test_two_runs_are_compared_without_the_clock():
    a = metric_record("train", 1, {"loss": 0.5}, {"step": 0.1})
    b = metric_record("train", 1, {"loss": 0.5}, {"step": 0.2})
    assert a != b
    assert {**a, "time": {}} == {**b, "time": {}}


def test_an_event_cannot_overwrite_its_own_fields():
    record = event_record(2, "info", "n", "m", {"v": 9, "step": 9, "level": "x", "extra": 1})
    assert record == {"v": 1, "step": 2, "level": "info", "name": "n", "message": "m", "extra": 1}


def test_metrics_take_numbers_of_other_libraries():
    torch = pytest.importorskip("torch")
    record = metric_record("train", 1, {"a": torch.tensor(0.5), "b": torch.tensor(float("inf")), "c": 3, "d": None})
    assert record["metrics"] == {"a": 0.5, "b": None, "c": 3, "d": None}
    assert json.dumps(record, allow_nan=False)
