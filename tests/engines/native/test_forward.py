from __future__ import annotations

import pytest
import torch

from guerdon.engines.native.forward import frozen_statistics, micro_batches, statistics
from guerdon.engines.native.packing import Completions, arrange, share, split
from guerdon.frame import key
from guerdon.ops.kernels import stat_key

FAMILIES = ("qwen3", "llama", "gpt2")


def separate(policy, batch: Completions, temperature: float = 1.0) -> torch.Tensor:
    """Log-probs by one plain forward pass per row, without padding, packing or masks."""
    out = torch.zeros(batch.tokens.shape, dtype=policy.dtype)
    for i in range(len(batch)):
        p = int(batch.prompt_of[i])
        prompt = batch.prompts[p, : batch.prompt_lengths[p]]
        row = batch.tokens[i, : batch.lengths[i]]
        logits = policy.core(input_ids=torch.cat([prompt, row])[None]).logits[0] / temperature
        logp = logits.log_softmax(-1)
        for t in range(len(row)):
            if batch.mask[i, t]:
                out[i, t] = logp[len(prompt) + t - 1, row[t]]
    return out


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("budget", [None, 60])
def test_packed_log_probs_equal_separate_passes(tiny, rollouts, family, budget, double):
    policy = tiny(family, wide=True)
    assert policy.fused
    assert policy.packable
    batch = rollouts(policy).completions
    assert len(set(batch.lengths.tolist())) > 1
    expected = separate(policy, batch)
    for shared in (True, False):
        found = frozen_statistics(policy, batch, ["logp"], budget=budget, shared=shared)["logp"]
        assert (found - expected).abs().max() < 1e-10
    assert (expected[batch.mask] < 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_log_probs_in_float32(tiny, rollouts, family):
    policy = tiny(family)
    batch = rollouts(policy).completions
    found = frozen_statistics(policy, batch, ["logp"], budget=None, shared=True, temperature=0.7)["logp"]
    assert found.dtype == torch.float32
    # sums of about 30 products in float32, log-probs of a few nats
    assert (found - separate(policy, batch, 0.7)).abs().max() < 2e-5


def test_prompts_are_really_shared(tiny, rollouts):
    policy = tiny()
    batch = rollouts(policy, copies=4, tokens=3).completions
    index = torch.arange(len(batch))
    shared = sum(m.tokens for m in micro_batches(batch, index, policy, budget=None))
    alone = sum(m.tokens for m in micro_batches(batch, index, policy, budget=None, shared=False))
    assert shared < 0.7 * alone


def test_a_model_that_takes_no_full_mask_gets_plain_rows(tiny, rollouts, double):
    policy = tiny(wide=True)
    batch = rollouts(policy).completions
    expected = separate(policy, batch)
    policy.packable = False
    found = frozen_statistics(policy, batch, ["logp"], budget=80, shared=True)["logp"]
    assert (found - expected).abs().max() < 1e-10
    policy.fused = False
    found = frozen_statistics(policy, batch, ["logp", "entropy"], budget=80, shared=True)
    assert (found["logp"] - expected).abs().max() < 1e-10


def test_entropy_and_value_equal_their_definitions(tiny, rollouts, double):
    policy = tiny(wide=True)
    batch = rollouts(policy).completions
    head = torch.nn.Linear(32, 1)
    found = frozen_statistics(policy, batch, ["entropy", "value"], budget=70, shared=True, value_head=head)
    i = int(batch.lengths.argmax())
    p = int(batch.prompt_of[i])
    ids = torch.cat([batch.prompts[p, : batch.prompt_lengths[p]], batch.tokens[i, : batch.lengths[i]]])[None]
    at = torch.arange(int(batch.lengths[i])) + int(batch.prompt_lengths[p]) - 1
    logp = policy.core(input_ids=ids).logits[0, at].log_softmax(-1)
    assert (found["entropy"][i, : len(at)] + (logp.exp() * logp).sum(-1)).abs().max() < 1e-10
    hidden = policy.body(input_ids=ids).last_hidden_state[0, at]
    assert (found["value"][i, : len(at)] - head(hidden)[:, 0]).abs().max() < 1e-10


def test_a_mask_with_holes_and_rows_without_decisions(tiny, rollouts, double):
    policy = tiny(wide=True)
    batch = rollouts(policy).completions
    mask = batch.mask.clone()
    mask[:, 1] = False  # a token that a tool wrote: read by the policy, not decided by it
    mask[3] = False
    lengths = batch.lengths.clone()
    lengths[5] = 0
    mask[5] = False
    holed = Completions(batch.prompts, batch.prompt_lengths, batch.prompt_of, batch.tokens, lengths, mask)
    expected = separate(policy, holed)
    for budget in (None, 50):
        found = frozen_statistics(policy, holed, ["logp"], budget=budget, shared=True)["logp"]
        assert (found - expected).abs().max() < 1e-10
        assert not found[~mask].any()
    assert expected[mask].abs().min() > 0


def test_statistics_carry_gradient_to_the_model(tiny, rollouts):
    policy = tiny()
    batch = rollouts(policy).completions
    (packed,) = micro_batches(batch, torch.arange(len(batch)), policy, budget=None)
    found = statistics(policy, packed, batch.tokens.shape[1], {key("logp"): "logp"})[key("logp")]
    found.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in policy.trainable())


def test_arrange_keeps_every_row_once():
    prompt_of = torch.tensor([0, 0, 1, 0, 2, 2])
    n = torch.tensor
    batch = Completions(torch.ones(3, 2).long(), n([2, 1, 2]), prompt_of, torch.ones(6, 4).long(),
                        n([4, 1, 2, 3, 4, 0]), torch.ones(6, 4).bool())  # fmt: skip
    rows = arrange(batch, torch.arange(6), 2)
    assert rows == [[0, 1], [2], [3], [4, 5]]
    # padded sizes: prompt + inputs (one less than the tokens) = [2+3+0, 1+1, 2+2, 2+3+0]
    for budget in (1, 5, 8, 10, 100):
        micro = split(batch, rows, budget)
        assert sorted(map(tuple, (r for m in micro for r in m))) == sorted(map(tuple, rows))
        sizes = {(0, 1): 5, (2,): 2, (3,): 4, (4, 5): 5}
        for part in micro:
            widest = max(sizes[tuple(r)] for r in part)
            assert len(part) == 1 or len(part) * widest <= budget
    assert split(batch, rows, None) == [rows]


def test_share_prefers_the_cheaper_layout():
    # one copy of 100 prompt tokens for all eight against eight copies
    assert share(prompt=100, completion=2, group=8, hidden=64) == 8
    assert share(prompt=1, completion=500, group=8, hidden=64) == 1
    assert stat_key("log_partition", {"alpha": 2.0}) == "log_partition(alpha=2.0)"
