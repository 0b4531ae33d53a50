from __future__ import annotations

import itertools
import math
import shutil
from pathlib import Path

import pytest
import torch

from guerdon.engines.callbacks import Callback, Callbacks
from guerdon.engines.native.evaluate import memory, remember, unchanged
from guerdon.engines.native.gather import next_task
from guerdon.engines.native.loop import Loop, learning_rate
from guerdon.engines.native.run import LOGS, prepare, resume
from guerdon.engines.native.update import Updater
from guerdon.engines.native.warm_start import demonstrations, warm_start
from guerdon.errors import DataError, ModelError, RunError
from guerdon.recipe import WarmStart, load
from guerdon.records import Task
from guerdon.records.jsonl import Writer
from guerdon.records.run import RunFolder


@pytest.fixture
def looped(recipe, tmp_path, monkeypatch):
    """A loop that is set up but has not made a step."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(**changes):
        chosen = recipe(allow_code=True, **changes)
        data, policy, pipeline = prepare(chosen)
        logs = {name: Writer(tmp_path / name) for name in LOGS}
        loop = Loop(chosen, data, policy, pipeline, logs, Callbacks([]), tmp_path)
        loop.set_reference()
        return loop

    return make


@pytest.fixture
def batches(monkeypatch):
    """The signals of every optimiser step, and its log."""
    seen = []
    step = Updater.step

    def spy(self, rollouts, values, at):
        logs = step(self, rollouts, values, at)
        seen.append((dict(values), logs))
        return logs

    monkeypatch.setattr(Updater, "step", spy)
    return seen


# hot enough that the samples of a prompt differ on every machine
VARIED = {"reward": ["user_rewards.spread"], "rollout": {"prompts": 4, "group": 4, "temperature": 1.5}}


def test_several_updates_compare_with_the_policy_that_sampled(looped, batches):
    loop = looped(**VARIED, train={"epochs": 2, "minibatches": 2, "lr": 0.05}, objective=["clip"])
    loop.train_step()
    assert len(batches) == 4
    sampled = {}
    for values, _ in batches[:2]:
        for g, s, row in zip(
            values["group_id"].tolist(), values["sample_index"].tolist(), values["old_logp"], strict=True
        ):
            sampled[g, s] = row
    assert len(sampled) == 16  # the two mini-batches of an epoch are the whole batch
    for values, _ in batches:
        groups = values["group_id"].tolist()
        assert all(groups.count(g) == 4 for g in groups)  # whole groups
        for g, s, row in zip(groups, values["sample_index"].tolist(), values["old_logp"], strict=True):
            assert torch.equal(row, sampled[g, s])
    # the first update is on-policy, so nothing is clipped; later ones are not
    clipped = [logs["clip/clip"] for _, logs in batches]
    assert clipped[0] == 0.0
    assert max(clipped[1:]) > 0.0


def test_one_update_needs_no_second_look(looped, batches):
    loop = looped(**VARIED)
    loop.train_step()
    ((values, logs),) = batches
    assert "old_logp" not in values
    assert logs["clip/clip"] == 0.0


def test_remax_takes_the_greedy_answer_as_baseline(looped, batches):
    loop = looped(**VARIED, advantage=["remax"])
    loop.train_step()
    ((values, _),) = batches
    baseline = values["reference_reward"]
    assert baseline.shape == (16, 1)
    for g in range(4):
        rows = values["group_id"] == g
        assert len(baseline[rows].unique()) == 1
        advantage = values["advantage"][rows][:, 0]
        assert (advantage - (values["reward"] - baseline[:, 0])[rows]).abs().max() < 1e-6


def test_remax_with_a_penalty_that_reads_the_reference(looped, batches):
    loop = looped(**VARIED, advantage=["remax"], shaping=["kl_reward"])
    loop.train_step()
    assert torch.isfinite(batches[0][0]["advantage"]).all()


def test_the_critic_is_part_of_the_run(trained, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    changes = {**VARIED, "advantage": ["gae"], "objective": ["clip", "value_loss"], "allow_code": True}
    done = trained(**changes, train={"steps": 6, "lr": 0.02, "epochs": 2})
    losses = [m["metrics"]["loss/value_loss"] for m in RunFolder(done.path).metrics("train")]
    assert losses[-1] < losses[0]  # it starts at 0 and learns the mean length
    assert (done.path / "checkpoints" / "step-00000006" / "value_head.safetensors").exists()


def test_rows_that_the_selection_left_out_never_train(looped, batches):
    # the rewards differ, but no group's mean lies above 2
    loop = looped(reward=["user_rewards.length"], selection=[{"use": "group_filter", "low": 2.0, "high": 3.0}])
    before = {k: v.clone() for k, v in loop.policy.model.state_dict().items()}
    loop.train_step()
    assert len(batches[0][0]["reward"].unique()) > 1
    assert not batches[0][0]["advantage"].any()
    assert all(torch.equal(v, before[k]) for k, v in loop.policy.model.state_dict().items())


def test_no_limit_on_the_batches_of_a_refill(looped):
    filters = {"use": "group_filter", "low": 0.0, "high": 1.0, "refill": True, "max_batches": 0}
    loop = looped(selection=[filters], rollout={"prompts": 2, "group": 6})
    loop.train_step()
    metrics = RunFolderless(loop).last()
    assert metrics["selection/batches"] >= 1
    assert metrics["selection/kept"] > 0


class RunFolderless:
    """Reads the metrics of a loop that has no run folder around it."""

    def __init__(self, loop):
        self.loop = loop

    def last(self):
        from guerdon.records.jsonl import Reader

        return list(Reader(self.loop.folder / "metrics.jsonl"))[-1]["metrics"]


def test_a_refill_counts_its_first_rows_once(looped):
    filters = {"use": "group_filter", "low": 2.0, "high": 3.0, "refill": True, "max_batches": 3}
    loop = looped(selection=[filters])
    loop.train_step()
    assert RunFolderless(loop).last()["selection/batches"] == 3.0
    assert memory(loop.pipeline)["selection/group_filter"]["calls"] == 1


def test_a_look_leaves_no_trace(looped):
    loop = looped(selection=[{"use": "std_filter"}], objective=["clip", "kl_penalty", "adaptive_kl"])
    loop.train_step()
    before = memory(loop.pipeline)
    assert set(before) == {"selection/std_filter", "objective/adaptive_kl"}
    with unchanged(loop.pipeline):
        for component in loop.pipeline.stateful().values():
            values = component.state_dict()
            component.load_state_dict(
                {k: 7 if isinstance(v, int) and not isinstance(v, bool) else v for k, v in values.items()}
            )
        assert memory(loop.pipeline) != before
    assert memory(loop.pipeline) == before
    loop.evaluate(1)
    assert memory(loop.pipeline) == before
    with pytest.raises(RunError, match="another recipe"):
        remember(loop.pipeline, {})


def test_evaluations_use_the_same_random_numbers(looped):
    loop = looped()
    first, second = loop.evaluate(0), loop.evaluate(5)
    assert first == second
    assert first["eval/n"] == first["eval/tasks"] * 2
    assert first["eval/pass@1"] == pytest.approx(first["eval/accuracy"])
    assert first["eval/pass@2"] >= first["eval/pass@1"]
    assert 0 <= first["eval/greedy_accuracy"] <= 1


def test_learning_rates(recipe):
    chosen = recipe(train={"lr": 1.0, "steps": 10, "warmup": 4, "schedule": "linear"})
    assert [learning_rate(chosen, s) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    # then down to 0 over the remaining six steps
    assert learning_rate(chosen, 7) == pytest.approx(1 - 3 / 6)
    cosine = recipe(train={"lr": 1.0, "steps": 10, "warmup": 0, "schedule": "cosine"})
    assert learning_rate(cosine, 5) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))


def test_every_prompt_comes_once_per_epoch(looped):
    loop = looped(task={"size": 10})
    seen = [next_task(loop, i).id for i in range(30)]
    epochs = [seen[i : i + 10] for i in (0, 10, 20)]
    assert all(len(set(e)) == 10 for e in epochs)
    assert epochs[0] != epochs[1]


def test_a_changed_model_is_not_loaded_from_a_checkpoint(trained, recipe, tmp_path):
    class Stop(Callback):
        def on_step(self, step, total, metrics, time):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(callbacks=[Stop()])
    text = (tmp_path / "run" / "recipe.yaml").read_text()
    (tmp_path / "run" / "recipe.yaml").write_text(text.replace("lora: null", "lora: {rank: 2}"))
    with pytest.raises(RunError, match="belongs to another model"):
        resume(tmp_path / "run")
    (tmp_path / "run" / "recipe.yaml").write_text(text)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert resume(tmp_path / "run").summary["steps"] == 4


# the supervised start


def started(policy, accuracies, **changes):
    """A supervised start whose checks say what the test wants."""
    tasks = [Task(f"t{i}", f"{i}+1=", demonstration=str(i + 1)) for i in range(8)]
    told = []
    plan = WarmStart(**{"target": (0.3, 0.5), "batch": 8, "check_every": 4, "max_steps": 40, **changes})
    done = warm_start(policy, tasks, plan, lambda size: next(accuracies), seed=0, budget=None, report=told.append)
    return done, told


def test_a_band_that_is_hit_twice_ends_the_start(tiny):
    done, told = started(tiny(), iter([0.1, 0.4, 0.45]))
    assert (done.steps, done.accuracy, done.overshoots) == (8, 0.45, 0)
    assert [t["step"] for t in told] == [4, 8, 8]
    assert told[-1]["done"]


def test_an_overshoot_goes_back_with_half_the_rate(tiny):
    policy = tiny()
    weights = []

    def accuracy(values):
        for value in values:
            weights.append(policy.model.state_dict()["model.embed_tokens.weight"].clone())
            yield value

    # below, above (back to the first check), then one noisy hit that does not hold, then above again, then a hit
    done, told = started(policy, accuracy([0.1, 0.9, 0.4, 0.6, 0.4, 0.4]), lr=1e-2)
    assert done.overshoots == 2
    assert [t["lr"] for t in told if "lr" in t] == [1e-2, 1e-2, 5e-3, 2.5e-3]
    # from the first check two steps on (half of four), not on from the overshoot
    assert (weights[2] - weights[0]).abs().max() < (weights[1] - weights[0]).abs().max()
    assert done.steps == 4 + 4 + 2 + 1


def test_a_band_that_cannot_be_reached(tiny):
    with pytest.raises(ModelError, match="did not reach its band") as found:
        started(tiny(), itertools.repeat(0.01))
    assert found.value.allowed == "0.3 to 0.5 within 40 steps"
    assert "warm_start.max_steps" in found.value.fix


def test_a_start_that_never_checked_says_so(tiny):
    with pytest.raises(ModelError, match="did not reach its band") as found:
        started(tiny(), iter([]), max_steps=3)
    assert found.value.seen == "never checked"


def test_demonstrations_end_with_the_end_token(tiny):
    policy = tiny()
    batch = demonstrations(policy, [Task("a", "1+2=", demonstration="3"), Task("b", "9+9=", demonstration="18")])
    assert batch.tokens.tolist() == [
        [policy.tokenizer("3")["input_ids"][0], 2, 0],
        [*policy.tokenizer("18")["input_ids"], 2],
    ]
    assert batch.mask.tolist() == [[True, True, False], [True, True, True]]
    with pytest.raises(DataError, match="needs demonstrations") as found:
        demonstrations(policy, [Task("c", "1+2=")])
    assert found.value.where == "task c"


def test_a_recipe_object_and_a_mapping_are_the_same_run(recipe):
    chosen = recipe()
    assert load(chosen).data() == load(chosen.data()).data() == chosen.data()
