from __future__ import annotations

import json
import math

import pytest

from guerdon.cli import main
from guerdon.errors import RecipeError, UnknownNameError
from guerdon.recipe import load
from guerdon.suite import MEASURES, SUITES, WARM, compare, measure, names, recipe_of


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("world", SUITES["exploration"])
def test_every_world_has_a_recipe(world, network):
    recipe = load(recipe_of("rloo", "exploration", world, network=network))
    assert recipe.advantage[0].use == "rloo"
    assert recipe.task.params["world"] == world
    assert recipe.policy.use == ("tiny" if network else "table")
    assert (recipe.warm_start is not None) is network
    assert set(WARM) == set(SUITES["exploration"])


def test_a_method_is_a_recipe_an_advantage_or_an_objective():
    assert load(recipe_of("dapo", "exploration", "rare")).objective[0].params["high"] == 0.28
    assert [e.use for e in load(recipe_of("entropy_bonus", "exploration", "rare")).objective] == [
        "clip",
        "entropy_bonus",
    ]
    assert [e.use for e in load(recipe_of("sapo", "exploration", "rare")).objective] == ["sapo"]
    assert [e.use for e in load(recipe_of("whiten", "exploration", "rare")).advantage] == ["grpo", "whiten"]
    with pytest.raises(UnknownNameError, match="grpo"):
        recipe_of("gropo", "exploration", "rare")
    with pytest.raises(RecipeError, match="varies"):
        recipe_of("answer_equal", "exploration", "rare")
    with pytest.raises(UnknownNameError, match="exploration"):
        recipe_of("grpo", "explore", "rare")


def test_the_list_of_methods():
    assert names(["method=grpo,rloo"]) == ["grpo", "rloo"]
    for wrong in (["advantage=grpo"], ["method=grpo,grpo"], [], ["method="]):
        with pytest.raises(RecipeError, match="methods"):
            names(wrong)


def test_differences_are_paired_by_seed_and_averaged_over_worlds():
    def run(x):
        return dict.fromkeys(MEASURES, x)

    found = {
        "a": {s: {"w": run(s / 10), "v": run(s / 10 + 0.2)} for s in range(4)},
        "b": {s: {"w": run(s / 10 + 0.5), "v": run(s / 10 + 0.2)} for s in range(4)},
    }
    lines = compare(found)
    assert lines[0].sentence == "The baseline."
    assert lines[0].values["area"].estimate == pytest.approx(0.15 + 0.1)
    d = lines[1].against["area"]
    assert (d.estimate, d.low, d.high) == pytest.approx((0.25, 0.25, 0.25))
    assert "gains 25.0 points of pass@1" in lines[1].sentence
    assert lines[1].worlds["w"]["area"] == pytest.approx(0.65)
    few = compare({m: {s: by[s] for s in (0, 1)} for m, by in found.items()})
    assert few[1].against == {}
    assert "Too few" in few[1].sentence


def test_the_command_runs_measures_and_reuses(tmp_path, capsys, monkeypatch):
    worlds = {"exploration": {"rare": {"base_mass": 0.2}, "spurious": {}}}
    monkeypatch.setattr("guerdon.suite.SUITES", worlds)
    command = ["compare", "--suite", "exploration", "--vary", "method=grpo,rloo", "--seeds", "1",
               "--out", str(tmp_path), "train.steps=4", "eval.samples=8", "--json"]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr()
    data = json.loads(out.out)
    assert [line["method"] for line in data["lines"]] == ["grpo", "rloo"]
    values = {m: v["estimate"] for m, v in data["lines"][0]["values"].items()}
    assert 0 <= values["support kept"] <= 1
    assert values["seconds"] > 0
    assert values["answer entropy"] <= math.log(60)
    assert data["files"] == [str(tmp_path / "suite.json"), str(tmp_path / "report.html")]
    assert "One file, no network, no script." in (tmp_path / "report.html").read_text("utf-8")
    assert main([c for c in command if c != "--json"]) == 0
    again = capsys.readouterr().out
    assert again.count("reused") == 4
    assert f"and {tmp_path / 'report.html'}" in again
    run = next((tmp_path / "runs").iterdir())
    assert set(measure(run)) == set(MEASURES)


def test_nothing_to_compare_is_an_empty_table():
    assert compare({}) == []


def test_a_suite_whose_runs_all_fail_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("guerdon.suite.SUITES", {"exploration": {"rare": {"base_mass": 0.2}}})
    monkeypatch.setattr("guerdon.cli.grid.run", lambda jobs, **_: {j.name: "the loss is not finite" for j in jobs})
    command = ["compare", "--suite", "exploration", "--vary", "method=grpo", "--seeds", "1", "--out", str(tmp_path)]
    assert main(command) == 1
    assert "failed: grpo-rare seed 0: the loss is not finite" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Nothing to compare" in page
    assert "grpo-rare seed 0" in page
