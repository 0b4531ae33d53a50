"""The page without a browser: what is on it, what is missing, and that nothing on it can run."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from guerdon.errors import RunError
from guerdon.records import Rollout
from guerdon.report import build


def text(page) -> str:
    return page.read_text("utf-8")


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name.replace("_", ".", 1)).write_text(body, "utf-8")
    return folder


def metric(step, values, kind="train"):
    return json.dumps({"v": 1, "kind": kind, "step": step, "metrics": values, "time": {}}) + "\n"


def test_writes_into_the_run_by_default(run):
    page = build([run])
    assert page == run / "report.html"
    assert page.stat().st_size < 3_000_000
    assert not list(run.glob(".report*"))


def test_headline_states_the_numbers_of_the_evaluations(run, tmp_path):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    evals = [r["metrics"]["eval/accuracy"] for r in rows if r["kind"] == "eval"]
    html = text(build([run], tmp_path / "r.html"))
    assert "<span>It worked:</span>" in html
    assert f"held-out accuracy rose from {100 * evals[0]:.1f}% to {100 * evals[-1]:.1f}%." in html


def test_policy_names_the_hash_of_every_script_and_style(run, tmp_path):
    html = text(build([run], tmp_path / "r.html"))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 2
    for body in [*scripts, re.search(r"<style>(.*?)</style>", html, re.S)[1]]:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src[^;]*unsafe-inline", policy) is None


def test_nothing_on_the_page_points_outside(run, tmp_path):
    html = text(build([run], tmp_path / "r.html"))
    assert (
        re.findall(
            r"""(?:src|href|action)=["']?(?!#)[^"'\s>]+""", re.sub(r"<script>.*?</script>", "", html, flags=re.S)
        )
        == []
    )


def test_hostile_text_is_shown_as_escapes(make_run, tmp_path):
    run = make_run(tmp_path / "evil", steps=6, hostile=True)
    html = re.sub(r"<script>.*?</script>", "", text(build([run], tmp_path / "r.html")), flags=re.S)
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    for shown in (r"\x1b", r"\u202e", r"\u200b", r"\x00", r"\U000e0041", r"\ud800"):
        assert shown in html
    for raw in ("\x1b", "\u202e", "\u200b", "\x00", "\U000e0041"):
        assert raw not in html


def test_data_cannot_close_its_script_element(tmp_path):
    name = "</script><script>alert(1)</script>"
    run = write(
        tmp_path / "r",
        metrics_jsonl="".join(metric(s, {f"reward/{name}/mean": s / 3, "entropy": 1.0}) for s in range(3)),
    )
    html = text(build([run], tmp_path / "r.html"))
    data = re.search(r'id="data">(.*?)</script>', html, re.S)[1]
    assert "<" not in data
    assert json.loads(data)["specs"]
    assert "alert(1)</script>" not in html


def test_recipe_alone(tmp_path):
    html = text(build([write(tmp_path / "r", recipe_yaml="train: {steps: 3}")], tmp_path / "r.html"))
    assert "no step is recorded" in html
    assert "train.steps" in html
    assert 'class="chart"' not in html


def test_unset_values_are_marked(tmp_path):
    html = text(build([write(tmp_path / "r", recipe_yaml="train: {steps: 3, clip: null}")], tmp_path / "r.html"))
    assert re.search(r'<tr class="unset same"><th scope="row" class="mono">train.clip', html)
    assert re.search(r'<tr class="same"><th scope="row" class="mono">train.steps', html)


def test_empty_files(tmp_path):
    run = write(
        tmp_path / "r",
        recipe_yaml="",
        metrics_jsonl="",
        rollouts_jsonl="",
        events_jsonl="",
        run_json="{}",
        summary_json="{}",
    )
    assert "no step is recorded" in text(build([run], tmp_path / "r.html"))


def test_run_without_evaluations(make_run, tmp_path):
    html = text(build([make_run(tmp_path / "r", steps=8, evals=False)], tmp_path / "r.html"))
    assert "there is no held-out evaluation" in html
    assert "It worked" not in html
    assert "nobody can say what it bought" in html


def test_numbers_that_are_missing(tmp_path):
    run = write(
        tmp_path / "r",
        metrics_jsonl="".join(
            metric(s, {"accuracy": None if s % 2 else 0.5, "kl": None, "entropy": 1.0}) for s in range(6)
        ),
    )
    html = text(build([run], tmp_path / "r.html"))
    assert 'id="chart-accuracy"' in html
    assert 'id="chart-kl"' not in html
    assert "NaN" not in re.search(r'id="data">(.*?)</script>', html, re.S)[1]


def test_one_step(make_run, tmp_path):
    html = text(build([make_run(tmp_path / "r", steps=1)], tmp_path / "r.html"))
    assert 'id="chart-entropy"' in html


def test_torn_tail_is_named_and_the_rest_is_read(make_run, tmp_path):
    run = make_run(tmp_path / "r", steps=6)
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        with (run / name).open("ab") as file:
            file.write(b'{"v": 1, "kind": "tr')
    html = text(build([run], tmp_path / "r.html"))
    assert "torn by an interrupted write" in html
    assert html.count("torn by an interrupted write") == 2
    assert 'id="chart-accuracy"' in html


def test_broken_files_are_named(make_run, tmp_path):
    run = make_run(tmp_path / "r", steps=4)
    (run / "summary.json").write_text("{", "utf-8")
    (run / "recipe.yaml").write_text("a: [", "utf-8")
    html = text(build([run], tmp_path / "r.html"))
    assert "not JSON" in html
    assert "not plain YAML" in html


def test_unicode(tmp_path):
    row = Rollout(
        "0:0:0", 0, "t", "Wie viele Äpfel? 几个？", "答案 é 🎯 ﷽", is_correct=True, reward=1.0, aspects={"größe": 1.0}
    )
    run = write(
        tmp_path / "läuft",
        metrics_jsonl=metric(0, {"reward/größe/mean": 1.0}),
        rollouts_jsonl=json.dumps(row.data(), ensure_ascii=False) + "\n",
    )
    html = text(build([run], tmp_path / "r.html"))
    for piece in ("答案 é 🎯 ﷽", "Wie viele Äpfel? 几个？", "größe", "läuft"):
        assert piece in html


def test_several_runs_keep_one_colour_each(make_run, run, tmp_path):
    other = make_run(tmp_path / "other", steps=30, seed=3, skill=0.2)
    html = text(build([run, other], tmp_path / "r.html"))
    head = html.split("<h1")[0]
    assert re.findall(r'fill="var\(--c(\d)\)"', head) == ["1", "2"]
    assert "plain is ahead" in html
    assert "only what differs" in html


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match="at least one run"):
        build([])
    with pytest.raises(RunError, match="no such run folder"):
        build([tmp_path / "missing"])
