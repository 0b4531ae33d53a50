from __future__ import annotations

import math

import pytest

from guerdon.records import Rollout
from guerdon.report.headline import curve
from guerdon.report.pick import Evaluation, read


def rollout(step, group, sample, reward, **more):
    return Rollout(
        f"{step}:{group}:{sample}",
        step,
        f"t{step}-{group}",
        "p",
        f"c{step}-{group}-{sample}",
        group=group,
        sample=sample,
        reward=reward,
        **more,
    )


def test_best_and_worst_by_reward_then_late():
    found = read((rollout(s, 0, i, float(i)) for s in range(10) for i in range(4)), last_step=9)
    assert {p.rollout.sample for p in found.picks["best"]} == {3}
    assert {p.rollout.sample for p in found.picks["worst"]} == {0}
    assert sum(p.rollout.step >= 6 for p in found.picks["best"]) == 4  # the four of the last third come first


def test_disputed_shows_both_ends_of_the_widest_group():
    rows = [rollout(0, 0, 0, 0.4), rollout(0, 0, 1, 0.6), rollout(0, 1, 0, 0.0), rollout(0, 1, 1, 1.0)]
    found = read(rows, last_step=0)
    assert [p.rollout.id for p in found.picks["disputed"]][:2] == ["0:1:1", "0:1:0"]


def test_components_that_disagree_are_disputed():
    found = read([rollout(0, 0, 0, 0.5, aspects={"math": 0.0, "judge": 1.0})], last_step=0)
    assert [p.why for p in found.picks["disputed"]] == ["judge says 1, math says 0"]


def test_unscored_is_no_reward_and_never_best_or_worst():
    rows = [
        rollout(
            0, 0, 0, math.nan, aspects={"judge": math.nan}, status={"judge": "unscored"}, reason={"judge": "timeout"}
        ),
        rollout(0, 0, 1, -1.0),
    ]
    found = read(rows, last_step=0)
    assert [p.rollout.sample for p in found.picks["unscored"]] == [0]
    assert [p.rollout.sample for p in found.picks["worst"]] == [1]
    assert found.reasons[("judge", "unscored", "timeout")] == 1
    assert found.components["judge"].status["unscored"] == 1


def test_causes_that_differ_in_their_quotes_are_one():
    rows = [rollout(0, 0, i, 0.0, status={"m": "failed"}, reason={"m": f"no number: '{i}+'"}) for i in range(5)]
    assert read(rows, last_step=0).reasons == {("m", "failed", "no number: '…'"): 5}


def test_paid_but_wrong_needs_a_wrong_verdict():
    rows = [rollout(0, 0, 0, 1.0, is_correct=True), rollout(0, 0, 1, 0.9, is_correct=False), rollout(0, 0, 2, 2.0)]
    assert [p.rollout.sample for p in read(rows, last_step=0).picks["gamed"]] == [1]


def test_spread_is_taken_from_the_mean_of_the_scored_samples():
    rows = [rollout(9, 0, 0, 0.0), rollout(9, 0, 1, 1.0), rollout(9, 0, 2, math.nan)]
    found = read(rows, last_step=9)
    assert sorted(v for _, v in found.spread["late"]) == [-0.5, 0.5]


def test_only_first_and_last_evaluation_are_kept():
    rows = [
        Rollout(f"{s}:0:{i}", s, "a", "p", "c", kind="eval", is_correct=i < s, reward=0.0)
        for s in (0, 2, 3)
        for i in range(4)
    ]
    found = read(rows, last_step=3)
    assert {s: e.sampled for s, e in found.evaluations.items()} == {0: {"a": (0, 4)}, 3: {"a": (3, 4)}}


def test_curve_by_hand():
    # a: 1 of 4 right, b: none: pass@2 = (1 - C(3,2)/C(4,2)) / 2 = 0.25; pass@4 = 0.5
    found = dict(curve(Evaluation(0, {"a": (1, 4), "b": (0, 4)})))
    assert {k: e.value for k, e in found.items()} == pytest.approx({1: 0.125, 2: 0.25, 4: 0.5})


def test_memory_is_bounded_by_what_is_shown():
    rows = (
        rollout(
            s, g, i, (s * 31 + g * 7 + i) % 13 / 13, is_correct=i == 0, reason={"m": f"r{s}"}, status={"m": "failed"}
        )
        for s in range(600)
        for g in range(4)
        for i in range(8)
    )
    found = read(rows, last_step=599)
    assert found.train == 600 * 32
    assert all(len(picks) <= 9 for picks in found.picks.values())
    assert max(len(v) for v in found.spread.values()) <= 8000
    assert len(found.reasons) == 400
    assert found.more_reasons == 200 * 32


def test_the_same_run_picks_the_same_samples():
    rows = [rollout(s, 0, i, 1.0) for s in range(30) for i in range(8)]
    first, second = read(rows, last_step=29), read(rows, last_step=29)
    assert [p.rollout.id for p in first.picks["best"]] == [p.rollout.id for p in second.picks["best"]]
