"""The page about a suite: its numbers and marks, what is missing, and that nothing a name holds can run."""

from __future__ import annotations

import itertools
import json
import math
import re

import pytest

from guerdon.cli.output import plain
from guerdon.cli.suite import _data
from guerdon.ops.stats import Interval
from guerdon.report.scatter import Point, scatter, spread, ticks
from guerdon.report.suites import best, build, digits, grid, rows, sign
from guerdon.suite import MEASURES, compare

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b[2J\"'"


def measured(pass1, entropy, **more):
    return {**dict.fromkeys(MEASURES, 0.5), "pass@1": pass1, "answer entropy": entropy, **more}


def stored(found, failed=(), methods=None):
    """What ``suite.json`` holds for measures by method, seed and world."""
    lines = [_data(line) for line in compare(found)]
    seeds = max((len(s) for s in found.values()), default=0)
    data = {"suite": "exploration", "policy": "table", "command": "guerdon compare", "failed": dict(failed)}
    return json.loads(json.dumps(plain({**data, "methods": methods or list(found), "seeds": seeds, "lines": lines})))


def three(name="better"):
    """A baseline, a method above it in every seed, one whose differences have both signs."""
    return {
        "base": {s: {"rare": measured(0.50 + s / 100, 1.0), "chain": measured(0.5, 4.0)} for s in range(3)},
        name: {s: {"rare": measured(0.70 + s / 100, 0.5), "chain": measured(0.5, 4.0)} for s in range(3)},
        "noise": {s: {"rare": measured((0.52, 0.50, 0.52)[s], 1.0), "chain": measured(0.5, 4.0)} for s in range(3)},
    }


def page(tmp_path, data):
    return build(data, MEASURES, tmp_path / "report.html").read_text("utf-8")


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_marks_best_values_and_sentences_are_on_the_page(tmp_path):
    data = stored(three())
    table = rows(data["lines"], MEASURES)
    first = list(MEASURES).index("pass@1")
    base, better, noise = (r.cells[first] for r in table)
    # means over worlds and seeds: (0.51 + 0.5) / 2 and (0.71 + 0.5) / 2; the difference is 0.1 in every seed
    assert (base.value, base.mark, base.best) == ("0.505", "", False)
    assert (better.value, better.mark, better.tone, better.best) == ("0.605", "▲", "up", True)
    assert (better.difference, better.span) == ("+0.100", ("+0.100", "+0.100"))
    assert noise.span == ("−0.005", "+0.010")  # the bootstrap of three reaches their ends
    assert (noise.mark, noise.best) == ("", False)  # differences 0.01, -0.005, 0
    entropy = table[1].cells[list(MEASURES).index("answer entropy")]
    assert (entropy.mark, entropy.tone, entropy.best) == ("▼", "", False)  # neither direction is better
    html = page(tmp_path, data)
    said = text_of(html)
    assert "Accuracy: 1 of 2 methods end above base, 0 below, 1 cannot be told." in said
    assert all(line["sentence"] in said for line in data["lines"])
    assert "<b>0.605</b>" in html
    # pass@1 and the answer entropy of "better", nothing else; 3 seeds have one sign 2 of 8 times; not exactly zero
    # are these two and pass@1 of "noise"
    assert "2 of 18 differences to the baseline are marked. With 3 seeds noise alone marks at least 25%" in said
    assert "which makes about 1 marks" in said
    assert 'class="bad"' not in html


def test_worlds_have_their_own_scales():
    lines = stored(three())["lines"]
    accuracy = grid(lines, "pass@1", MEASURES)
    assert accuracy.tops == ["0 to 1", "0 to 1"]
    (_, (base, chain)), (_, (better, _)), _ = accuracy.rows
    assert (base.value, better.value, better.best, chain.best) == ("0.510", "0.710", True, False)
    assert (base.x, better.x, better.base) == (42.8, 58.0, 42.8)  # 4 + 76 * 0.51, 4 + 76 * 0.71
    for line in lines:
        line["worlds"]["rare"]["answer entropy"] /= 100  # 0.01 beside 4: at least a tenth of the largest scale
    assert grid(lines, "answer entropy", MEASURES).tops == ["0 to 0.4", "0 to 4"]


def test_nothing_a_name_holds_can_run(tmp_path):
    data = stored(three(HOSTILE), {f"{HOSTILE} seed 1": f"DataError: {HOSTILE}"}, [HOSTILE + "2", "base"])
    for key in ("suite", "policy", "command"):
        data[key] += HOSTILE
    for line in data["lines"]:
        line["worlds"][HOSTILE] = line["worlds"].pop("chain")
    html = page(tmp_path, data)
    assert not re.search(r"<script|<img|\son\w+\s*=\s*[\"']", html)
    assert not re.search("[\u202e\x1b]", html)
    assert "script-src" not in html
    assert "default-src 'none'" in html.replace("&#39;", "'")
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert "alert(1)" in html  # shown, not dropped


def test_missing_values_and_failed_runs_are_named(tmp_path):
    found = three()
    for seed in found["noise"].values():
        for world in seed.values():
            world["pass@1"] = math.nan
            world["support kept"] = math.nan
    found["late"] = {0: found["base"][0]}
    data = stored(found, {"gone-rare seed 2": "the loss is not finite"}, ["gone", *found])
    said = text_of(html := page(tmp_path, data))
    assert rows(data["lines"], MEASURES)[2].cells[0].value == "–"
    assert "nan" not in html.lower()
    assert "None" not in html
    assert "gone-rare seed 2 the loss is not finite" in said
    assert "No seed with every world finished, so not in the tables: gone ." in said
    assert "gone was to be the baseline" in said
    assert "a seed counts only with every world finished" in said
    assert "Too few seeds shared with base" in said
    assert len(re.findall(r"<circle[^>]* r=\"4\"", html)) == 3  # names beside the plane: "noise" has no accuracy


def test_nothing_finished_still_makes_a_page(tmp_path):
    said = text_of(page(tmp_path, stored({}, {"grpo-rare seed 0": "no memory"}, ["grpo"])))
    assert "Nothing to compare: no method has a seed with every world finished." in said
    assert "grpo-rare seed 0 no memory" in said


def test_one_seed_or_one_method_claims_nothing(tmp_path):
    one = {m: {0: by[0]} for m, by in three().items()}
    html = page(tmp_path, stored(one))
    assert "Too few seeds" in html
    assert "▲</span>" not in html
    assert "differences to the baseline are marked" not in html
    assert "One method" in page(tmp_path, stored({"base": three()["base"]}))


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (0.0, 0.1, 0), (None, None, 0)])
def test_a_mark_needs_an_interval_beside_zero(low, high, side):
    assert sign({"estimate": 0.1, "low": low, "high": high}) == side
    assert sign(None) == 0


def test_the_best_is_the_best_as_shown():
    assert best([0.2, 0.1, math.nan], False, 3) == [False, True, False]
    assert best([0.1, 0.2], None, 3) == [False, False]
    assert best([0.5004, 0.5001], True, 3) == [False, False]
    assert digits([math.nan, 0.0]) == 3


def test_points_lie_where_their_numbers_say():
    points = [
        Point("a", (1.0, 0.9, 1.1), (0.5, 0.4, 0.6), base=True),
        Point("b", (2.0, math.nan, math.nan), (0.5, math.nan, math.nan)),
        *(Point(f"c{i}", (1.5, 1.5, 1.5), (0.5, 0.5, 0.5)) for i in range(20)),
    ]
    plot = scatter(points, "entropy", "accuracy")
    assert plot is not None
    a, b = plot.dots[:2]
    assert a.base
    assert a.x < plot.dots[2].x < b.x
    assert plot.dots[2].x == pytest.approx((a.x + b.x) / 2, abs=0.1)
    assert a.xs[0] < a.x < a.xs[1]
    assert a.ys[0] > a.y > a.ys[1]  # more is up
    assert b.xs == (b.x, b.x)
    labels = sorted(d.label for d in plot.dots)
    assert min(y - x for x, y in itertools.pairwise(labels)) >= 18
    assert 0 < labels[0] < labels[-1] < plot.height
    assert scatter([], "entropy", "accuracy") is None


@pytest.mark.parametrize("values", [[0.0], [0.3, 0.3 + 1e-12], [-2.0, 7.0], [0.999, 1.0], [1e-9, 3e-9], [5e4, 6e5]])
def test_ticks_hold_every_value(values):
    found = ticks(values)
    assert 2 <= len(found) <= 12
    assert found[0] <= min(values)
    assert found[-1] >= max(values)


def test_names_are_spread_in_their_order():
    assert spread([30.0, 30.0, 31.0], 10.0, 0.0, 100.0) == [30.0, 40.0, 50.0]
    assert spread([90.0, 95.0, 99.0], 10.0, 0.0, 100.0) == [80.0, 90.0, 100.0]


def test_intervals_are_stored_as_the_page_reads_them():
    (line,) = stored({"base": three()["base"]})["lines"]
    assert set(line["values"]["area"]) == set(Interval._fields)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
def test_opens_without_an_error(browse, tmp_path, flags):
    data = stored(three(HOSTILE), {"x seed 0": HOSTILE})
    dom, log = browse(build(data, MEASURES, tmp_path / "r.html"), *flags)
    assert [line for line in log.splitlines() if line.startswith("CONSOLE")] == []
    assert not re.search(r"<script|<img", dom)
    assert dom.count("<circle") == 3 * 2 + 4 * 2 * 3  # in the plane and beside it; measures, worlds, methods
