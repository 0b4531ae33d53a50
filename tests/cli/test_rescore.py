"""guerdon rescore: other rewards on the rollouts of a run, set against what the run stored."""

from __future__ import annotations

import json

import pytest

from guerdon import cli
from guerdon.records.jsonl import Writer
from guerdon.records.model import Rollout


def run(*tokens):
    return cli.main([str(t) for t in tokens])


@pytest.fixture
def folder(tmp_path):
    """A run with eight rollouts: answers 0 to 3, twice, of which 2 was right; one reward was stored wrong."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "recipe.yaml").write_text("task: {use: arithmetic}\nadvantage: grpo\n", "utf-8")
    with Writer(path / "rollouts.jsonl") as log:
        for i in range(8):
            right = float(i % 4 == 2) if i != 5 else 1.0
            log.write([Rollout(
                id=f"{i // 4}:0:{i % 4}", step=i // 4, task_id="t", prompt="1+1=", completion=f"I say {i % 4}.",
                kind="eval" if i < 4 else "train", gold="2", answer=str(i % 4), reward=right,
                aspects={"answer_equal": right}, is_correct=right == 1.0, length=4 + i,
            )])  # fmt: skip
    return path


def test_scores_and_the_comparison_are_written_into_the_run(folder, capsys):
    assert run("rescore", folder, "--with", "answer_equal") == 0
    found = [json.loads(line) for line in (folder / "rescore-answer_equal.jsonl").read_text("utf-8").splitlines()]
    assert [f["score"] for f in found] == [0, 0, 1, 0, 0, 0, 1, 0]
    assert found[5]["id"] == "1:0:1"
    data = json.loads((folder / "rescore-answer_equal.json").read_text("utf-8"))["comparison"]
    reward = data["rewards"]["reward"]
    # stored 3 of 8, rescored 2 of 8; the one difference is the rollout that was stored wrong
    assert (reward["n"], reward["stored_mean"], reward["rescored_mean"]) == (8, 0.375, 0.25)
    assert (reward["difference"], reward["equal"]) == (-0.125, 7)
    assert [e["id"] for e in reward["largest"]] == ["1:0:1"]
    # phi coefficient of the 2x2 table: (2 * 5 - 1 * 0) / sqrt(3 * 5 * 2 * 6)
    assert reward["correlation"] == pytest.approx(10 / (3 * 5 * 2 * 6) ** 0.5)
    assert data["rewards"]["answer_equal"]["n"] == 8
    agreement = data["agreement"]
    assert {k: agreement[k] for k in ("both", "neither", "only_stored", "only_rescored")} == {
        "both": 2, "neither": 5, "only_stored": 1, "only_rescored": 0,
    }  # fmt: skip
    out = capsys.readouterr().out
    assert "agreement on correct: 87.5%" in out
    assert "-0.125" in out


def test_the_stored_answer_is_read_unless_the_reward_says_how_to_parse(folder, capsys):
    def plan(ask):
        run("rescore", folder, "--with", ask, "--dry-run", "--json")
        return json.loads(capsys.readouterr().out)["rewards"][0]["columns"]

    assert plan("answer_equal") == {"answer": "answer", "gold": "gold"}
    assert plan("answer_equal:extract=last_number") == {"completion": "completion", "gold": "gold"}


def test_kind_name_limit_and_length(folder, capsys):
    ask = ("--with", "length_penalty:threshold=9,slope=1", "--kind", "train", "--name", "long", "--limit", "3")
    assert run("rescore", folder, *ask, "--json") == 0
    found = [json.loads(line)["score"] for line in capsys.readouterr().out.splitlines()]
    assert found == [0.0, 0.0, -1.0]  # lengths 8, 9, 10 against 9 free tokens
    assert (folder / "rescore-long.jsonl").exists()
    assert run("rescore", folder, *ask) == 2  # never written over
    assert run("rescore", folder, "--with", "answer_equal", "--name", "../x") == 2
    assert "not a name for a file" in capsys.readouterr().err


def test_damaged_lines_of_the_log_are_bad_rows_at_the_end(folder, capsys):
    log = folder / "rollouts.jsonl"
    raw = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*raw[:2], b'{"v":1,"broken"\n', b'{"v":1,"id":"x"}\n', *raw[2:]]))
    assert run("rescore", folder, "--with", "answer_equal", "--json") == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 10
    assert "not a rollout record" in found[2]["reason"]
    assert f"{log}:3" in found[9]["reason"]


def test_rewards_that_read_the_task_get_it_from_the_recipe(folder, monkeypatch, capsys):
    from guerdon.cli import rescore
    from guerdon.records import Task

    monkeypatch.setattr(rescore, "_tasks", lambda run, allow: {"t": Task("t", "1+1=", fields={"accepted": ["3"]})})
    assert run("rescore", folder, "--with", "task_rule", "--json") == 0
    assert [json.loads(x)["score"] for x in capsys.readouterr().out.splitlines()] == [0, 0, 0, 1, 0, 0, 0, 1]
    monkeypatch.setattr(rescore, "_tasks", lambda run, allow: {})
    assert run("rescore", folder, "--with", "task_rule", "--name", "none") == 2
    assert "not among those of the recipe" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert run("rescore", tmp_path, "--with", "answer_equal") == 2
    assert "holds no run" in capsys.readouterr().err
