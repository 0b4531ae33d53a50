from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import guerdon
from guerdon.engines.native.run import train
from guerdon.errors import (
    DataError,
    GuerdonError,
    MachineError,
    MethodError,
    ModelError,
    NumericsError,
    RecipeError,
    UnknownNameError,
)
from guerdon.recipe import load
from guerdon.records.run import RunFolder

USER = "user_rewards"


@pytest.fixture(autouse=True)
def _code_of_the_user(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def refused(recipe, tmp_path):
    """Train a changed recipe that must not start; gives the error."""

    def run(error, match, allow_code=False, **changes):
        def start():
            train(recipe(allow_code=allow_code, **changes), out=tmp_path / "run", allow_code=allow_code)

        with pytest.raises(error, match=match) as found:
            start()
        assert isinstance(found.value, GuerdonError)
        assert not (tmp_path / "run").exists()  # nothing was started
        return found.value

    return run


# recipes


@pytest.mark.parametrize(
    ("changes", "what", "near", "where"),
    [
        ({"polcy": {}}, "unknown key of the recipe 'polcy'", "policy", "recipe: polcy"),
        ({"train": {"step": 3}}, "unknown key of train 'step'", "steps", "recipe: train.step"),
        ({"rollout": {"prompt": 3}}, "unknown key of rollout 'prompt'", "prompts", "recipe: rollout.prompt"),
        ({"policy": {"lora": {"rnk": 3}}}, "unknown key of policy.lora 'rnk'", "rank", "recipe: policy.lora.rnk"),
    ],
)
def test_unknown_keys_name_the_nearest(refused, changes, what, near, where):
    error = refused(UnknownNameError, what, **changes)
    assert error.where == where
    assert near in error.nearest
    assert near in str(error)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"train": {"steps": 0}}, "train.steps"),
        ({"train": {"lr": "fast"}}, "train.lr"),
        ({"rollout": {"top_p": 1.5}}, "rollout.top_p"),
        ({"rollout": {"temperature": 0.0}}, "rollout.temperature"),
        ({"policy": {"family": "qwen9"}}, "policy.family"),
        ({"train": {"non_finite": "ignore"}}, "train.non_finite"),
    ],
)
def test_values_out_of_range_are_named(refused, changes, where):
    error = refused(RecipeError, ".", **changes)
    assert where in error.where
    assert error.seen in [v for part in changes.values() for v in part.values()]


@pytest.mark.parametrize(
    ("stage", "wrong", "near"),
    [
        ("task", "arithmetics", "arithmetic"), ("reward", "answer_equals", "answer_equal"),
        ("shaping", "weighted_sums", "weighted_sum"), ("selection", "group_filters", "group_filter"),
        ("advantage", "grpoo", "grpo"), ("objective", "clipp", "clip"),
    ],
)  # fmt: skip
def test_unknown_names_at_every_stage(refused, stage, wrong, near):
    error = refused(
        UnknownNameError, f"unknown {stage} '{wrong}'", **{stage: {"use": wrong} if stage == "task" else [wrong]}
    )
    assert error.where == ("task" if stage == "task" else f"{stage}.0")
    assert near in error.nearest
    assert f"did you mean '{near}'" in error.fix


def test_a_method_of_another_stage_and_a_wrong_parameter(refused):
    error = refused(RecipeError, "'grpo' is a advantage, not a reward", reward=["grpo"])
    assert error.fix == "move it under advantage:"
    error = refused(UnknownNameError, "unknown parameter of clip 'lov'", objective=[{"use": "clip", "lov": 0.1}])
    assert error.where == "objective.0"
    assert "low" in error.nearest
    error = refused(UnknownNameError, "unknown provider 'answers'", providers={"answers": {}})
    assert "answer" in error.nearest


def test_a_missing_recipe_file(tmp_path):
    (tmp_path / "sums.yaml").write_text("task: arithmetic\n")
    with pytest.raises(DataError, match="no such recipe file") as found:
        guerdon.train(tmp_path / "sum.yaml", out=tmp_path / "run")
    assert "sums.yaml" in found.value.fix
    with pytest.raises(UnknownNameError, match="unknown recipe 'quickstrat'") as found:
        guerdon.train("quickstrat", out=tmp_path / "run")
    assert "quickstart" in found.value.nearest


# signals


def test_a_reward_cannot_ask_for_what_only_the_update_knows(refused, tmp_path, monkeypatch):
    (tmp_path / "late_reward.py").write_text(
        "from guerdon.method import method\n"
        "@method(stage='reward', default_source='ours', name='user_late')\n"
        "def late(entropy):\n    '''Reads the present policy.'''\n    return entropy.mean(1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    error = refused(MethodError, "a reward cannot read 'entropy'", allow_code=True, reward=["late_reward.late"])
    assert error.fix == "ask for old_entropy"


def test_a_signal_that_nobody_provides(refused):
    bound = {"use": "kl_penalty", "bind": {"ref_logp": "scorer_logp"}}
    error = refused(RecipeError, "does not provide signals", objective=["clip", bound])
    assert "scorer_logp" in str(error.seen)


# tasks and prompts


def jsonl(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return str(path)


@pytest.fixture
def file_task(tmp_path):
    def make(prompts, **more):
        rows = [{"prompt": p, "gold": "1"} for p in prompts]
        return {"use": "dataset", "path": jsonl(tmp_path / "rows.jsonl", rows), "held_out": 0.5, "digits": None, **more}

    return make


def with_task(task):
    return {"task": {k: v for k, v in task.items() if v is not None}}


def own(recipe, task, **changes):
    """The recipe with another task: the base's parameters belong to arithmetic."""
    data = {**recipe(**changes).data(), "task": {k: v for k, v in task.items() if v is not None}}
    return load(data)


def test_a_task_without_demonstrations_cannot_start_a_tiny_policy(recipe, file_task, tmp_path):
    chosen = load(
        {**own(recipe, file_task(["1+2=", "2+3="])).data(), "policy": {"use": "tiny", "hidden": 32, "heads": 2}}
    )
    chosen = load({**chosen.data(), "rollout": {"max_new_tokens": 4}})
    with pytest.raises(DataError, match="needs demonstrations") as found:
        train(chosen, out=tmp_path / "run")
    assert found.value.where.startswith("task ")
    assert "drop warm_start" in found.value.fix
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("prompts", "tokens", "what", "seen"),
    [
        (["1+2=", "1" * 80], 4, "longer than the model's window", "80 tokens"),
        (["1" * 40, "2" * 40], 30, "do not fit the model's window", "40 + 30 tokens"),
    ],
)
def test_prompts_that_do_not_fit(recipe, file_task, tmp_path, prompts, tokens, what, seen):
    chosen = own(recipe, file_task(prompts), rollout={"max_new_tokens": tokens})
    with pytest.raises(DataError, match=what) as found:
        train(chosen, out=tmp_path / "run")
    assert found.value.seen == seen
    assert "64" in found.value.allowed
    assert not (tmp_path / "run").exists()


def test_an_empty_prompt(recipe, file_task, tmp_path):
    chosen = own(recipe, file_task(["1+2=", ""]), rollout={"max_new_tokens": 4})
    with pytest.raises(DataError, match="empty"):
        train(chosen, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_evaluation_prompts(recipe, file_task, tmp_path):
    chosen = own(recipe, file_task(["1+2=", "2+2="], held_out=0.0), rollout={"max_new_tokens": 4})
    with pytest.raises(RecipeError, match="no training or no evaluation prompts"):
        train(chosen, out=tmp_path / "run")


# rewards


def test_code_of_the_user_needs_to_be_allowed(refused, trained):
    error = refused(RecipeError, "importing code named in a recipe is off", reward=[f"{USER}.length"])
    assert error.where == "reward.0"
    assert "--allow-code" in error.fix
    done = trained(name="allowed", allow_code=True, reward=[f"{USER}.length"])
    metrics = RunFolder(done.path).metrics("train")[0]["metrics"]
    assert 0 < metrics["reward/user_length/mean"] < 1


@pytest.mark.parametrize(
    ("name", "what"), [("missing", "cannot import"), ("plain", "is not a method")], ids=["missing", "undecorated"]
)
def test_code_that_is_no_method(refused, name, what):
    refused(RecipeError, what, allow_code=True, reward=[f"{USER}.{name}"])


@pytest.mark.parametrize(
    ("name", "error", "what"),
    [
        ("infinite", NumericsError, "a reward is not finite"),
        ("unscored", NumericsError, "too many rewards could not be scored"),
        ("short", MethodError, "one value per row"),
        ("text", MethodError, "a reward returns a Verdict, a tensor per row"),
    ],
)
def test_a_reward_of_the_user_that_is_wrong(trained, name, error, what):
    with pytest.raises(error, match=what) as found:
        trained(allow_code=True, reward=["answer_equal", f"{USER}.{name}"])
    assert name == "unscored" or f"user_{name}" in found.value.where


def test_a_reward_that_raises_stops_the_run_with_its_message(trained, tmp_path):
    with pytest.raises(Exception, match="division by zero"):
        trained(allow_code=True, reward=[f"{USER}.broken"])
    assert not (tmp_path / "run" / "lock").exists()
    assert not list(RunFolder(tmp_path / "run").rollouts())  # nothing was scored as 0


def test_unscored_rows_may_be_tolerated(trained):
    done = trained(
        allow_code=True, reward=["answer_equal", f"{USER}.unscored"], train={"max_unscored": 1.0, "steps": 2}
    )
    run = RunFolder(done.path)
    assert [e["name"] for e in run.events() if e["level"] == "warning"].count("unscored") == 2
    metrics = run.metrics("train")[0]["metrics"]
    assert metrics["status/unscored"] == 0.5
    assert metrics["reward/user_unscored/mean"] is None
    # a sum with a part that is not known is not known: nothing is learnt, nothing becomes 0
    assert all(r.reward != r.reward for r in run.rollouts("train"))
    assert metrics["advantage/nonzero"] == 0.0


def test_all_equal_rewards_change_nothing(trained, warm):
    done = trained(allow_code=True, reward=[f"{USER}.same"], train={"steps": 2})
    run = RunFolder(done.path)
    events = [e for e in run.events() if e["name"] == "no_signal"]
    assert [e["message"][:7] for e in events] == ["step 1:", "step 2:"]
    for line in run.metrics("train"):
        assert line["metrics"]["loss/total"] == 0.0
        assert line["metrics"]["grad_norm"] == 0.0
        assert line["metrics"]["group/zero_variance"] == 1.0
    from safetensors.torch import load_file

    before, after = (load_file(p / "model.safetensors") for p in (warm, done.path / "policy"))
    assert all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize("choice", ["raise", "skip"])
def test_a_loss_that_is_not_finite(trained, warm, choice):
    # the weight of the loss overflows float32, so loss and gradient are infinite
    changes = {
        "objective": [{"use": "clip", "weight": 1e39}], "train": {"non_finite": choice, "steps": 2},
        "reward": [f"{USER}.length"], "allow_code": True,
    }  # fmt: skip
    if choice == "raise":
        with pytest.raises(NumericsError, match="is not finite") as found:
            trained(**changes)
        assert found.value.where == "update"
        assert "non_finite=skip" in found.value.fix
        return
    done = trained(**changes)
    lines = RunFolder(done.path).metrics("train")
    skipped = [m["metrics"]["skipped_updates"] for m in lines]
    assert len(skipped) == 2
    assert 1.0 in skipped
    from safetensors.torch import load_file

    after = load_file(done.path / "policy" / "model.safetensors")
    assert all(bool(torch.isfinite(v).all()) for v in after.values())


# models


@pytest.mark.parametrize("name", ["no_such_folder/x/y", "./nothing"])
def test_a_model_path_that_does_not_exist(refused, name):
    error = refused(ModelError, "no model here", policy={"use": name})
    assert "tiny" in error.allowed


def test_a_directory_without_a_model(refused, tmp_path, warm):
    (tmp_path / "empty").mkdir()
    error = refused(ModelError, "no model here", policy={"use": str(tmp_path / "empty")})
    assert error.where == str(tmp_path / "empty")
    error = refused(ModelError, "no model here", policy={"use": str(warm.parent / "policies")})
    assert "policy" in error.allowed  # the directory beside it that holds one


def test_a_model_whose_files_are_broken(refused, warm, tmp_path):
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(warm, folder)
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    refused(ModelError, "cannot load the model", policy={"use": str(folder)})
    shutil.copytree(warm, folder, dirs_exist_ok=True)
    (folder / "config.json").write_text("{")
    refused(ModelError, "cannot load the model", policy={"use": str(folder)})
    (folder / "config.json").write_text('{"model_type": "no_such_model"}')
    refused(ModelError, "cannot load the model", policy={"use": str(folder)})


def test_sizes_that_do_not_fit(refused):
    refused(ModelError, "even multiple of heads", policy={"use": "tiny", "hidden": 30, "heads": 4})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_no_cuda_device(refused):
    error = refused(MachineError, "no CUDA device here", policy={"device": "cuda"})
    assert error.fix == "policy.device: auto"


def test_adapters_without_the_package(refused, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "peft", None)
    error = refused(MachineError, "LoRA needs the package peft", policy={"lora": {"rank": 2}})
    assert "pip install" in error.fix
