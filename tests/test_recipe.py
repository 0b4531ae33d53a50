"""Recipes: one object in YAML and Python, every value with its origin, every mistake with its place."""

from __future__ import annotations

import pytest

from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.recipe import Recipe, load, shipped
from guerdon.recipe_file import parse_yaml

SMALL = (
    "task: {use: arithmetic, digits: 1}\nadvantage: rloo\nobjective:\n  - {use: clip, low: .inf}\ntrain: {lr: 1e-3}\n"
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, "utf-8")
    return path


def test_yaml_and_python_are_the_same_object(file):
    read = load(file)
    written = load({
        "task": {"use": "arithmetic", "digits": 1}, "advantage": ["rloo"],
        "objective": {"use": "clip", "low": float("inf")}, "train": {"lr": 0.001}, "name": "small",
    })  # fmt: skip
    assert read == written.model_copy(update={"origin": read.origin})
    assert read.objective[0].params["low"] == float("inf")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_recipes_survive_the_run_folder(name):
    recipe = load(name)
    again = load(parse_yaml(recipe.yaml(), name))
    assert again.data() == recipe.data()
    assert again.yaml() == recipe.yaml()
    assert recipe.name == parse_yaml(shipped()[name].read_text("utf-8"), name).get("name", name)


def test_a_run_folder_stands_for_its_recipe(file, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(load(file).yaml(), "utf-8")
    assert load(folder).data() == load(file).data()


def test_every_value_has_an_origin(file):
    recipe = load(file, ["train.steps=7", "objective.0.high=0.3"])
    origin = {key: where for key, _, where in recipe.explain()}
    assert origin["train.lr"] == "small.yaml:5"
    assert origin["train.steps"] == "override train.steps=7"
    assert origin["train.seed"] == "default"
    assert origin["objective.0.params.high"] == "override objective.0.high=0.3"
    assert origin["task.params.digits"] == "small.yaml:1"


def test_an_override_inside_a_default_list_keeps_the_default():
    recipe = load({"task": "arithmetic"}, ["advantage.0.scale=none", "objective.clip.low=0.1"])
    assert (recipe.advantage[0].use, recipe.advantage[0].params) == ("grpo", {"scale": "none"})
    assert (recipe.objective[0].use, recipe.objective[0].params) == ("clip", {"low": 0.1})


def test_the_words_that_yaml_1_1_takes_for_true_are_words(file):
    file.write_text(SMALL + "  # masks may name their losses\n", "utf-8")
    file.write_text("task: arithmetic\nobjective: [clip, {use: high_entropy_mask, on: [clip]}]\n", "utf-8")
    assert load(file).objective[1].on == ("clip",)


@pytest.mark.parametrize(
    ("text", "error", "place", "message"),
    [
        ("task: arithmetic\ntrian: {steps: 1}\n", UnknownNameError, ":2: trian", "did you mean 'train'"),
        ("task: arithmetic\ntrain: {stesp: 1}\n", UnknownNameError, ":2: train.stesp", "did you mean 'steps'"),
        ("task: arithmetic\naggregate:\n  lenght: 3\n", UnknownNameError, ":3: aggregate.lenght", "'length'"),
        ("task: arithmetic\ntrain:\n  steps: many\n", RecipeError, ":3: train.steps", "valid integer"),
        ("task: arithmetic\ntrain: {lr: 0}\n", RecipeError, ":2: train.lr", "greater than 0"),
        ("task: arithmetic\ntrain: {lr: .inf}\n", RecipeError, ":2: train.lr", "finite"),
        ("task: arithmetic\nreward: {use: answer_equal, weight: .nan}\n", RecipeError, ":2: reward", "finite"),
        ("task: a\nreward: [{use: a, weight: {schedule: linear}}]\n", RecipeError, ":2: reward.0.weight", "weight.to"),
        ("train: {steps: 1}\n", RecipeError, "", "'task' is missing"),
        ("task: arithmetic\npolicy: {family: bert}\n", RecipeError, ":2: policy.family", "qwen3"),
        ("task: arithmetic\nadvantage: [3]\n", RecipeError, ":2: advantage.0", "dictionary"),
        ("task: arithmetic\nadvantage: [{use: grpo, params: 3}]\n", RecipeError, ":2: advantage.0.params", ""),
        ("task: arithmetic\npolicy: {trust_remote_code: true}\n", UnknownNameError, ":2: policy.trust_remote_code", ""),
        ("task: arithmetic\nname: ../../evil\n", RecipeError, ":2: name", "without slashes"),
        ("task: arithmetic\nname: .hidden\n", RecipeError, ":2: name", "no dot in front"),
        ("task: arithmetic\nname: 'a\\b'\n", RecipeError, ":2: name", "without slashes"),
        ('task: arithmetic\nname: "a\\nb"\n', RecipeError, ":2: name", "printable"),
        ("task: arithmetic\nallow_code: true\n", UnknownNameError, ":2: allow_code", "unknown key"),
        ("task: arithmetic\norigin: {a: b}\n", UnknownNameError, ":2: origin", "unknown key"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_line_and_key(file, text, error, place, message):
    file.write_text(text, "utf-8")
    with pytest.raises(error) as caught:
        load(file)
    assert place in str(caught.value)
    assert message in str(caught.value)


def test_names_that_are_no_recipe(tmp_path):
    (tmp_path / "mine.yaml").write_text(SMALL, "utf-8")
    with pytest.raises(UnknownNameError, match="unknown recipe") as caught:
        load("quickstrat")
    assert caught.value.nearest[0] == "quickstart"
    with pytest.raises(DataError, match="no such recipe file") as missing:
        load(tmp_path / "mien.yaml")
    assert "mine.yaml" in missing.value.fix


def test_a_recipe_is_frozen_and_overrides_leave_it_alone():
    first = load({"task": "arithmetic", "train": {"steps": 3}})
    second = load(first, ["train.steps=5"])
    assert (first.train.steps, second.train.steps) == (3, 5)
    with pytest.raises(Exception, match="frozen"):
        first.train.steps = 9  # type: ignore[misc]
    assert isinstance(second, Recipe)
