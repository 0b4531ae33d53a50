"""Recipes of the controlled systems: they build on the native engine, and their parts meet as the papers say."""

from __future__ import annotations

import pytest
import torch

from guerdon.engines.native.run import PROVIDES, prepare
from guerdon.recipe import load
from guerdon.suite import recipe_of

SYSTEMS = ("ares", "safe", "aepo-arbitrary", "dcpo")
SMALL = ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_recipe_builds(name):
    _, policy, pipeline = prepare(load(name, SMALL))
    assert pipeline.needs() <= PROVIDES
    assert policy.window > 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_method_part_runs_on_a_table(name):
    _, _, pipeline = prepare(load(recipe_of(name, "exploration", "modes")))
    assert pipeline.needs() <= PROVIDES


def test_aepo_keeps_its_passes_in_a_suite():
    rollout = load(recipe_of("aepo-arbitrary", "exploration", "rare")).rollout
    assert (rollout.prompts, rollout.group) == (16, 16)
    assert [(p.source, p.share) for p in rollout.passes] == [("hot", 0.25)]


def test_the_price_of_a_row_is_its_bucket_times_its_relief():
    """Controller before relief: bucket 0 has moved to exp(.05 * .2), and the uncertain wrong row pays .67 of it."""
    _, _, pipeline = prepare(load("ares", SMALL))
    slow = next(t.component.instance for t in pipeline.terms if t.label == "adaptive_kl_log")
    slow.interval, slow.smoothing = 1, 0.0
    given = {
        "mask": torch.ones(3, 1, dtype=torch.bool), "kl": torch.tensor([9.0, 9.0, 0.2]),
        "difficulty": torch.tensor([0, 0, 2]), "is_correct": torch.tensor([False, True, False]),
        "entropy_windows": torch.tensor([[2.0, 0.0, 0.6]] * 3), "group_id": torch.tensor([0, 0, 1]),
    }  # fmt: skip
    written = pipeline.coefficients(pipeline.frame(given))
    moved = torch.tensor(0.05 * 0.2).exp().item()
    assert written["kl_coef"].tolist() == pytest.approx([0.67 * moved, moved, 1.0])


def test_the_gate_of_safe_opens_the_penalty():
    _, _, pipeline = prepare(load("safe", SMALL))
    values = {"mask": torch.ones(1, 2, dtype=torch.bool), "old_entropy": torch.full((1, 2), 1.9)}
    frame = pipeline.frame(values)
    assert pipeline.coefficients(frame)["kl_coef"].item() == 0.0  # nothing was measured yet
    frame.put("last", torch.tensor(9.0), {"metric": "kl"})
    frame.put("history", torch.tensor([0.5]), {"metric": "raw_reward"})
    # the running KL is .1 * 9, the threshold .3 * 1.5 while warming up, the entropy factor 2 / 2
    assert pipeline.coefficients(frame)["kl_coef"].item() == pytest.approx(0.2 * (0.9 - 0.45))
    assert "old_entropy" in pipeline.needs_before_update()
