from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml

import guerdon
from guerdon import cli
from guerdon.errors import Interrupted, ModelError
from guerdon.recipe import load

RECIPE = """task: {use: arithmetic}
policy: {use: none_such}
advantage: grpo
reward: [{use: answer_equal}]
train: {steps: 4}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE, "utf-8")
    return "r.yaml"


@pytest.fixture
def engine(monkeypatch):
    """An engine that writes a run folder whose accuracy is a function of advantage and seed."""
    calls = []

    def train(recipe, *, out=None, callbacks=(), allow_code=False):
        chosen = load(recipe, allow_code=allow_code)
        calls.append((chosen.advantage[0].use, chosen.train.seed))
        out.mkdir(parents=True, exist_ok=True)
        (out / "recipe.yaml").write_text(yaml.safe_dump(chosen.data()), "utf-8")
        (out / "run.json").write_text("{}", "utf-8")
        if (chosen.advantage[0].use, chosen.train.seed) == ("gpg", 1):
            raise ModelError("the model is broken")
        return finish(out, chosen, callbacks)

    def finish(out, chosen, callbacks):
        base = {"grpo": 0.2, "rloo": 0.5}.get(chosen.advantage[0].use, 0.3)
        rows = [
            {"v": 1, "kind": "eval", "step": s, "metrics": {"eval/accuracy": base + (chosen.train.seed + s) / 100},
             "time": {}} for s in (0, 4)
        ]  # fmt: skip
        (out / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
        summary = {"accuracy_before": base, "accuracy_after": base + 0.04, "train_seconds": 1.0, "steps": 4}
        (out / "summary.json").write_text(json.dumps(summary), "utf-8")
        for c in callbacks:
            c.on_start({"name": chosen.name})
            c.on_step(4, 4, {"accuracy": 0.5}, {"left": 0.0})
            c.on_end(summary)
        return SimpleNamespace(path=out, summary=summary)

    def resume(run, *, callbacks=(), allow_code=False):
        calls.append(("resume", run.name))
        return finish(run, load(run / "recipe.yaml"), callbacks)

    monkeypatch.setattr(guerdon, "train", train, raising=False)
    monkeypatch.setattr(guerdon, "resume", resume, raising=False)
    return calls


def run(*tokens):
    return cli.main([str(t) for t in tokens])


def test_train_prints_steps_and_the_end(recipe, engine, capsys):
    assert run("train", recipe, "advantage=rloo", "train.seed=3", "--out", "a") == 0
    out = capsys.readouterr().out
    assert engine == [("rloo", 3)]
    assert "step 4/4  accuracy 50.0%" in out
    assert "accuracy 50.0% -> 54.0%" in out
    assert "next: guerdon report a" in out


def test_train_json_keeps_stdout_one_object(recipe, engine, capsys):
    assert run("train", recipe, "--out", "a", "--json") == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["summary"]["accuracy_after"] == pytest.approx(0.24)
    assert "step 4/4" in out.err
    assert run("train", recipe, "--out", "b", "--json", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_dry_run_and_explain_start_nothing(recipe, engine, capsys):
    assert run("train", recipe, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["components"]["advantage"] == ["grpo"]
    assert run("train", recipe, "advantage=rloo", "--explain", "--json") == 0
    rows = {r["key"]: r for r in json.loads(capsys.readouterr().out)}
    assert rows["advantage.0.use"] == {"key": "advantage.0.use", "value": "rloo", "from": "override advantage=rloo"}
    assert rows["train.steps"]["from"] == "r.yaml:5"
    assert rows["objective.0.low"]["from"] == "default of clip (paper)"
    assert engine == []


@pytest.mark.parametrize(("change", "where"), [("advantage=rlo", "did you mean 'rloo'"), ("train.stps=3", "'steps'"),
                                               ("objective.0=clp", "'clip'")])  # fmt: skip
def test_a_wrong_recipe_is_named_before_anything_starts(change, where, recipe, engine, capsys):
    assert run("train", recipe, "objective=[clip]", change, "--dry-run") == 2
    assert where in capsys.readouterr().err
    assert engine == []


def test_interrupted_runs_exit_with_130(recipe, monkeypatch, capsys):
    def stop(*args, **kwargs):
        raise Interrupted("stopped after step 3", fix="guerdon resume a")

    monkeypatch.setattr(guerdon, "train", stop, raising=False)
    assert run("train", recipe) == 130
    assert "guerdon resume a" in capsys.readouterr().err


def test_resume_passes_the_folder(recipe, engine, tmp_path, capsys):
    run("train", recipe, "--out", "a")
    assert run("resume", "a", "--quiet") == 0
    assert engine[-1] == ("resume", "a")


GRID = ("--vary", "advantage=grpo,rloo", "--seeds", "6", "--out", "c")


@pytest.fixture
def no_report(monkeypatch):
    import guerdon.report

    monkeypatch.setattr(guerdon.report, "build", lambda runs, out: out)


def test_compare_runs_the_grid_once(recipe, engine, no_report, tmp_path, capsys):
    assert run("compare", recipe, *GRID, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert len(engine) == 12
    # 0.30 for every seed: 2 of 64 sign patterns
    final = data["differences"][0]
    assert final["estimate"] == pytest.approx(0.3)
    assert final["p"] == pytest.approx(1 / 32)
    assert final["significant"]
    assert json.loads((tmp_path / "c" / "compare.json").read_text())["conclusion"] == data["conclusion"]
    assert run("compare", recipe, *GRID) == 0
    assert len(engine) == 12
    assert "reused" in capsys.readouterr().out
    assert run("compare", recipe, "train.lr=0.5", *GRID, "--quiet") == 0
    assert len(engine) == 24


def test_compare_resumes_stopped_runs(recipe, engine, no_report, tmp_path):
    run("compare", recipe, *GRID, "--quiet")
    stopped = sorted((tmp_path / "c" / "runs").iterdir())[0]
    (stopped / "summary.json").unlink()
    assert run("compare", recipe, *GRID, "--quiet") == 0
    assert engine[12:] == [("resume", stopped.name)]


def test_a_failed_run_is_named_and_the_others_are_compared(recipe, engine, no_report, capsys):
    assert run("compare", recipe, "--vary", "advantage=grpo,gpg", "--seeds", "3", "--out", "c", "--quiet") == 1
    out = capsys.readouterr().out
    assert "failed: advantage=gpg seed 1: the model is broken" in out
    assert len(engine) == 6


def test_compare_dry_run_lists_the_grid(recipe, engine, capsys):
    assert run("compare", recipe, *GRID, "--dry-run", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 12
    assert {r["state"] for r in rows} == {"new"}
    assert engine == []


def test_compare_finished_runs(recipe, engine, capsys):
    for name, advantage, seed in (("a0", "grpo", 0), ("a1", "grpo", 1), ("b0", "rloo", 0), ("b1", "rloo", 1)):
        run("train", recipe, f"advantage={advantage}", f"train.seed={seed}", "--out", name, "--quiet")
    capsys.readouterr()
    assert run("compare", "a0", "a1", "b0", "b1") == 0
    out = capsys.readouterr().out
    assert "advantage=rloo - advantage=grpo" in out
    assert "With 2 pairs" in out


@pytest.mark.parametrize("tokens", [(), ("a",), ("a", "b", "--vary", "x=1")])
def test_compare_needs_runs_or_one_recipe(tokens, recipe, capsys):
    assert run("compare", *tokens) == 2
    assert "guerdon compare" in capsys.readouterr().err


def test_cp_does_not_overwrite(recipe, capsys):
    assert run("cp", "quickstart") == 0
    assert run("cp", "quickstart") == 2
    assert "--force" in capsys.readouterr().err
    assert load("quickstart.yaml").data() == load("quickstart").data()


def test_new_then_check_is_red_in_the_example_alone(recipe, capsys):
    assert run("new", "advantage", "my_first_advantage") == 0
    capsys.readouterr()
    assert run("check", "my_first_advantage.py", "--only", "example", "--only", "contract", "--json") == 1
    results = {r["check"]: r["status"] for r in json.loads(capsys.readouterr().out)["methods"][0]["results"]}
    assert results == {"example": "failed", "contract": "passed"}


def test_doctor_names_the_isolation_level(capsys):
    assert run("doctor", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"]
    assert 0 <= data["sandbox"]["level"] <= 3
