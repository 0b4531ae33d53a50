"""Recipes of SIREN, EPO and the entropy-performance exchange on the engine; entries that start later; early signals."""

from __future__ import annotations

import json
import math

import pytest
import torch

from guerdon.engines.native.run import PROVIDES, prepare, resume, train
from guerdon.errors import RecipeError
from guerdon.objectives.entropy import EntropyHistoryBand
from guerdon.pipeline import Pipeline
from guerdon.recipe import Recipe, load

SMALL = ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]
TABLE = {
    "task": {"use": "exploration", "world": "rare", "base_mass": 0.2}, "policy": "table",
    "rollout": {"prompts": 4, "group": 8}, "objective": [{"use": "clip"}],
    "train": {"steps": 6, "lr": 0.1, "threads": 1}, "eval": {"size": 4, "samples": 2, "greedy": False},
}  # fmt: skip


def pipeline(**data) -> Pipeline:
    return Pipeline(Recipe.model_validate({"task": "x", "reward": "answer_equal", **data}))


def metrics(folder) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [r["metrics"] for r in rows if r["kind"] == "train"]


@pytest.mark.parametrize("name", ["siren", "epo", "entropy-performance-exchange"])
def test_the_recipe_builds(name):
    data, policy, found = prepare(load(name, SMALL))
    assert found.needs() <= PROVIDES
    assert len(data.train)
    assert policy.window > 0


def test_siren_binds_its_nucleus_and_divides_by_the_longest_completion():
    _, _, found = prepare(load("siren", SMALL))
    asked = found.asked(("nucleus_entropy",), found.losses())
    assert asked == [("nucleus_entropy", {"top_p": 0.8, "inclusive": True, "top_k": 10_000})]
    assert (found.aggregate.use, found.aggregate.length) == ("fixed_length", 40.0)


def test_epo_on_the_engine_remembers_a_rollout_once(tmp_path):
    """Each of three rollouts enters once, although it is used for four updates."""
    small = ["task.size=64", "task.held_out=8", "rollout.prompts=4", "rollout.group=4", "eval.size=8", "eval.samples=1"]
    start = ["warm_start.max_steps=25", "warm_start.target=[0.0, 1.0]", "warm_start.check_size=8"]
    result = train("epo", [*SMALL, *small, *start, "train.steps=3", "train.minibatches=2", "train.epochs=2"],
                   out=tmp_path / "run")  # fmt: skip
    state = json.loads(next((result.path / "checkpoints").glob("*/state.json")).read_text("utf-8"))
    band = EntropyHistoryBand()
    band.load_state_dict(state["components"]["objective/entropy_history_band"])
    assert band.reference()[0] > 0
    assert band.state_dict()["counts"][0] == 2  # two closed, the third still open
    logged = [m["loss/entropy_history_band"] for m in metrics(result.path)]
    assert all(torch.isfinite(torch.tensor(logged)))


def test_an_entry_that_has_not_started_is_as_if_it_were_not_there(tmp_path):
    """Until step 3 the run is bit for bit the one without the entries, then it is another."""
    late = {
        "advantage": ["grpo", {"use": "position_bonus", "gamma": 2.0, "start": {"step": 3}}],
        "objective": [{"use": "clip"}, {"use": "entropy_bonus", "coef": 1.0, "start": {"step": 4}}],
    }
    plain = metrics(train(TABLE, out=tmp_path / "plain").path)
    found = metrics(train({**TABLE, **late}, out=tmp_path / "late").path)
    for k in range(3):
        assert {n: v for n, v in found[k].items() if not n.startswith("started/")} == plain[k]
    assert found[3]["advantage/abs_mean"] > plain[3]["advantage/abs_mean"]
    assert [m["started/position_bonus"] for m in found] == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert ["loss/entropy_bonus" in m for m in found] == [False, False, False, False, True, True]


def test_a_phase_is_read_off_the_history_which_a_resumed_run_has(tmp_path):
    """Entropy hardly moves at this rate, so the plateau starts after two windows of one step."""
    recipe = {
        **TABLE, "advantage": ["grpo", {"use": "position_bonus", "start": {"phase": "plateau", "window": 1}}],
        "train": {**TABLE["train"], "lr": 1e-9, "checkpoint_every": 1, "keep": 9},
    }  # fmt: skip
    folder = train(recipe, out=tmp_path / "run").path
    whole = [m["started/position_bonus"] for m in metrics(folder)]
    assert whole == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    loop_state = json.loads((sorted((folder / "checkpoints").glob("*"))[-1] / "state.json").read_text("utf-8"))
    assert len(loop_state["history"]["entropy"]) == 6
    assert resume(folder).path == folder


def test_state_of_a_late_entry_begins_with_it():
    """The anchor is that of the first batch in which the penalty acts."""
    found = pipeline(
        objective=[{"use": "clip"}, {"use": "anchored_entropy", "quantile": 0.0, "coef": 1.0, "start": {"step": 2}}]
    )
    mask, anchor = torch.ones(2, 1, dtype=torch.bool), found.terms[1].component
    penalties = []
    for step, entropy in ((0, 9.0), (1, 9.0), (2, 1.0), (3, 1.5)):
        frame = found.frame(
            {"mask": mask, "logp": torch.zeros(2, 1), "old_logp": torch.zeros(2, 1)}, step=step, total=9
        )
        frame.put("advantage", torch.ones(2, 1))
        frame.put("nucleus_entropy", torch.full((2, 1), entropy), anchor.settings("nucleus_entropy"))
        weights = found.term_weights({"mask": mask})
        penalties.append(found.loss(frame, weights).logs.get("loss/anchored_entropy"))
    assert penalties[:2] == [None, None]
    assert [round(float(p), 6) for p in penalties[2:]] == [0.0, 0.25]


def test_masks_and_controllers_start_late_too():
    found = pipeline(
        objective=[
            {"use": "clip"}, {"use": "high_entropy_mask", "quantile": 1.0, "start": {"step": 1}},
            {"use": "adaptive_kl", "start": {"step": 1}},
        ]
    )  # fmt: skip
    mask = torch.ones(1, 2, dtype=torch.bool)
    for step, gradient, written in ((0, [-0.5, -0.5], set()), (1, [0.0, -0.5], {"kl_coef"})):
        logp = torch.zeros(1, 2, requires_grad=True)
        frame = found.frame({"mask": mask, "logp": logp, "old_logp": torch.zeros(1, 2)}, step=step, total=9)
        frame.put("advantage", torch.ones(1, 2))
        frame.put("entropy", torch.tensor([[0.1, 0.2]]))
        assert set(found.coefficients(frame)) == written
        found.loss(frame, found.term_weights({"mask": mask})).total.backward()
        assert logp.grad is not None
        assert logp.grad[0].tolist() == pytest.approx(gradient)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"advantage": [{"use": "grpo", "start": {"step": 3}}]}, "estimator"),
        ({"objective": [{"use": "clip", "start": {"step": 3}}]}, "every loss"),
        ({"reward": [{"use": "answer_equal", "start": {"step": 3}}]}, "has no start"),
    ],
)
def test_starts_that_leave_nothing_are_refused(data, message):
    with pytest.raises(RecipeError, match=message):
        pipeline(**data)


@pytest.mark.parametrize("start", [{}, {"step": 1, "phase": "plateau"}, {"phase": "peak"}, {"step": -1}, {"at": 3}])
def test_a_start_says_one_thing(start):
    with pytest.raises(RecipeError):
        load({"task": "arithmetic", "objective": [{"use": "clip", "start": start}]})


@pytest.mark.parametrize("selection", [[], ["group_filter"]])
def test_an_advantage_reads_the_log_prob_at_another_temperature(tmp_path, monkeypatch, selection):
    """Two temperatures of one signal in one run, also where the selection leaves rows out: p^(1/T) / sum p^(1/T)."""
    seen = []
    advantage = Pipeline.advantage

    def spy(self, frame):
        seen.append(frame)
        return advantage(self, frame)

    monkeypatch.setattr(Pipeline, "advantage", spy)
    heats = [
        {"use": "tempered_reinforce", "name": f"t{t}", "bind": {"tempered_logp": {"temperature": t}}}
        for t in (2.0, 0.5)
    ]
    changes = {"advantage": ["grpo", *heats], "selection": selection, "train": {"steps": 1, "lr": 0.1, "threads": 1}}
    train({**TABLE, **changes}, out=tmp_path / "run")
    (frame,) = seen
    assert len(frame.get("group_id")) == 32 or selection
    for heat in (2.0, 0.5):
        found = frame.get("tempered_logp", {"temperature": heat})[:, 0].tolist()
        for task, text, value in zip(frame.get("task"), frame.get("completion"), found, strict=True):
            p = {s: q ** (1 / heat) for s, q in task.fields["base"].items()}
            assert value == pytest.approx(math.log(p[text] / sum(p.values())), abs=1e-5)
