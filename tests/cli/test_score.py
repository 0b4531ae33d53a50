"""guerdon score on the command line: the documented lines, exit codes, interruptions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from guerdon import cli

RUN = "import sys\nfrom guerdon.cli import main\nsys.exit(main({!r}))"


def run(*tokens):
    return cli.main([str(t) for t in tokens])


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Six rows in a file of their own folder."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"r{i}", "response": f"so \\boxed{{{i}}}", "answer": "2", "meta": {"gold": i}} for i in range(6)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return tmp_path / "d.jsonl"


ASK = ("--with", "answer_equal:extract=boxed", "--completion", "response", "--gold", "answer")


def test_json_is_one_line_per_row_and_nothing_else(data, capsys):
    assert run("score", data, *ASK, "--json") == 0
    out = capsys.readouterr()
    found = [json.loads(line) for line in out.out.splitlines()]
    assert [set(f) for f in found] == [{"id", "score", "status", "reason"}] * 6
    assert [f["score"] for f in found] == [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert found[0]["id"] == "r0"
    assert "6 rows: 6 scored" in out.err


def test_the_account_is_a_table(data, capsys):
    assert run("score", data, *ASK, "--with", "length_penalty:length=@words,threshold=1,weight=0.5", "--plain") == 0
    out = capsys.readouterr().out
    assert re.search(r"^answer_equal +0\.167 +\[0\.030, 0\.564\] +6 ", out, re.M)  # Wilson for 1 of 6
    assert re.search(r"^length_penalty +-0\.010 ", out, re.M)


def test_dry_run_says_what_is_read_from_where_and_writes_nothing(data, capsys, tmp_path):
    assert run("score", data, *ASK, "--dry-run", "--out", "o.jsonl", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["rewards"][0]["columns"] == {"completion": "response", "gold": "answer"}
    assert plan["rewards"][0]["parameters"]["answer.extract"] == "boxed"
    assert run("score", data, *ASK, "--dry-run") == 0
    assert "completion from response, gold from answer" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["d.jsonl"]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["--with", "answer_equal", "--gold", "anser", "--completion", "response"], "did you mean 'answer'?"),
        (["--with", "answer_equl"], "answer_equal"),
        (["--with", "answer_equal:gold=meta.gold"], "needs 'answer': parsed final answer"),
        ([], "no reward given"),
        ([*ASK, "--resume"], "--resume needs --out"),
        ([*ASK, "--wiht", "x"], "did you mean '--with'"),
        ([*ASK, "--limit", "0"], "not a number of rows"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_fix(data, tokens, said, capsys):
    assert run("score", data, *tokens) == 2
    assert said in capsys.readouterr().err


def test_a_missing_file_names_the_nearest(data, capsys):
    assert run("score", "e.jsonl", *ASK) == 2
    assert "d.jsonl" in capsys.readouterr().err


def test_bad_rows_are_exit_code_1_and_strict_stops(data, capsys):
    raw = data.read_text("utf-8").splitlines()
    data.write_text("\n".join([*raw[:3], "{torn", *raw[3:]]) + "\n", "utf-8")
    assert run("score", data, *ASK, "--json") == 1
    out = capsys.readouterr()
    found = [json.loads(line) for line in out.out.splitlines()]
    assert len(found) == 7
    assert (found[3]["id"], found[3]["score"], found[3]["status"]) == ("4", None, "unscored")
    assert found[3]["reason"].startswith(f"bad row: {data}:4: not JSON")
    assert run("score", data, *ASK, "--json", "--strict") == 2
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_too_many_unscored_rows_are_exit_code_3(data, capsys):
    ask = ("--with", "answer_equal:extract=boxed,normalise=choice", "--completion", "response", "--gold", "answer")
    assert run("score", data, *ask) == 3
    out = capsys.readouterr()
    assert "100.0% of the rows could not be scored, more than 20%" in out.err
    assert "6 x gold is not a choice" in out.err
    assert run("score", data, *ask, "--keep-going") == 0
    assert "warning: 100.0%" in capsys.readouterr().out


def test_out_resume_and_report(data, capsys, tmp_path):
    assert run("score", data, *ASK, "--out", "o.jsonl", "--limit", "4") == 0
    assert run("score", data, *ASK, "--out", "o.jsonl") == 2
    assert "--resume continues it" in capsys.readouterr().err
    assert run("score", data, *ASK, "--out", "o.jsonl", "--resume") == 2
    assert "limit changed" in capsys.readouterr().err
    whole = (tmp_path / "o.jsonl").read_bytes()
    (tmp_path / "o.jsonl").write_bytes(whole[:-10])
    assert run("score", data, *ASK, "--out", "o.jsonl", "--limit", "4", "--resume", "--json", "--report", "r.html") == 0
    assert (tmp_path / "o.jsonl").read_bytes() == whole
    out = capsys.readouterr()
    assert len(out.out.splitlines()) == 4  # one line per row, whichever run scored it
    assert "torn last line" in out.err
    assert "4 rows, 4 scored" in (tmp_path / "r.html").read_text("utf-8")


def test_own_code_needs_leave(data, capsys, tmp_path):
    (tmp_path / "mine_for_score.py").write_text(
        "import torch\nfrom guerdon.method import method\n\n@method(stage='reward')\ndef mine_for_score(completion):\n"
        "    '''Length.'''\n    return torch.tensor([float(len(c)) for c in completion])\n"
    )
    ask = ("--with", "mine_for_score.mine_for_score:completion=response")
    assert run("score", data, *ask) == 2
    assert "--allow-code" in capsys.readouterr().err
    tokens = ["score", "d.jsonl", *ask, "--allow-code", "--json"]
    done = subprocess.run([sys.executable, "-c", RUN.format(tokens)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["score"] == 12.0  # len("so \\boxed{0}")


SLOW = """import time, torch
from guerdon.method import method

@method(stage='reward')
def slow_for_score(completion):
    '''Length, slowly.'''
    time.sleep(0.05)
    return torch.tensor([float(len(c)) for c in completion])
"""


def started(tmp_path, out):
    (tmp_path / "slow_for_score.py").write_text(SLOW)
    rows = "".join(json.dumps({"completion": "x" * i}) + "\n" for i in range(60))
    (tmp_path / "s.jsonl").write_text(rows)
    tokens = [
        "score",
        "s.jsonl",
        "--with",
        "slow_for_score.slow_for_score",
        "--allow-code",
        "--batch",
        "2",
        "--out",
        out,
    ]
    tokens += ["--resume"] if (tmp_path / out).exists() else []
    return subprocess.Popen(
        [sys.executable, "-c", RUN.format(tokens)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(path, lines):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} never had {lines} lines")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_scoring_goes_on_where_it_stopped(tmp_path, number):
    part = started(tmp_path, "part.jsonl")
    wait_for(tmp_path / "part.jsonl", 6)
    os.kill(part.pid, number)
    _, said = part.communicate(timeout=60)
    kept = (tmp_path / "part.jsonl").read_bytes()
    if number == signal.SIGINT:
        assert part.returncode == 130
        assert b"--resume goes on from here" in said
    assert kept.endswith(b"\n")
    assert 6 <= kept.count(b"\n") < 60
    assert started(tmp_path, "part.jsonl").wait(timeout=60) == 0
    found = (tmp_path / "part.jsonl").read_bytes()
    assert found.startswith(kept)
    assert [(r["id"], r["score"]) for r in map(json.loads, found.splitlines())] == [
        (str(i + 1), float(i)) for i in range(60)
    ]
