"""Rollouts of several passes: rows, sources and temperatures, old log-probs, controllers, resume, refusals."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from guerdon.engines.callbacks import Callback
from guerdon.engines.native.gather import gather
from guerdon.engines.native.run import prepare, resume, train
from guerdon.engines.native.update import Updater
from guerdon.errors import Interrupted, RecipeError, UnknownNameError
from guerdon.recipe import load
from guerdon.records.run import RunFolder

HOT = {"source": "hot", "share": 0.5, "temperature": "controlled"}
THERMOSTAT = {"use": "entropy_thermostat", "target": 0.5}
MIXED = {
    "rollout": {"passes": [HOT]},
    "selection": [{"use": "mix_rollouts", "positive_by": "reward"}],
    "advantage": ["grpo", "source_constant"],
    "objective": ["clip", THERMOSTAT],
}
TABLE = {
    "task": {"use": "exploration", "world": "modes"}, "policy": "table", "rollout": {"prompts": 4, "group": 4},
    "train": {"steps": 6, "lr": 0.1, "checkpoint_every": 2, "threads": 1}, "record": {"every": 1},
    "eval": {"every": 100, "size": 8, "samples": 2, "greedy": False},
}  # fmt: skip


def table(**changes):
    out = {**TABLE, **changes}
    return {**out, "rollout": {**TABLE["rollout"], **changes.get("rollout", {})}}


@pytest.fixture
def seen(monkeypatch):
    """What every gathering of a run gave, and the values its updates read."""
    found = {"batches": [], "values": []}

    def spy(loop, times, metrics):
        out = gather(loop, times, metrics)
        found["batches"].append((out, dict(metrics)))
        return out

    step = Updater.step

    def spied(self, rollouts, values, at):
        found["values"].append(values)
        return step(self, rollouts, values, at)

    monkeypatch.setattr("guerdon.engines.native.loop.gather", spy)
    monkeypatch.setattr(Updater, "step", spied)
    return found


def test_rows_of_a_further_pass_are_groups_of_their_own(seen, tmp_path):
    train(table(**MIXED), out=tmp_path / "run")
    (_, rollouts, scores, keep), metrics = seen["batches"][0]
    source, group = rollouts.values["source"], rollouts.values["group_id"]
    assert source == ["base"] * 16 + ["hot"] * 8  # half of four prompts
    assert sorted(set(group[:16].tolist())) == [0, 1, 2, 3]
    assert sorted(set(group[16:].tolist())) == [4, 5]
    assert [t.id for t in rollouts.values["task"][16::4]] == [t.id for t in rollouts.values["task"][:8:4]]
    assert len(keep) == len(scores.values) == 24
    assert int(keep.sum()) == 16  # as many as the base pass
    assert metrics["temperature/hot"] == pytest.approx(1.2)  # nothing measured yet: hot
    # a sampled row of the hot pass is no copy of the base pass
    assert rollouts.values["completion"][16:] != rollouts.values["completion"][:8]


def test_the_temperature_follows_the_entropy_of_the_base_pass(seen, tmp_path):
    train(table(**{**MIXED, "objective": ["clip", {**THERMOSTAT, "target": 1.5}]}), out=tmp_path / "run")
    series = [m for _, m in seen["batches"]]
    for (before, now), ((_, rollouts, *_), _) in zip(itertools.pairwise(series), seen["batches"][:-1], strict=True):
        assert now["temperature/hot"] == pytest.approx(1.2 if before["entropy"] <= 1.5 else 0.8)
        mask = rollouts.completions.mask[:16]
        assert before["entropy"] == pytest.approx(rollouts.sampled["entropy"][:16][mask].mean().item(), rel=1e-5)


def test_hot_rows_count_one_and_are_compared_with_the_policy_at_temperature_one(seen, tmp_path):
    pull = [*MIXED["advantage"]]
    changes = {**MIXED, "advantage": pull, "train": {**TABLE["train"], "steps": 1, "epochs": 2}}
    train(table(**changes), out=tmp_path / "run")
    values = seen["values"][0]
    hot = torch.tensor([s == "hot" for s in values["source"]])
    assert bool(hot.any())
    assert bool((values["advantage"][hot][values["mask"][hot]] == 1.0).all())
    (_, rollouts, *_), _ = seen["batches"][0]
    assert float(values["temperature"]) == 1.0
    # the table has one logit per symbol: at 1.2 the sampled log-probs differ from those at 1
    rows = [i for i, s in enumerate(rollouts.values["source"]) if s == "hot"]
    assert not torch.allclose(rollouts.sampled["logp"][rows][:, 0], _at_one(tmp_path / "run", rollouts, rows))
    kept = values["old_logp"][hot][:, 0]
    every = _at_one(tmp_path / "run", rollouts, rows)
    assert all(bool(torch.isclose(every, v, atol=1e-6).any()) for v in kept)


def _at_one(folder, rollouts, rows):
    """Log-probs of the first decisions under the base distribution of the task, where the table starts."""
    tasks = [rollouts.values["task"][i] for i in rows]
    texts = [rollouts.values["completion"][i] for i in rows]
    return torch.tensor([t.fields["chain"][0][text] for t, text in zip(tasks, texts, strict=True)]).log()


def test_records_say_which_pass_made_a_row(tmp_path):
    done = train(table(**MIXED), out=tmp_path / "run")
    sources = [r.source for r in RunFolder(done.path).rollouts("train") if r.step == 1]
    assert sources == ["base"] * 16 + ["hot"] * 8


def test_without_a_positive_row_the_update_is_that_of_grpo(tmp_path):
    mixed = train(table(**{**MIXED, "selection": [{"use": "mix_rollouts", "limit": 0}]}), out=tmp_path / "a")
    plain = train(table(), out=tmp_path / "b")
    assert (mixed.path / "policy/table.json").read_bytes() == (plain.path / "policy/table.json").read_bytes()


def test_a_list_is_a_base_pass_and_more():
    written = load({**TABLE, "rollout": [{"prompts": 8, "group": 2}, HOT]}).rollout
    assert (written.prompts, written.passes[0].source, written.passes[0].temperature) == (8, "hot", "controlled")
    assert load(load({**TABLE, "rollout": [{"prompts": 8}, HOT]}).data()).rollout.passes == written.passes


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"rollout": {"passes": [HOT]}}, RecipeError, "nothing controls it"),
    ({"rollout": {"temperature": "controlled"}}, RecipeError, "nothing controls it"),
    ({"advantage": ["grpo", "tempered_reinforce"]}, RecipeError, "nothing controls it"),
    ({"objective": ["clip", THERMOSTAT]}, RecipeError, "nothing uses it"),
    ({**MIXED, "selection": ["dynamic_sampling"]}, RecipeError, "not refilled"),
    ({**MIXED, "advantage": ["grpo", {"use": "source_constant", "only": "hott"}]}, UnknownNameError, "hott"),
])  # fmt: skip
def test_what_does_not_fit_together_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        prepare(load(table(**changes)))


@pytest.mark.parametrize("extra", [
    {"source": "base"}, {"source": "hot", "share": 0.0}, {"source": "hot", "temperature": -1.0},
    {"source": "hot", "temperature": "warm"}, {"source": "hot", "heat": 1.2},
])  # fmt: skip
def test_bad_passes_are_refused(extra):
    with pytest.raises(RecipeError):
        load(table(rollout={"passes": [extra]}))


def test_a_controlled_base_pass_trains_on_what_it_sampled(seen, tmp_path):
    changes = {"rollout": {"temperature": "controlled"}, "objective": ["clip", THERMOSTAT]}
    train(table(**changes), out=tmp_path / "run")
    (_, rollouts, *_), _ = seen["batches"][0]
    assert float(rollouts.values["temperature"]) == pytest.approx(1.2)


@pytest.mark.parametrize(("bind", "heat"), [({}, 1.2), ({"tempered_logp": {"temperature": 2.0}}, 2.0)])
def test_tempered_log_probs_are_at_the_temperature_in_force(seen, tmp_path, bind, heat):
    steered = ["clip", THERMOSTAT] if not bind else ["clip"]
    changes = {"advantage": ["grpo", {"use": "tempered_reinforce", "bind": bind}], "objective": steered}
    train(table(**changes), out=tmp_path / "run")
    (frame, rollouts, *_), _ = seen["batches"][0]
    found = frame.get("tempered_logp", bind.get("tempered_logp", {}))[:, 0]
    for i, task in enumerate(rollouts.values["task"]):
        chain = task.fields["chain"][0]
        logits = torch.tensor(list(chain.values()), dtype=torch.float64).log() / heat
        place = list(chain).index(rollouts.values["completion"][i])
        assert found[i].item() == pytest.approx(torch.log_softmax(logits, 0)[place].item(), abs=1e-5)


class Stop(Callback):
    def on_step(self, step, total, metrics, times):
        if step == 4:
            raise KeyboardInterrupt


EVERYTHING = {
    "task": {"use": "exploration", "world": "chain", "base_mass": 0.3},
    "rollout": {"passes": [{**HOT, "temperature": 1.3}]},
    "providers": {"entropy_windows": {"window": 2, "triggers": ["a", "b"]}},
    "shaping": ["entropy_budget", "running_normalize"],
    "selection": [{"use": "mix_rollouts", "order": "random"}],
    "advantage": ["grpo", "source_constant"],
    "objective": [
        "clip", {"use": "kl_gate", "phase_window": 2, "base": 0.01, "bounds": [0.001, 0.02]},
        {"use": "adaptive_kl_log", "name": "slow", "interval": 2, "buckets": 3, "target": 0.1,
         "bind": {"kl": "kl", "difficulty": "difficulty"}},
        "kl_relief", {"use": "kl_penalty", "estimator": "k3"},
    ],
}  # fmt: skip


def test_every_controller_is_resumed_exactly(tmp_path):
    whole = train(table(**EVERYTHING), out=tmp_path / "whole")
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        train(table(**EVERYTHING), out=tmp_path / "cut", callbacks=[Stop()])
    resume(tmp_path / "cut")
    assert (whole.path / "policy/table.json").read_bytes() == (tmp_path / "cut/policy/table.json").read_bytes()
    states = [_components(f) for f in (whole.path, tmp_path / "cut")]
    assert states[0] == states[1]
    assert {k.partition("/")[0] for k in states[0]} >= {"provider", "shaping", "objective"}
    assert states[0]["provider/entropy_windows"]["threshold"] is not None
    assert states[0]["objective/kl_gate"]["seen"] == 5


def _components(folder):
    newest = sorted((folder / "checkpoints").glob("step-*"))[-1]
    return json.loads((newest / "state.json").read_text())["components"]


def test_what_is_changed_is_written_before(tmp_path):
    """kl_relief reads kl_coef and writes it: wherever it is listed, it acts on what the controller wrote."""
    first, last = list(EVERYTHING["objective"]), list(EVERYTHING["objective"])
    first.insert(0, first.pop(3))
    runs = [train(table(**{**EVERYTHING, "objective": o}), out=tmp_path / str(i)) for i, o in enumerate((first, last))]
    assert (runs[0].path / "policy/table.json").read_bytes() == (runs[1].path / "policy/table.json").read_bytes()
