from __future__ import annotations

import pytest

from guerdon.docs_build.plots import curve, svg
from guerdon.registry import index


def test_clip_is_flat_outside_its_band():
    axes, points = curve(index()["clip"])
    gain = {x: y for x, name, y in points if name == "advantage +1"}
    loss = {x: y for x, name, y in points if name == "advantage -1"}
    # band 0.8 to 1.2: -A r inside, -1.2 above; 0.8 below; dual clip 3 above ratio 3
    assert axes[0] == "importance ratio"
    assert gain[1.0] == pytest.approx(-1.0)
    assert gain[2.5] == pytest.approx(-1.2)
    assert loss[0.5] == pytest.approx(0.8)
    assert loss[4.0] == pytest.approx(3.0)


def test_a_weight_is_drawn_over_the_probability():
    """Where p = e^-H the predicted change is 0 and the weight 1; the largest change of the batch gets the smallest."""
    axes, points = curve(index()["entropy_change_weight"])
    assert axes == ("probability of the decision", "weight of its loss")
    many = {x: y for x, name, y in points if name == "50 alternatives"}
    assert len(many) == 99
    assert min(many.values()) == pytest.approx(0.8)
    assert max(many.values()) > 0.999


def test_transforms_of_an_advantage_are_drawn_over_place_and_perplexity():
    """The bonus at the end is .1 / (1 + e^-1); a completion as likely as the mean of the others keeps its advantage."""
    axes, points = curve(index()["position_bonus"])
    assert axes[0] == "relative place in the completion"
    assert {x: y for x, name, y in points if name == "advantage -1"}[1.0] == pytest.approx(-1.0731058579)
    _, points = curve(index()["perplexity_weight"])
    assert {x: y for x, name, y in points if name == "advantage +1"}[0.8] == pytest.approx(1.0)


def test_methods_that_are_no_curve_have_none():
    assert curve(index()["task_rule"]) is None


def test_the_picture_repeats():
    found = curve(index()["grpo"])
    assert svg(*found) == svg(*found)
    assert svg(*found).startswith("<svg")
