from __future__ import annotations

import math

import pytest

from guerdon.report.conclusion import sentence
from guerdon.report.headline import Row
from guerdon.report.load import Run, Series
from guerdon.report.pick import ComponentCount, Rollouts
from guerdon.report.stats import Estimate, newcombe, wilson
from guerdon.report.verdict import ALERT, OK, WATCH, checks, components
from guerdon.report.words import number, percent, points


def a_run(name="r", *, train=None, evaluations=None, rollouts=None, summary=None) -> Run:
    made = {k: Series(list(range(len(v))), v) for k, v in (train or {}).items()}
    held = {k: Series(list(range(len(v))), v) for k, v in (evaluations or {}).items()}
    steps = max((len(s.steps) for s in made.values()), default=0)
    return Run(name, name, made, held, {}, steps, rollouts or Rollouts(), summary or {}, {}, {}, {}, [])


def held(run, before, after, n):
    first, last = (Estimate(p, *wilson(p * n, n), n) for p in (before, after))
    return Row(run, "Held-out accuracy", "rate", first, last, newcombe(first, last), 1)


@pytest.mark.parametrize(
    ("before", "after", "n", "lead", "tone"),
    [
        (0.4, 0.8, 200, "It worked", "good"),
        (0.8, 0.4, 200, "It did not work", "bad"),
        (0.50, 0.52, 100, "No effect shown", "flat"),
    ],
)
def test_one_run(before, after, n, lead, tone):
    said, found = sentence([a_run()], [held(0, before, after, n)])
    assert said.startswith(lead)
    assert percent(after) in said
    assert found == tone


def test_two_runs_that_cannot_be_told_apart():
    said, tone = sentence([a_run("a"), a_run("b")], [held(0, 0.4, 0.70, 50), held(1, 0.4, 0.72, 50)])
    assert said.startswith("No winner shown")
    assert tone == "flat"


def test_reward_up_and_accuracy_down_is_an_alarm():
    reward = Row(0, "Total reward", "mean", None, None, Estimate(0.3, 0.2, 0.4, 15), 1)
    found = checks(a_run(), 0, [held(0, 0.8, 0.5, 200), reward])
    assert [(c.level, c.title) for c in found] == [(ALERT, "Reward up, accuracy down")]


def test_wrong_answers_that_are_paid():
    stored = Rollouts(
        paid=[(i / 100, 1.0, True) for i in range(50)] + [(i / 100, 1.0 if i < 40 else 0.0, False) for i in range(50)]
    )
    found = checks(a_run(rollouts=stored), 0, [])
    assert found[0].level == ALERT
    assert found[0].text.startswith("80.0% of the wrong completions")


@pytest.mark.parametrize(("last", "level"), [(0.02, OK), (0.2, WATCH), (0.5, ALERT)])
def test_truncation_levels(last, level):
    assert checks(a_run(train={"truncated/rate": [0.0] * 27 + [last] * 3}), 0, [])[0].level == level


def judged(means, within, correct=(), unscored=0, scored=100, low=0.0):
    stored = Rollouts()
    count = stored.components["c"] = ComponentCount()
    count.status.update({"scored": scored, "unscored": unscored})
    count.low, count.high = low, max(means)
    for x, y in correct:
        count.correct.add(x, y)
    return components(
        a_run(train={"reward/c/mean": means, "reward/c/within_group_std": [within] * len(means)}, rollouts=stored), 0
    )[0]


def test_components():
    up, flat = [i / 40 for i in range(40)], [0.5 + 0.01 * (i % 2) for i in range(40)]
    right = [(1.0, 1.0), (0.0, 0.0)] * 20
    assert judged(up, 0.2, right).status == "rising"
    assert judged(up[::-1], 0.2, right).status == "falling"
    assert judged(flat, 0.2, right).status == "flat"
    assert judged(flat[::2], 0.0, low=0.5).status == "no signal"
    assert judged([1.0] * 40, 0.0).status == "saturated"
    assert judged(up, 0.2, [(1.0, 0.0), (0.0, 1.0)] * 20).status == "against the task"
    assert judged(up, 0.2, right, unscored=60).status == "not scored"
    assert judged(up, 0.2, [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)] * 10).status == "rising alone"


def test_numbers_as_text():
    assert (number(0.0), number(12.345), number(-0.5, signed=True), number(6.7e-6), number(math.nan)) == (
        "0.00",
        "12.3",
        "−0.50",
        "6.7e−06",
        "n/a",
    )
    assert (percent(1.0), points(0.004), points(-0.25)) == ("100.0%", "+0.4", "−25.0")
