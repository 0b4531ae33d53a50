"""Hidden states in the engine: the reduction equals that of each row alone, whatever the batches; tables refuse."""

from __future__ import annotations

import json

import pytest
import torch

from guerdon.engines.native.forward import decision_states, micro_batches
from guerdon.engines.native.rollout import collect
from guerdon.engines.native.run import prepare, resume
from guerdon.engines.native.sampler import Sampling
from guerdon.errors import RecipeError
from guerdon.providers.hidden_rank import hidden_rank
from guerdon.recipe import load

CHAIN = {
    "advantage": ["grpo", "effective_rank_bonus"],
    "providers": {"hidden_rank": {"stride": 1}},
    "rollout": {"prompts": 8, "group": 8},
    "train": {"steps": 3, "checkpoint_every": 1, "threads": 1},
}


def states_of_rows(policy, rollouts, budget):
    """States of every row as ``[row][decision, width]``."""
    batch = rollouts.completions
    out = {}
    with torch.no_grad():
        for packed in micro_batches(batch, torch.arange(len(batch)), policy, budget=budget):
            states, row = decision_states(policy, packed), packed.place // batch.tokens.shape[1]
            out |= {i: states[row == k] for k, i in enumerate(packed.rows.tolist())}
    return out


def test_states_are_those_of_the_row_alone(recipe):
    data, policy, _ = prepare(recipe())
    tasks = [data.train[i] for i in range(3)]
    rollouts = collect(policy, tasks, 4, Sampling(max_new_tokens=6), (0, "test"))
    together, apart = (states_of_rows(policy, rollouts, budget) for budget in (100_000, 24))
    batch = rollouts.completions
    for i in range(len(batch)):
        prompt = batch.prompts[batch.prompt_of[i]][: batch.prompt_lengths[batch.prompt_of[i]]]
        ids = torch.cat([prompt, batch.tokens[i, : batch.lengths[i]]])[None]
        with torch.no_grad():
            alone = policy.body(input_ids=ids).last_hidden_state[0]
        # a decision is taken one place before its token
        wanted = alone[len(prompt) - 1 : -1]
        for found in (together[i], apart[i]):
            assert found.shape == wanted.shape
            assert torch.allclose(found, wanted, atol=1e-5)
        rank = hidden_rank(wanted[None], torch.ones(1, len(wanted), dtype=torch.bool), stride=1)
        assert torch.allclose(
            rank, hidden_rank(together[i][None], torch.ones(1, len(wanted)).bool(), stride=1), atol=1e-3
        )


def test_a_run_shapes_its_advantages_and_resumes(trained, tmp_path):
    plain = trained("plain", **{**CHAIN, "advantage": ["grpo"]})
    whole = trained("whole", **CHAIN)
    assert (plain.path / "rollouts.jsonl").read_bytes() != (whole.path / "rollouts.jsonl").read_bytes()
    # cut back to its second checkpoint the run ends the same
    expected = [json.loads(line)["metrics"] for line in (whole.path / "metrics.jsonl").read_text().splitlines()]
    (whole.path / "summary.json").unlink()
    newest = sorted((whole.path / "checkpoints").iterdir())[-1]
    for file in newest.iterdir():
        file.unlink()
    newest.rmdir()
    again = resume(whole.path)
    assert [json.loads(line)["metrics"] for line in (again.path / "metrics.jsonl").read_text().splitlines()] == expected


def test_a_table_has_no_hidden_states():
    data = {"task": {"use": "exploration"}, "policy": "table", **CHAIN}
    with pytest.raises(RecipeError, match="no hidden states"):
        prepare(load(data))
