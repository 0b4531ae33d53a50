"""pass@k of two models: the estimator by hand and by enumeration, the crossing, pairing."""

from __future__ import annotations

import itertools

import pytest
import torch

from guerdon.audits import pass_at_k_curve
from guerdon.errors import DataError


def curves(base: list[list[int]], trained: list[list[int]], **options):
    rows = [(p, "base", ok) for p, oks in enumerate(base) for ok in oks]
    rows += [(p, "trained", ok) for p, oks in enumerate(trained) for ok in oks]
    group, source, ok = zip(*rows, strict=True)
    return {f.name: f for f in pass_at_k_curve(torch.tensor(ok).bool(), torch.tensor(group), source, **options)}


def test_three_right_of_ten():
    out = curves([[1] * 3 + [0] * 7] * 2, [[0] * 10] * 2, ks=(1, 5, 8))
    # 1 - C(7,k)/C(10,k): 3/10, 1 - 21/252, 1
    assert [out[f"base pass@{k}"].effect for k in (1, 5, 8)] == pytest.approx([0.3, 11 / 12, 1.0])
    assert [out[f"gain pass@{k}"].effect for k in (1, 5, 8)] == pytest.approx([-0.3, -11 / 12, -1.0])


def test_equals_all_choices_of_samples_and_never_falls():
    right = [1, 0, 1, 0, 0, 0]
    out = curves([right, right], [right, right], ks=(1, 2, 3, 4, 5, 6))
    for k in range(1, 7):
        chosen = list(itertools.combinations(right, k))
        assert out[f"base pass@{k}"].effect == pytest.approx(sum(any(c) for c in chosen) / len(chosen))
    values = [out[f"base pass@{k}"].effect for k in range(1, 7)]
    assert values == sorted(values)


def test_sharpening_gains_at_one_and_crosses():
    # base: each of two problems 1 of 4; trained: the first always, the second never
    out = curves([[1, 0, 0, 0]] * 2, [[1] * 4, [0] * 4])
    assert [out[f"gain pass@{k}"].effect for k in (1, 2, 4)] == pytest.approx([0.25, 0.0, -0.5])
    assert out["crossing"].effect == 2
    assert out["crossing"].severity == "warning"


def test_no_crossing_where_training_never_led():
    assert "crossing" not in curves([[1, 1]] * 2, [[0, 0]] * 2)
    assert "crossing" not in curves([[0, 1]] * 2, [[1, 1]] * 2, ks=(1,))


def test_the_gain_is_paired_by_problem():
    # both models solve the same one of two problems: the curves are uncertain, their difference is not
    out = curves([[1, 1], [0, 0]] * 4, [[1, 1], [0, 0]] * 4, ks=(1,))
    assert out["base pass@1"].interval[1] - out["base pass@1"].interval[0] > 0.3
    assert out["gain pass@1"].interval == (0.0, 0.0)


def test_one_problem_leaves_everything_open():
    assert curves([[1]], [[1]])["gain pass@1"].interval == (-1.0, 1.0)


def test_a_budget_beyond_the_samples_is_refused():
    with pytest.raises(DataError, match="no samples"):
        curves([[1, 0]], [[1, 0]], ks=(4,))
