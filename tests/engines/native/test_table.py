from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from guerdon.engines.native import table
from guerdon.engines.native.forward import frozen_statistics
from guerdon.engines.native.packing import Completions
from guerdon.engines.native.rollout import collect
from guerdon.engines.native.run import resume, train
from guerdon.engines.native.sampler import Sampling
from guerdon.errors import RecipeError
from guerdon.records import Task
from guerdon.tasks.exploration import Exploration

CHAINS = {"A": ({"x": 0.25, "y": 0.75}, {"z": 1.0}), "B": ({"x": 0.5, "w": 0.5}, {"y": 0.1, "z": 0.9})}


def tasks() -> list[Task]:
    return [Task(q, f"{q}:", fields={"question": q}) for q in CHAINS]


def test_it_samples_its_base_distribution_and_says_its_log_probs():
    policy = table.build(CHAINS)
    drawn = collect(policy, tasks(), 4000, Sampling(max_new_tokens=2), (0,))
    texts = drawn.values["completion"]
    # five standard deviations of a share of 4000: 5 * sqrt(.25 * .75 / 4000) = 0.034
    assert abs(texts[:4000].count("xz") / 4000 - 0.25) < 0.034
    assert abs(texts[4000:].count("xy") / 4000 - 0.05) < 0.018
    assert not bool(drawn.values["truncated"].any())
    assert drawn.sampled["logp"][0].sum().exp().item() == pytest.approx(0.25 if texts[0] == "xz" else 0.75)


def test_the_forward_pass_agrees_with_what_was_sampled():
    policy = table.build(CHAINS)
    drawn = collect(policy, tasks(), 8, Sampling(max_new_tokens=2), (0,))
    found = frozen_statistics(policy, drawn.completions, ["logp", "entropy"], budget=None, shared=True)
    torch.testing.assert_close(found["logp"], drawn.sampled["logp"])
    torch.testing.assert_close(found["entropy"], drawn.sampled["entropy"])
    assert found["entropy"][0, 1] == 0.0
    assert found["entropy"][8, 0] == pytest.approx(math.log(2))


def test_an_impossible_symbol_stays_impossible_and_gets_no_gradient():
    policy = table.build(CHAINS)
    batch = Completions(
        torch.tensor([[policy.encode(t)[0]] for t in tasks()]), torch.tensor([1, 1]), torch.tensor([0, 1]),
        torch.tensor([[0, 6], [0, 6]]), torch.tensor([2, 2]), torch.ones(2, 2, dtype=torch.bool),
    )  # fmt: skip
    from guerdon.engines.native.forward import micro_batches, statistics
    from guerdon.frame import key

    packed = micro_batches(batch, torch.arange(2), policy, budget=None)[0]
    logp = statistics(policy, packed, 2, {key("logp"): "logp"})[key("logp")]
    logp.sum().backward()
    grad = policy.model.logits.grad
    assert bool(torch.isfinite(grad).all())
    assert float(grad[~policy.model.possible].abs().max()) == 0.0


def test_a_run_learns_saves_its_probabilities_and_resumes(tmp_path):
    recipe = {
        "name": "table", "task": {"use": "exploration", "world": "rare", "keys": 2}, "policy": {"use": "table"},
        "rollout": {"prompts": 8, "group": 16}, "objective": ["clip"],
        "train": {"steps": 30, "lr": 0.2, "checkpoint_every": 10, "seed": 1},
        "eval": {"every": 30, "size": 20, "samples": 8, "greedy": False},
    }  # fmt: skip
    run = train(recipe, out=tmp_path / "run")
    assert run.summary["accuracy_after"] > run.summary["accuracy_before"] + 0.3
    saved = json.loads((tmp_path / "run" / "policy" / "table.json").read_text())
    assert all(math.isclose(sum(place.values()), 1.0, abs_tol=1e-5) for chain in saved.values() for place in chain)
    assert resume(tmp_path / "run").summary == run.summary


def test_a_task_of_unknown_distribution_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="no base distribution"):
        train({"task": "arithmetic", "policy": {"use": "table"}}, out=tmp_path / "run")


def test_the_model_and_the_table_start_at_the_same_place():
    data = Exploration(world="chain", keys=2).load()
    policy = table.build(data.chains)
    drawn = collect(policy, [data.evaluation[0]], 2, Sampling(max_new_tokens=data.max_new_tokens), (0,))
    assert all(len(text) == 12 for text in drawn.values["completion"])


def test_a_critic_of_a_table_learns_every_question_by_itself(tmp_path):
    """Rewards of 1 and 0 by question: the head's value before the decision goes to each question's own."""
    data = {
        "task": {"use": "exploration", "world": "mixed", "base_mass": 0.05, "easy": 0.95}, "policy": "table",
        "rollout": {"prompts": 16, "group": 8}, "advantage": "value_baseline",
        "objective": ["clip", {"use": "value_loss", "clip": None}],
        "train": {"steps": 60, "lr": 0.02, "threads": 1}, "eval": {"every": 100, "size": 8, "samples": 1},
    }  # fmt: skip
    done = train(data, out=tmp_path / "run")
    newest = sorted((done.path / "checkpoints").glob("step-*"))[-1]
    value = load_file(newest / "value_head.safetensors")
    found = value["weight"][0] + value["bias"]
    assert found.shape == (8,)  # eight questions of one position
    easy, hard = found[0::2], found[1::2]
    assert float(easy.min()) > float(hard.max())
