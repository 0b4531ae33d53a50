"""Replay in the engine: off it changes nothing, on it trains on stored rows, and a resumed run is the same."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import torch

from guerdon.engines.native import replay
from guerdon.engines.native.run import prepare, resume, train
from guerdon.errors import RecipeError
from guerdon.recipe import load
from guerdon.suite import BUDGET, laid_over

RUN: dict[str, Any] = laid_over(
    BUDGET,
    {
        "name": "replay", "task": {"use": "exploration", "world": "rare", "base_mass": 0.2},
        "rollout": {"prompts": 4, "group": 8}, "eval": {"size": 4, "samples": 2}, "record": {"every": 1},
        "train": {"steps": 8, "checkpoint_every": 1, "keep": 20},
    },
)  # fmt: skip
PLAIN: dict[str, Any] = {"advantage": ["dr_grpo"]}
AGAIN: dict[str, Any] = {
    "advantage": ["dr_grpo", "replay_baseline"],
    "selection": [{"use": "replay_buffer", "size": 4, "max_age": 5, "require_tool": False}],
    "objective": [{"use": "clip", "rows": ["base"]}, {"use": "clip", "name": "imitation", "rows": ["replay"]}],
}


def steps(folder) -> list[dict[str, float]]:
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [m["metrics"] for m in lines if m["kind"] == "train"]


def with_weight(weight: float) -> dict[str, Any]:
    base, again = AGAIN["objective"]
    return laid_over(AGAIN, {"objective": [base, {**again, "weight": weight}]})


def test_weight_zero_is_the_recipe_without_replay(tmp_path):
    plain = train(laid_over(RUN, PLAIN), out=tmp_path / "plain").path
    off = train(laid_over(RUN, with_weight(0.0)), out=tmp_path / "off").path
    assert sum(m["replay/rows"] for m in steps(off)) > 0
    ours, theirs = (json.loads((p / "policy" / "table.json").read_text()) for p in (off, plain))
    for question, places in theirs.items():
        for a, b in zip(ours[question], places, strict=True):
            assert a == pytest.approx(b, abs=1e-5)


def test_replayed_rows_are_learnt(tmp_path):
    on = steps(train(laid_over(RUN, AGAIN), out=tmp_path / "on").path)
    used = [m for m in on if m["replay/rows"]]
    assert used
    # a power of two of good rows, at most the size, and only when more than 6 are good
    assert all(m["replay/rows"] == 4 and m["replay/good"] > 6 for m in used)
    assert all(m["loss/imitation"] < 0 for m in used)
    assert all(m["loss/imitation"] == 0 for m in on if not m["replay/rows"])


@pytest.mark.parametrize("back", [2, 5])
def test_a_resumed_run_is_bit_for_bit_the_same(tmp_path, back):
    whole = train(laid_over(RUN, AGAIN), out=tmp_path / "whole").path
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    (cut / "summary.json").unlink()
    for folder in sorted((cut / "checkpoints").iterdir()):
        if folder.is_dir() and int(folder.name.rpartition("-")[2]) > back:
            shutil.rmtree(folder)
    resume(cut)
    assert steps(cut) == steps(whole)
    assert (cut / "rollouts.jsonl").read_bytes() == (whole / "rollouts.jsonl").read_bytes()
    assert (cut / "policy" / "table.json").read_bytes() == (whole / "policy" / "table.json").read_bytes()


def test_a_joined_batch_keeps_stored_logps_and_new_groups():
    from guerdon.engines.native.packing import Completions
    from guerdon.engines.native.rollout import Rollouts

    def batch(tokens: list[list[int]], **values: Any) -> Rollouts:
        ids = torch.tensor(tokens)
        mask = torch.ones_like(ids, dtype=torch.bool)
        n = torch.arange(len(ids))
        made = Completions(torch.ones(len(ids), 1, dtype=torch.long), torch.ones(len(ids), dtype=torch.long), n, ids,
                           mask.sum(1), mask)  # fmt: skip
        return Rollouts(made, {"tokens": ids, "mask": mask, **values}, {})

    base = batch([[1], [2]], old_logp=torch.tensor([[-1.0], [-2.0]]), source=["base"] * 2, is_correct=torch.ones(2))
    again = batch([[3, 4]], old_logp=torch.tensor([[-5.0, -6.0]]), source=["replay"])
    rows, values = replay._together(base, {**base.values, "temperature": torch.tensor(0.7)}, again)
    assert values["old_logp"].tolist() == [[-1.0, 0.0], [-2.0, 0.0], [-5.0, -6.0]]
    assert values["mask"].tolist() == [[True, False], [True, False], [True, True]]
    assert values["source"] == ["base", "base", "replay"]
    assert "is_correct" not in values  # unknown of replayed rows
    assert float(values["temperature"]) == pytest.approx(0.7)
    assert rows.completions.prompt_of.tolist() == [0, 1, 2]


def test_recipes_that_cannot_replay_are_refused():
    for change, words in (
        ({"objective": ["clip"]}, "no objective trains on them"),
        ({"objective": [*AGAIN["objective"], "consistency_weight"]}, "not known of replayed rows"),
    ):
        with pytest.raises(RecipeError, match=words):
            prepare(load(laid_over(RUN, AGAIN, change)))


def test_a_language_model_replays_with_tools_asked_for(trained):
    many = {"rollout": {"prompts": 8, "group": 8}}
    # no row calls a tool here: nothing is stored, and the run goes on
    out = trained(**{**AGAIN, **many, "selection": [{"use": "replay_buffer", "size": 2, "trigger": 0.5}]})
    assert all(m["replay/stored"] == 0 for m in steps(out.path))
    out = trained("second", **{**AGAIN, **many, "selection": [{"use": "replay_buffer", "size": 2, "trigger": 0.5,
                                                       "require_tool": False}]})  # fmt: skip
    assert sum(m["replay/rows"] for m in steps(out.path)) > 0
