"""The ceiling of entropy on the page and on the command line: pairing of points, what is said, what is drawn."""

from __future__ import annotations

import json
import math
import re

import pytest

from guerdon.cli import main
from guerdon.report import build, ceilings
from guerdon.report.ceiling import STEPS, fitted
from guerdon.report.load import Series


def law(h: float) -> float:
    return 0.8 - 0.2 * math.exp(h)


ENTROPY = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
TRAIN = {"entropy": Series(list(range(1, 9)), ENTROPY)}


def test_an_evaluation_has_the_entropy_of_the_policy_it_looked_at():
    """Step k + 1 samples with the policy after k updates; after the last step the nearest entropy stands in."""
    held = {"eval/accuracy": Series([0, 2, 4, 6, 8], [law(ENTROPY[k]) for k in (0, 2, 4, 6, 7)])}
    found = fitted(TRAIN, held)
    assert found.held_out
    assert found.entropy == [1.0, 0.6, 0.4, 0.2, 0.1]
    assert found.law.ceiling.estimate == pytest.approx(0.6)
    assert found.law.left.estimate == pytest.approx(0.2 * (math.exp(0.1) - 1))
    assert "predicted ceiling 60.0%" in found.sentence()
    assert "5 evaluations" in found.sentence()


def test_too_few_evaluations_leave_the_training_steps():
    held = {"eval/accuracy": Series([0, 8], [0.3, 0.6])}
    assert fitted(TRAIN, held) is None
    steps = list(range(1, STEPS + 1))
    entropy = [1.0 - 0.03 * s for s in steps]
    train = {"entropy": Series(steps, entropy), "accuracy": Series(steps, [law(h) for h in entropy])}
    found = fitted(train, held)
    assert not found.held_out
    assert found.law.fit.n == STEPS
    assert f"training accuracy of {STEPS} steps" in found.sentence()


def test_no_trade_is_not_a_ceiling():
    held = {"eval/accuracy": Series([0, 2, 4, 6, 8], [0.5, 0.52, 0.49, 0.51, 0.5])}
    found = fitted(TRAIN, held)
    assert not found.traded
    assert "ceiling" not in found.sentence()
    assert fitted({}, held) is None
    assert fitted({"entropy": Series([1, 2, 3, 4], [0.5] * 4)}, held) is None


def test_the_page_draws_the_fit(run, tmp_path):
    html = build([run], tmp_path / "r.html").read_text("utf-8")
    assert 'id="chart-ceiling"' in html
    told = re.search(r"predicted ceiling ([\d.]+)% \(([\d.]+)% to ([\d.]+)%\)", html)
    value, low, high = (float(x) for x in told.groups())
    assert low < value < high
    spec = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])["specs"]["chart-ceiling"]
    marks = [layer["mark"]["type"] for layer in spec["layer"]]
    assert marks == ["area", "line", "rule", "point", "point"]
    line = _values(spec, 1)
    assert line[0]["h"] == 0
    assert 100 * line[0]["y"] == pytest.approx(value, abs=0.1)
    assert len(_values(spec, 4)) == 7  # one point per evaluation


def _values(spec, layer):
    data = spec["layer"][layer]["data"]
    return spec["datasets"][data["name"]] if "name" in data else data["values"]


def test_several_runs_have_a_line_each(make_run, run, tmp_path):
    other = make_run(tmp_path / "other", steps=30, seed=3)
    html = build([run, other], tmp_path / "r.html").read_text("utf-8")
    assert "plain: predicted ceiling" in html
    assert "other: predicted ceiling" in html


def test_a_short_run_has_no_fit(make_run, tmp_path):
    short = make_run(tmp_path / "short", steps=2)
    assert 'id="chart-ceiling"' not in build([short], tmp_path / "r.html").read_text("utf-8")
    assert ceilings([short, tmp_path / "missing"]) == {}


def test_the_command_says_it(run, tmp_path, capsys):
    assert main(["report", str(run), "--out", str(tmp_path / "a.html")]) == 0
    assert re.search(r"^plain: predicted ceiling [\d.]+% \(", capsys.readouterr().out, re.M)
    assert main(["report", str(run), "--out", str(tmp_path / "a.html"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["ceilings"]["plain"]
    assert found["interval"][0] < found["ceiling"] < found["interval"][1]
    assert found["points"] == 7
    assert found["held_out"]
