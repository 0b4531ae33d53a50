from __future__ import annotations

import numpy as np
import pytest

from guerdon.compare import Cell, Curve, compare, grid, label, read, read_runs, split
from guerdon.errors import DataError, RecipeError


class Folder:
    def __init__(self, rows, seed=0, **recipe):
        self.rows, self.data = rows, {"train": {"seed": seed}, **recipe}

    def evaluations(self):
        return self.rows

    def recipe(self):
        return self.data


def row(step, accuracy, n=100):
    return {"kind": "eval", "step": step, "metrics": {"eval/accuracy": accuracy, "eval/n": n}}


def curves(variant, finals):
    return [Curve(variant, s, f"{variant}{s}", (0, 10), (0.0, v), 100) for s, v in enumerate(finals)]


def test_read_takes_the_later_row_of_a_step_and_skips_missing_values(tmp_path):
    folder = Folder([row(10, 0.9), row(0, 0.1), row(5, None), row(10, 0.5)], seed=3)
    found = read(tmp_path, "a", folder)
    assert (found.seed, found.steps, found.values, found.n) == (3, (0, 10), (0.1, 0.5), 100)
    assert found.final == 0.5
    assert found.height == pytest.approx(0.3)


def test_a_run_without_evaluations_is_refused(tmp_path):
    with pytest.raises(DataError, match="eval/accuracy"):
        read(tmp_path, "a", Folder([]))


def test_exact_p_and_paired_interval():
    # six pairs that all differ by 0.2: 2 of 64 sign patterns reach the observed mean, p = 1/32
    result = compare([*curves("a", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), *curves("b", [0.3, 0.4, 0.5, 0.6, 0.7, 0.8])])
    final = result.differences[0]
    assert final.measure == "final"
    assert final.test.p == pytest.approx(1 / 32)
    # pairing removes the spread between seeds, so the interval has no width
    assert final.interval == pytest.approx((0.2, 0.2, 0.2))
    # each curve starts at 0, so its mean height is half of its end
    assert result.differences[1].interval.estimate == pytest.approx(0.1)
    assert result.conclusion.startswith("Differs from a in final accuracy: b +20.0 points")
    assert "exact paired permutation test" in result.conclusion
    assert "p=0.0312, n=6" in result.conclusion


def test_too_few_seeds_is_said():
    result = compare([*curves("a", [0.1, 0.2, 0.3]), *curves("b", [0.8, 0.9, 0.95])])
    assert not result.differences[0].significant
    # three pairs: 2 of 8 patterns at best
    assert "With 3 pairs this test cannot go below p=0.25" in result.conclusion


def test_only_shared_seeds_are_paired():
    b = [Curve("b", s, "", (0,), (0.5 + s / 100,)) for s in (2, 3, 9)]
    result = compare([*curves("a", [0.1, 0.2, 0.3, 0.4]), *b])
    assert result.differences[0].test.n == 2
    assert result.rows[1].seeds == (2, 3, 9)


def test_several_variants_are_adjusted():
    rng = np.random.default_rng(0)
    base, noise = rng.uniform(0.2, 0.4, 8), np.array([0.05, -0.05] * 4)
    result = compare([*curves("a", base), *curves("b", base + 0.1), *curves("c", base + noise)])
    final = {d.variant: d for d in result.differences if d.measure == "final"}
    # 2 of 256 patterns, times two comparisons
    assert final["b"].adjusted == pytest.approx(2 * 2 / 256)
    assert final["b"].significant
    assert not final["c"].significant
    assert "Holm-adjusted" in result.conclusion
    assert "not significantly different from a" in result.conclusion.split(";", 1)[1]


def test_one_seed_gives_no_test_but_an_interval_of_the_run():
    result = compare([*curves("a", [0.8]), *curves("b", [0.5])])
    assert result.differences == ()
    # Wilson interval of 80 of 100
    assert "a 80.0% [71.1%, 86.7%] n=100" in result.conclusion
    assert "no test over seeds is possible" in result.conclusion


def test_the_same_seed_twice_is_refused():
    with pytest.raises(DataError, match="same variant and seed"):
        compare([*curves("a", [0.1]), *curves("a", [0.1])])
    with pytest.raises(DataError, match="no run with evaluations"):
        compare([])


def test_data_is_plain():
    import json

    result = compare([*curves("a", [0.1, 0.2]), *curves("b", [0.3, 0.4])], failed=["a seed 7: out of disk"])
    data = json.loads(json.dumps(result.data()))
    assert data["rows"][0]["final"]["estimate"] == pytest.approx(0.15)
    assert data["differences"][0]["p"] == 0.5
    assert data["failed"] == ["a seed 7: out of disk"]


def test_labels_leave_the_seed_out():
    recipe = {"name": "x", "advantage": [{"use": "grpo"}], "train": {"lr": 0.1, "seed": 0}}
    other = {"name": "y", "advantage": [{"use": "rloo"}], "train": {"lr": 0.1, "seed": 1}}
    assert label([recipe, other]) == ["advantage=grpo", "advantage=rloo"]
    assert label([recipe, {**recipe, "train": {"lr": 0.1, "seed": 5}}]) == ["x", "x"]


def test_read_runs_needs_two(tmp_path):
    with pytest.raises(DataError, match="at least two"):
        read_runs([tmp_path])


def test_grid_is_the_product_with_the_first_choice_first():
    cells = grid(["advantage=grpo,rloo", "train.lr=1e-3,1e-2"], 2)
    assert len(cells) == 8
    assert cells[0] == Cell("advantage=grpo, train.lr=1e-3", ("advantage=grpo", "train.lr=1e-3"), 0)
    assert len({c.key({"v": c.overrides, "s": c.seed}) for c in cells}) == 8
    for bad in (["advantage"], ["=x"], ["advantage="]):
        with pytest.raises(RecipeError):
            grid(bad, 1)
    with pytest.raises(RecipeError):
        grid(["a=b"], 0)


def test_a_changed_recipe_is_another_folder():
    cell = Cell("a/b c", (), 1)
    assert cell.key({"steps": 1}) != cell.key({"steps": 2})
    assert cell.key({"x": 1, "y": 2}) == cell.key({"y": 2, "x": 1})
    assert "/" not in cell.key({})


def test_split_keeps_brackets_and_quotes():
    assert split("{use: clip, low: 0.1},[a, b],'x,y',z") == ["{use: clip, low: 0.1}", "[a, b]", "'x,y'", "z"]
