"""The page about scores: its numbers, and that nothing a completion wrote can run."""

from __future__ import annotations

import math
import re

from guerdon.grading.batch import Graded
from guerdon.grading.tally import Tally
from guerdon.records import Status
from guerdon.report.scores import build, histogram

REWARDS = [{"name": "x", "label": "x", "weight": 1.0, "columns": {"completion": "c"}, "parameters": {"a": "<b>"}}]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b[2J"


def page(tmp_path, tally):
    return build(tally, REWARDS, HOSTILE, tmp_path / "p.html").read_text("utf-8")


def test_counts_causes_and_examples_are_on_the_page(tmp_path):
    tally = Tally()
    for i in range(40):
        tally.add(Graded(str(i), f"f:{i}", i % 2, Status.SCORED, "", {"x": float(i % 2)}, {"x": Status.SCORED}), {})
    text = {"prompt": HOSTILE, "completion": HOSTILE, "gold": HOSTILE}
    states = {"x": Status.UNSCORED}
    tally.add(Graded("u", "f:u", math.nan, Status.UNSCORED, HOSTILE, {"x": math.nan}, states, {"x": HOSTILE}), text)
    html = page(tmp_path, tally)
    assert "41 rows, 40 scored, 0 failed, 1 unscored" in html
    assert "Scored with gaps" in html  # 1 of 41 is more than 2%
    assert "2.4% of the readable rows have no score" in html
    assert "50.0% at 0.00, 50.0% at 1.00" in html
    assert not re.search(r"<script|<img", html)
    assert "script-src" not in html
    assert "default-src 'none'" in html.replace("&#39;", "'")
    assert "\u202e" not in html
    assert not re.search(r'(?:src|href)="(?!#)', html)


def test_nothing_scored_is_said(tmp_path):
    tally = Tally()
    tally.add(Graded("u", "f:u", math.nan, Status.UNSCORED, "away", {"x": math.nan}, {"x": Status.UNSCORED}, {}), {})
    html = page(tmp_path, tally)
    assert "Not to be used" in html
    assert "n/a" in html


def test_bars_share_out_all_values():
    bars, low, high = histogram([-3.0, -1.0, 0.5, 2.0, 2.0])
    assert (low, high) == (-3.0, 2.0)
    assert sum(b.share for b in bars) == 1.0
    assert max(b.height for b in bars) == 100
    assert all(b.x >= 0 and b.x + b.width <= 300 for b in bars)
    assert histogram([5.0, 5.0])[0][0].label == "5.00"
