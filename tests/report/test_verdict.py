from __future__ import annotations

import math

import pytest

from guerdon.report.conclusion import sentence
from guerdon.report.headline import Row
from guerdon.report.load import Run, Series
from guerdon.report.pick import ComponentCount, Evaluation, Rollouts
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


def _evaluated(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> Run:
    return a_run(rollouts=Rollouts(evaluations={0: Evaluation(0, before), 9: Evaluation(9, after)}))


def test_tasks_kept_found_and_lost():
    before = {"a": (1, 4), "b": (2, 4), "c": (0, 4), "d": (0, 4), "e": (3, 4)}
    after = {"a": (4, 4), "b": (0, 4), "c": (1, 4), "d": (0, 4), "e": (4, 4)}
    (found,) = checks(_evaluated(before, after), 0, [])
    assert found.level == OK
    assert "2 are solved before and after, 1 only after, 1 only before and 1 never" in found.text
    # 1 - .05^(1/4)
    assert percent(0.527) in found.text


def test_losing_many_tasks_is_a_warning():
    before = {str(i): (1, 2) for i in range(10)}
    after = {str(i): (2 if i < 3 else 0, 2) for i in range(10)}
    (found,) = checks(_evaluated(before, after), 0, [])
    assert (found.level, found.title) == (WATCH, "More tasks were lost than gained")


def test_unequal_samples_are_compared_at_the_fewest():
    # one of two choices of a single sample reaches the task before, both after
    (found,) = checks(_evaluated({"a": (1, 2), "b": (1, 1)}, {"a": (2, 2), "b": (0, 1)}), 0, [])
    assert "0.5 are solved before and after, 0.5 only after, 1 only before and 0 never" in found.text


def test_one_evaluation_says_nothing_about_support():
    assert checks(a_run(rollouts=Rollouts(evaluations={0: Evaluation(0, {"a": (1, 2), "b": (1, 2)})})), 0, []) == []
