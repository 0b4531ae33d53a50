"""Support of two models: the table by hand, budgets below the samples, answers as units, what is undefined."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from guerdon.audits import support
from guerdon.errors import DataError, RecipeError
from guerdon.records import Status


def found(base: list[list[int]], trained: list[list[int]], **options) -> dict[str, float]:
    """Effects by name for samples of both models, problem by problem."""
    rows = [(p, "base", ok) for p, oks in enumerate(base) for ok in oks]
    rows += [(p, "trained", ok) for p, oks in enumerate(trained) for ok in oks]
    group, source, ok = zip(*rows, strict=True)
    findings = support(torch.tensor(ok).bool(), torch.tensor(group), source, **options)
    for f in findings:
        assert f.interval[0] <= f.effect <= f.interval[1], f
    return {f.name: f.effect for f in findings}


def test_the_table_of_six_problems_by_hand():
    base, trained = [[1], [1], [1], [0], [0], [1]], [[1], [1], [0], [1], [0], [1]]
    out = found(base, trained)
    assert [out[n] for n in ("preserved", "expanded", "shrunk", "out of support")] == [3, 1, 1, 1]
    # 3/4, 1/4, 2 * .75 * .25 / 1, (1 - 1) / 5
    named = ("support retention", "net discovery", "support dynamic", "net support change")
    assert [out[n] for n in named] == [0.75, 0.25, 0.375, 0.0]


@pytest.mark.parametrize(("k", "floor"), [(1024, 0.00292124), (8192, 0.00036562)])
def test_the_detectable_probability_is_just_below_three_over_k(k, floor):
    out = found([[1] * k], [[1] * k])
    # 1 - .05^(1/k), below -ln(.05)/k = .00292552 for 1024
    assert out["detectable probability"] == pytest.approx(floor, abs=5e-9)
    assert out["detectable probability"] < -math.log(0.05) / k


def test_a_model_against_itself_keeps_everything_and_finds_nothing():
    out = found([[1, 0], [0, 0], [1, 1]], [[1, 0], [0, 0], [1, 1]])
    assert (out["support retention"], out["net discovery"], out["net support change"]) == (1.0, 0.0, 0.0)
    assert out["support dynamic"] == 0.0


def test_a_budget_below_the_samples_is_the_mean_over_all_choices_of_samples():
    b, t, k = [1, 0, 0, 0], [1, 1, 0, 0], 2
    pairs = list(itertools.product(itertools.combinations(b, k), itertools.combinations(t, k)))
    shrunk = sum(any(x) and not any(y) for x, y in pairs) / len(pairs)
    preserved = sum(any(x) and any(y) for x, y in pairs) / len(pairs)
    out = found([b], [t], k=k)
    # 36 choices: shrunk 1/2 * 1/6, preserved 1/2 * 5/6
    assert (out["shrunk"], out["preserved"]) == (pytest.approx(shrunk), pytest.approx(preserved))
    assert out["shrunk"] == pytest.approx(1 / 12)


def test_answers_as_units_show_a_lost_mode_that_problems_do_not():
    ok, group = torch.tensor([True] * 8), torch.zeros(8, dtype=torch.long)
    answer, source = ["a", "b", "c", "a", "a", "a", "b", "a"], ["base"] * 4 + ["trained"] * 4
    problems = {f.name: f.effect for f in support(ok, group, source)}
    answers = {f.name: f.effect for f in support(ok, group, source, answer, unit="answer")}
    assert problems["net support change"] == 0.0
    # a and b are kept, c is lost: (0 - 1) / 3
    assert (answers["preserved"], answers["shrunk"]) == (2, 1)
    assert answers["net support change"] == pytest.approx(-1 / 3)
    assert "out of support" not in answers


def test_unscored_rows_say_nothing():
    ok, group = torch.tensor([1, 0, 0, 0]).bool(), torch.tensor([0, 0, 0, 0])
    status = torch.tensor([Status.SCORED, Status.UNSCORED, Status.SCORED, Status.UNSCORED])
    out = {f.name: f for f in support(ok, group, ["base", "base", "trained", "trained"], status=status)}
    assert out["shrunk"].effect == 1.0
    assert out["detectable probability"].n == 1  # one judged sample on each side


def test_what_has_no_denominator_is_left_out():
    out = found([[0], [0]], [[0], [0]])
    assert out["out of support"] == 2
    assert not {"support retention", "net discovery", "support dynamic", "net support change"} & set(out)


def test_agreement_of_few_problems_is_not_certainty():
    rows = torch.ones(6, dtype=torch.bool)
    out = support(rows, torch.arange(3).repeat(2), ["base"] * 3 + ["trained"] * 3)
    kept = next(f for f in out if f.name == "support retention")
    # Wilson for 3 of 3: 1 / (1 + 1.96^2 / 3)
    assert kept.interval == (pytest.approx(1 / (1 + 1.959964**2 / 3), abs=1e-6), 1.0)


def test_what_cannot_be_compared_is_refused():
    ok, group = torch.ones(4, dtype=torch.bool), torch.tensor([0, 1, 2, 3])
    with pytest.raises(DataError, match="no problem was tried by both"):
        support(ok, group, ["base", "base", "trained", "trained"])
    with pytest.raises(DataError, match="rows of both"):
        support(ok, group, ["base"] * 4)
    with pytest.raises(DataError, match="budget of k"):
        support(ok, torch.zeros(4, dtype=torch.long), ["base", "base", "trained", "trained"], k=3)
    with pytest.raises(DataError, match="answers are counted"):
        support(ok, torch.zeros(4, dtype=torch.long), ["base", "base", "trained", "trained"], unit="answer")
    with pytest.raises(RecipeError, match="confidence"):
        support(ok, torch.zeros(4, dtype=torch.long), ["base", "base", "trained", "trained"], confidence=1.0)
