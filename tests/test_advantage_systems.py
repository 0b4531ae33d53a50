"""Recipes of the advantage systems: they build on the native engine, and their parts meet as the papers say."""

from __future__ import annotations

import pytest
import torch

from guerdon.engines.native.run import PROVIDES, prepare
from guerdon.recipe import load

SYSTEMS = ("canon", "copo", "riskpo", "g2rpo", "empg", "spear", "verl-effective-rank")


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_recipe_builds(name):
    data, policy, pipeline = prepare(load(name, ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]))
    assert pipeline.needs() <= PROVIDES
    assert len(data.train)
    assert policy.window > 0


def rows(recipe: str, reward: list[float], answers: list[int], group: list[int]):
    """Advantages and gradient of the log-probs of one decision per row, on-policy."""
    _, _, pipeline = prepare(load(recipe, ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]))
    n = len(reward)
    logp = torch.full((n, 1), -1.0, requires_grad=True)
    given = {
        "reward": torch.tensor(reward), "answer_id": torch.tensor(answers), "group_id": torch.tensor(group),
        "mask": torch.ones(n, 1, dtype=torch.bool), "logp": logp, "old_logp": logp.detach(),
        "sample_index": torch.arange(n) % group.count(0), "temperature": torch.tensor(1.0),
    }  # fmt: skip
    frame = pipeline.frame(given)
    pipeline.advantage(frame)
    pipeline.loss(frame, pipeline.term_weights(given)).total.backward()
    assert logp.grad is not None
    return pipeline, frame, logp.grad[:, 0]


def test_copo_moves_prompts_that_grpo_leaves_alone():
    """One prompt always solved, one always wrong with one answer: up and down by the weight of agreement."""
    _, frame, gradient = rows("copo", [1.0] * 4 + [0.0] * 4, [0] * 4 + [1] * 4, [0] * 4 + [1] * 4)
    assert not frame.get("advantage").any()
    # the global advantage is sqrt(1/2) up and down, its weight 1 - sigmoid(-3), each row an eighth of the mean
    size = 0.5**0.5 * (1 - torch.sigmoid(torch.tensor(-3.0)).item()) / 8
    assert gradient.tolist() == pytest.approx([-size] * 4 + [size] * 4, rel=1e-4)


def test_copo_leaves_prompts_of_many_answers_to_the_group():
    """Eight different answers, half of them right: the gate is 1 - 1/(1 + e^{3 (ln 8 - 1)}) = .962 local."""
    reward, group = [1.0, 0.0] * 4 + [1.0] * 8, [0] * 8 + [1] * 8
    _, frame, gradient = rows("copo", reward, [*range(8)] + [9] * 8, group)
    local = torch.sigmoid(3 * (torch.tensor(8.0).log() - 1)).item()
    own, other = frame.get("advantage")[0, 0].item(), frame.get("advantage/global")[0, 0].item()
    assert gradient[0].item() == pytest.approx(-(local * own + (1 - local) * other) / 16, rel=1e-4)
    assert local == pytest.approx(0.962, abs=1e-3)


def test_riskpo_keeps_its_quantiles_with_the_run():
    pipeline, _, _ = rows("riskpo", [1.0, 0.0, 0.0, 1.0], [0, 1, 1, 0], [0, 0, 1, 1])
    state = pipeline.stateful()["advantage/tail_risk"].state_dict()
    # two scores of 1, scaled from two prompts to a bundle of five
    assert state["quantiles"] == pytest.approx([2.5] * 19)


def test_empg_reads_the_lines_of_an_episode():
    _, _, pipeline = prepare(load("empg", ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]))
    text = [["a", "\n", "b", "\n", "<end>"]]
    mask = torch.ones(1, 5, dtype=torch.bool)
    frame = pipeline.frame({"token_text": text, "mask": mask, "terminated": torch.tensor([[False] * 4 + [True]])})
    assert frame.get("step_id").tolist() == [[0, 0, 1, 1, 1]]


def test_canon_reads_the_entropy_of_the_sampling_policy():
    _, _, pipeline = prepare(load("canon", ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]))
    assert "old_entropy" in pipeline.needs_before_update()
    assert "metric" not in pipeline.needs()
    # the sum over a completion divided by the longest possible one
    assert (pipeline.aggregate.use, pipeline.aggregate.length) == ("fixed_length", 40.0)
